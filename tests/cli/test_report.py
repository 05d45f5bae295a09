"""`topwork report`: where it writes, what it prints, and what it will not overwrite."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from topwork.cli.app import app
from topwork.model.archive import REPORT
from topwork.model.model import load


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_it_is_written_into_the_model_folder(saved: Path, tmp_path: Path) -> None:
    model = shutil.copytree(saved, tmp_path / "model")
    result = run(model)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(str(model / REPORT))
    assert " MB" in lines[0]
    assert "it has not seen" in lines[1]
    assert lines[2].startswith("Next: ")
    assert lines[3].startswith("topwork "), "a command on its own line"
    assert len(lines) == 4
    assert (model / REPORT).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    load(model)

    again = run(model)
    assert again.exit_code == 2
    assert "There is a file" in again.output
    assert run(model, "--overwrite").exit_code == 0


def test_it_goes_where_it_is_told(saved: Path, digits: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(saved, tmp_path / "model"))
    assert run(model, "--out", tmp_path / "a.html", "--data", digits, "-q").exit_code == 0
    assert (tmp_path / "a.html").exists()
    assert not (model / REPORT).exists()
    asked = run(model, "--out", tmp_path / "b.html", "--json")
    told = json.loads(asked.stdout)
    assert asked.stderr == ""
    assert told["report"] == str(tmp_path / "b.html")
    assert (tmp_path / "b.html").stat().st_size == told["num_bytes"]
    assert len(told["messages"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--out", "."], 2, "a folder"),
        (["--control", "soon"], 2, "The time limit is 'soon'"),
        (["--data", "nowhere", "--out", "never.html"], 3, "There is no folder or file"),
    ],
)
def test_what_it_refuses(saved: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(saved, *arguments)
    assert result.exit_code == code
    assert message in result.output


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 6
