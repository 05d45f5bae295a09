"""The command as a person runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import small
from topwork.cli.app import app
from topwork.evaluation import crossval


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossval, "MAX_REPEATS", 1)


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["advise", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_verdict_comes_first_and_a_table_for_each_question(digits: Path) -> None:
    said = run(digits, "--backbone", small.SMALL, "--no-control", "--device", "auto")
    words = " ".join(said.split())
    assert words.startswith(("Transfer ", "Do not expect a gain"))
    for title in ("Transfer, and doing without it", "What speaks for transfer", "How deep?",
                  "More examples?"):  # fmt: skip
        assert title in words
    assert "a head on raw pixels" in words
    assert "Which backbone?" not in words


def test_json_is_all_there_is(digits: Path) -> None:
    other = "timm/test_efficientnet?pretrained=false&size=64&seed=3"
    said = json.loads(
        run(digits, "--backbones", f"{small.SMALL}, nothing,{other}", "--no-control", "--json",
            "--device", "auto")
    )  # fmt: skip
    assert said["backbone"] == said["backbones"]["winner"]
    assert said["backbones"]["backbones"][-1]["name"] == "nothing"
    assert set(said["verdict"]["worth"]) == {"value", "low", "high"}


def test_backbones_in_a_table_with_what_failed(digits: Path) -> None:
    said = " ".join(
        run(digits, "--backbones", f"{small.SMALL},nothing", "--no-control", "--quiet",
            "--device", "auto").split()
    )  # fmt: skip
    assert "Which backbone? On the same 30 examples left out" in said
    assert "nothing: No backbone is called 'nothing'" in said
    assert "nothing else could be compared" in said


def test_a_wrong_limit_is_a_wrong_option(digits: Path) -> None:
    done = CliRunner().invoke(app, ["advise", str(digits), "--time-limit", "soon"])
    assert done.exit_code == 2
    assert "accepted: hours, minutes and seconds" in done.output
