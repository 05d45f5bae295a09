"""What is to be heard when, on recordings put together from known parts."""

import csv
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests import small
from topwork.cli.app import app
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.examples.sounds.sound import Sound
from topwork.model.model import Model
from topwork.runs.train import train

PARTS = (("low", 1.2), ("hiss", 0.9), ("high", 1.5))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = small.write_sounds(tmp_path_factory.mktemp("sounds") / "train")
    return train(folder, backbone=small.tiny_sound_backbone(), num_repeats=1)


def recording() -> Sound:
    pieces = [small.tone(small.TONES[n], seconds, seed=70) for n, seconds in PARTS]
    return Sound(samples=np.concatenate(pieces), rate_hz=small.RATE_HZ)


def test_it_has_no_gaps_and_finds_the_parts(model: Model) -> None:
    found = model.timeline(recording())
    assert found[0].start_seconds == 0.0
    assert found[-1].end_seconds == pytest.approx(3.6)
    for one, after in itertools.pairwise(found):
        assert one.end_seconds == after.start_seconds
        assert one.label != after.label
    assert all(0 < one.probability <= 1 for one in found)
    for start, (label, seconds) in zip((0.0, 1.2, 2.1), PARTS, strict=True):
        middle = start + seconds / 2
        (at,) = [one for one in found if one.start_seconds <= middle < one.end_seconds]
        assert at.label == label
        # off by no more than half a window
        assert abs(at.start_seconds - start) <= 0.15
        assert abs(at.end_seconds - start - seconds) <= 0.15


def test_a_sound_shorter_than_the_window_is_one_stretch(model: Model) -> None:
    sound = Sound(samples=small.tone(300.0, 0.1), rate_hz=small.RATE_HZ)
    (only,) = model.timeline(sound, window_seconds=1.0)
    assert (only.start_seconds, only.end_seconds) == (0.0, pytest.approx(0.1))


def test_a_finer_step_moves_the_limits_little(model: Model) -> None:
    coarse = model.timeline(recording(), window_seconds=0.3, step_seconds=0.15)
    fine = model.timeline(recording(), window_seconds=0.3, step_seconds=0.05)
    assert coarse[0].end_seconds == pytest.approx(fine[0].end_seconds, abs=0.16)


@pytest.mark.parametrize(
    ("window", "step"), [(0.01, None), (0.3, 0.0), (0.3, 0.4), (float("nan"), None), (0.3, -1.0)]
)
def test_lengths_that_make_no_sense_are_refused(
    model: Model, window: float, step: float | None
) -> None:
    with pytest.raises(SettingError, match=r"window is .* step .*accepted: .*0.05 s"):
        model.timeline(recording(), window_seconds=window, step_seconds=step)


def test_it_is_made_of_sounds(tiny_model: Model) -> None:
    with pytest.raises(ModalityError, match="this model takes images"):
        tiny_model.timeline("x.png")


def test_a_broken_recording_is_an_error(model: Model, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt nonsense")
    with pytest.raises(ExampleError):
        model.timeline(tmp_path / "broken.wav")


@pytest.mark.parametrize("form", ["lines", "csv", "jsonl", "table"])
def test_on_the_command_line(model: Model, tmp_path: Path, form: str) -> None:
    model.save(tmp_path / "model")
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", recording().samples, small.RATE_HZ)
    files = [str(tmp_path / f"{name}.wav") for name in ("a", "b")]
    run = CliRunner().invoke(
        app, ["predict", str(tmp_path / "model"), *files, "--timeline", "--format", form]
    )
    assert run.exit_code == 0, run.output
    if form == "csv":
        rows = list(csv.reader(io.StringIO(run.stdout)))
        assert rows[0] == ["file", "start_seconds", "end_seconds", "label", "probability"]
        assert rows[1][:2] == [files[0], "0.0"]
        assert sum(row[0] == "file" for row in rows) == 1
    elif form == "jsonl":
        rows_read = [json.loads(line) for line in run.stdout.splitlines()]
        assert rows_read[0]["label"] == "low"
        assert {row["file"] for row in rows_read} == set(files)
    elif form == "lines":
        first = run.stdout.splitlines()[0].split("\t")
        assert first[:2] == [files[0], "0.0"]
        assert first[3] == "low"
    else:
        assert "0:00:00.00 to" in run.stdout
