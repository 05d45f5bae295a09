"""What a person sees: tables, remarks, and names that must not be taken for markup."""

import time

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.cli import progress_lines
from topwork.cli.console import (
    following,
    name_skipped,
    show_evaluation,
    show_training,
)
from topwork.core.progress import report
from topwork.evaluation.metrics import evaluate
from topwork.examples.example import Skipped
from topwork.runs.train import train

ODD = ("[bold]", "[/]", "a [red]b[/red] c")


def test_names_are_no_markup(tiny_backbone: Backbone, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = small.colours(3, 3)
    named = [ODD[int(label[1:])] for label in labels]
    model = train(images, named, backbone=tiny_backbone, num_repeats=1)
    show_training(model, "[bold]out[/]")
    printed = capsys.readouterr().out
    assert "Saved to [bold]out[/]" in printed
    truth = np.arange(9) % 3
    show_evaluation(evaluate(np.eye(3)[truth], truth, ODD, method="[i]test[/i]"))
    printed = capsys.readouterr().out
    for name in (*ODD, "[i]test[/i]"):
        assert name in printed
    name_skipped([Skipped(name="[bold]a.png", reason="[/] is broken")])
    assert "  [bold]a.png: [/] is broken" in capsys.readouterr().err


def test_many_classes_have_no_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    truth = np.arange(42) % 21
    names = [f"c{k}" for k in range(21)]
    show_evaluation(evaluate(np.eye(21)[truth], truth, names, method="test"))
    printed = capsys.readouterr().out
    assert "The confusion matrix is in the output of --json." in printed
    assert "c20" in printed


def test_nothing_skipped_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    name_skipped([])
    assert capsys.readouterr().err == ""


def test_no_bars_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with following(quiet=False):
        report("features", 1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_in_a_pipe_long_stages_have_lines(
    quiet: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_lines, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(progress_lines, "LOOK_SECONDS", 0.001)
    with following(quiet=quiet):
        report("features", 3, 2_000)
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "" if quiet else "Features: 3 of 2,000\n")
