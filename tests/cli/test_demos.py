"""The demonstration, at a small size."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests import small
from topwork.cli import demos
from topwork.cli.app import app
from topwork.cli.demos import DEMOS, DemoRow, prepare, run_demo, show_demo, show_first
from topwork.core.progress import listening
from topwork.errors import SettingError, StoreError
from topwork.evaluation.metrics import evaluate
from topwork.examples.example import Modality
from topwork.runs.source import examples_and_backbone


def test_its_own_folder_is_made_anew(tmp_path: Path) -> None:
    for _ in range(2):
        prepare(tmp_path / "digits")
        assert [path.name for path in (tmp_path / "digits").iterdir()] == [demos.MARK]
        (tmp_path / "digits" / "old.png").touch()


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits-50").mkdir()
    (tmp_path / "digits-50" / "thesis.txt").write_text("mine")
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "not made by the demo" in result.stderr
    assert (tmp_path / "digits-50" / "thesis.txt").read_text() == "mine"
    with pytest.raises(SettingError, match="Give another: topwork demo --out FOLDER"):
        next(run_demo(tmp_path))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(StoreError, match=r"Writing the data to .* failed"):
        next(run_demo(tmp_path / "demo"))
    with pytest.raises(SettingError, match="is a file"):
        prepare(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test on few digits, on a small network."""
    monkeypatch.setitem(demos.DEMOS, "image", replace(DEMOS["image"], num_test=60))
    monkeypatch.setattr(
        demos,
        "examples_and_backbone",
        lambda folder, *, backbone, call: examples_and_backbone(
            folder, backbone=small.SMALL if "?" in backbone else backbone, call=call
        ),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("fewer")
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages: set[str] = set()
    with listening(lambda stage, done, total: stages.add(stage)):
        rows = list(run_demo(tmp_path, sizes=(40,)))
    assert [row.num_examples for row in rows] == [40]
    row = rows[0]
    assert row.pretrained.num_examples == row.random.num_examples == 60
    assert row.pretrained.accuracy.value > 0.5
    assert row.pretrained != row.random
    worth = row.worth
    assert worth.low <= worth.value <= worth.high
    assert worth.value == pytest.approx(row.pretrained.accuracy.value - row.random.accuracy.value)
    assert {"40 pre-trained: features", "40 random: cross-validate"} <= stages
    show_demo(rows)
    printed = capsys.readouterr().out
    assert "40 examples" in printed
    assert f"{row.pretrained.accuracy.value:.3f}" in printed
    assert set(row.to_dict()) == {"num_examples", "pretrained", "random", "worth"}


def test_a_test_part_that_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untested:
        test = None

    monkeypatch.setattr(demos, "train_examples", lambda *arguments, **settings: Untested())
    with pytest.raises(SettingError, match=r"digits-50' has lost .*Remove it"):
        next(run_demo(tmp_path))


def test_the_first_table_is_printed_while_the_rest_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def coming(out: Path, modality: Modality) -> Iterator[DemoRow]:
        for size in (50, 1000):
            events.append(f"learned from {size}")
            yield demo_row(size)

    def print_first(row: DemoRow, modality: Modality) -> None:
        events.append("printed")
        show_first(row, modality)

    monkeypatch.setattr(demos, "run_demo", coming)
    monkeypatch.setattr(demos, "show_first", print_first)
    printed = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)]).stdout
    assert events == ["learned from 50", "printed", "learned from 1000"]
    assert "Now the same from 1,000 examples" in printed
    assert (printed.count("│ 50 examples"), printed.count("│ 1,000 examples")) == (2, 1)
    as_json = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--json"]).stdout
    assert [row["num_examples"] for row in json.loads(as_json)] == [50, 1000]


def demo_row(size: int) -> DemoRow:
    truth = np.arange(100) % 2
    good, chance = (
        evaluate(answers, truth, ("a", "b"), method="test")
        for answers in (np.eye(2)[truth], np.full((100, 2), 0.5))
    )
    return DemoRow(num_examples=size, pretrained=good, random=chance)


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["sound", "text"])
def test_sounds_and_texts_are_worth_transferring(tmp_path: Path, modality: Modality) -> None:
    (row,) = run_demo(tmp_path, modality, sizes=(50,))
    assert row.worth.value > 0
    run = CliRunner().invoke(app, ["demo", "--sound", "--text", "--out", str(tmp_path)])
    assert run.exit_code == 2
    assert "accepted: one of them" in run.stderr


def test_a_row_says_what_transfer_is_worth() -> None:
    row = demo_row(10)
    assert row.to_dict()["worth"]["value"] == pytest.approx(0.5)
    assert row.to_dict()["worth"]["low"] > 0.35
