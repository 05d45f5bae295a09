"""Bars in a notebook, and nothing anywhere else."""

import sys
from types import SimpleNamespace

import pytest

from topwork.core import notebook
from topwork.core.notebook import can_show_bars, shown
from topwork.core.progress import listening, report


class ZMQInteractiveShell:
    """A kernel's shell, by the name that IPython gives it."""


class TerminalInteractiveShell:
    """That of `ipython` in a terminal."""


def begin(monkeypatch: pytest.MonkeyPatch, shell: object, widgets: object = "there") -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(notebook, "is_installed", lambda name: widgets is not None)


@pytest.mark.parametrize(
    ("shell", "widgets", "shows"),
    [
        (ZMQInteractiveShell(), "there", True),
        (ZMQInteractiveShell(), None, False),
        (TerminalInteractiveShell(), "there", False),
        (None, "there", False),
    ],
)
def test_only_a_kernel_with_widgets_shows_bars(
    shell: object, widgets: object, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(monkeypatch, shell, widgets)
    assert can_show_bars() == shows


def test_without_ipython_there_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not can_show_bars()


def test_bars_are_shown_where_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(monkeypatch, ZMQInteractiveShell())
    with shown(None):
        report("features", 2, 2)
    assert "Features" in capsys.readouterr().out
    told: list[tuple[str, int, int]] = []
    with shown(lambda *step: told.append(step)):
        report("features", 2, 2)
    with listening(lambda *step: told.append(step)), shown(None):
        report("read", 1, 1)
    assert told == [("features", 2, 2), ("read", 1, 1)]
    assert capsys.readouterr().out == ""


def test_elsewhere_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(None):
        report("features", 2, 2)
    assert capsys.readouterr() == ("", "")
