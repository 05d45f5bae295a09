"""Every benchmark starts, and says what it shows: what it measures is measured by hand."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "common.py")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_what_is_short_of_its_bound_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    from common import Figure

    assert Figure(name="a", measured=0.9, bound=0.9).met == "yes"
    assert Figure(name="a", measured=0.89, bound=0.9).met == "no"
    assert Figure(name="a", measured=-0.01, bound=0.0, noise=0.02).met == "within noise"
    assert Figure(name="a", measured=1.2, bound=1.1, at_most=True).met == "no"
    assert Figure(name="a", measured=1.0).met == ""
