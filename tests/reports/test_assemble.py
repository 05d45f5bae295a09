"""The report from end to end: one file, for every kind of input, with and without the data."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import topwork
from tests import small
from tests.reports.made import answers, changed
from tests.reports.test_page import Checked
from topwork.backbones.base import Backbone
from topwork.errors import SettingError, StoreError
from topwork.evaluation.intervals import Estimate
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.model.archive import CARD, PROBLEMS, REPORT
from topwork.model.model import Model, load
from topwork.reports.assemble import WrittenReport, report
from topwork.runs.train import train
from topwork.training.selection import Candidate, Selection


def words_of(made: WrittenReport) -> str:
    return " ".join(Checked(made.path.read_text(encoding="utf-8")).words.split())


def reported(model: Model, tmp_path: Path) -> WrittenReport:
    return report(model, tmp_path / "page.html")


def test_it_is_one_whole_page(made: WrittenReport, saved: Path) -> None:
    text = made.path.read_text(encoding="utf-8")
    found = Checked(text)
    assert len(text.encode()) == made.num_bytes < 10_000_000
    ids = found.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in found.all("href") if href.startswith("#")} <= set(ids)
    assert not [v for v in found.all("src") + found.all("href") if not v.startswith(("#", "data:"))]
    assert text.count("<svg") == 3, "reliability, learning curve, depth"
    assert "is not there" not in found.words
    assert "has no attribute" not in found.words
    for name in (
        "filters of",
        "the patches that excite",
        "efficientnet",
        "recipe.toml",
        "seed = 0",
    ):
        assert name in found.words, name
    model = load(saved)
    assert model.evaluation is not None
    for one in model.evaluation.per_class:
        assert f"{100 * one.recall.low:.1f} to {100 * one.recall.high:.1f}%" in found.words
    assert made.messages[0].rstrip(".") in " ".join(found.words.split())
    assert str(made.path.parent / "digits") in made.messages[1], "the command has the real path"
    assert f"topwork predict {made.path.parent / 'digits'} photo.jpg" in found.words


def test_mistakes_and_problems_have_pictures(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    assert model.oof_predictions is not None
    exchanged = model.oof_predictions.probabilities[:, [1, 0, 2]]
    wrong = replace(model.oof_predictions, probabilities=exchanged)
    folder = changed(model, oof_predictions=wrong).save(tmp_path / "model")
    found = report(folder, tmp_path / "page.html")
    page = Checked(found.path.read_text(encoding="utf-8"))
    assert "A wrong label?" in page.words
    assert {"cv-0-1", "cv-1-0"} <= set(page.all("id"))
    assert len([src for src in page.all("src") if src.startswith("data:image/webp")]) >= 4
    assert found.table is not None
    with found.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["label"] for row in rows if row["kind"] == "label"]
    assert len(labels) == page.words.count("A wrong label?") == 20
    assert set(labels) == {"one", "two"}
    download = next(a for _, a in page.elements if a.get("download") == "report-problems.csv")
    assert (download["href"] or "").startswith("data:text/csv")
    assert "Regions that spoke for a wrong answer" in page.words


def test_without_its_data_the_scores_are_still_there(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    data = shutil.copytree(digits, tmp_path / "gone")
    model = train(data, backbone=tiny_backbone, num_repeats=1)
    shutil.rmtree(data)
    told = answers([0] * 10 + [1] * 10 + [2] * 10, [1] * 2 + [0] * 8 + [1] * 10 + [2] * 10, 3)
    made = reported(changed(model, oof_predictions=told), tmp_path)
    page = Checked(made.path.read_text(encoding="utf-8"))
    assert "cv-0-1" in page.all("id"), "the matrix, with the names behind its cells"
    assert "example 1" in page.words
    assert "The examples are named, not shown." in page.words
    assert page.words.count("The data is not where it lay") >= 4
    assert not page.all("src") or all(src.startswith("data:") for src in page.all("src"))
    assert made.table is None
    assert "--data DATA" in made.messages[1]


def test_a_model_of_before_has_the_matrix_of_its_scores(tiny_model: Model, tmp_path: Path) -> None:
    words = words_of(reported(changed(tiny_model, oof_predictions=None), tmp_path))
    assert "Confusion, 5-fold cross-validation" in words
    assert "the model folder holds none" in words
    assert "no answers to single examples" in words


def test_a_model_without_any_score(tiny_backbone: Backbone, tmp_path: Path) -> None:
    pictures, labels = small.colours(3, 1)
    model = train(pictures, labels, backbone=tiny_backbone)
    assert model.evaluation is None
    words = words_of(reported(model, tmp_path))
    assert "How good it is, is not known" in words
    assert "topwork evaluate MODEL DATA" in words


def test_what_was_tried_is_drawn(tiny_model: Model, tmp_path: Path) -> None:
    score = Estimate(value=0.9, low=0.8, high=0.95)
    candidates = [
        Candidate(strategy="head", accuracy=score, num_examples=30, gain=None, gain_error=None,
              seconds=2.0, verdict=""),
        Candidate(strategy="last:2", accuracy=score, num_examples=30, gain=0.031, gain_error=0.012,
              seconds=75.0, verdict="taken"),
        Candidate(strategy="all", accuracy=score, num_examples=0, gain=None, gain_error=None,
              seconds=0.0, verdict="no time"),
    ]  # fmt: skip
    selection = Selection(
        strategy="last:2", reason="It pays.", candidates=tuple(candidates), trained="two blocks"
    )
    words = words_of(reported(changed(tiny_model, selection=selection), tmp_path))
    assert "+3.1 points ± 1.2" in words
    assert "1 min 15 s" in words
    assert "no time" in words
    assert "It pays." in words


def test_sounds_can_be_heard(tmp_path: Path) -> None:
    data = small.write_sounds(tmp_path / "sounds")
    model = train(data, backbone=small.tiny_sound_backbone(), num_repeats=1)
    assert model.oof_predictions is not None
    told = answers(model.oof_predictions.truth.tolist(), [1] * len(model.oof_predictions.truth), 3)
    wrong = replace(model.oof_predictions, probabilities=told.probabilities)
    page = Checked(reported(changed(model, oof_predictions=wrong), tmp_path).path.read_text())
    players = [attrs for tag, attrs in page.elements if tag == "audio"]
    assert players
    assert all((one["src"] or "").startswith("data:audio/wav") for one in players)
    assert "Moments that spoke for a wrong answer" in page.words
    assert "low notes at the bottom" in page.words


def test_words_are_shaded(tmp_path: Path) -> None:
    data = small.write_texts(tmp_path / "texts.csv")
    model = train(data, backbone=small.tiny_text_backbone(), num_repeats=1)
    assert model.oof_predictions is not None
    told = answers(model.oof_predictions.truth.tolist(), [1] * len(model.oof_predictions.truth), 2)
    wrong = replace(model.oof_predictions, probabilities=told.probabilities)
    page = Checked(reported(changed(model, oof_predictions=wrong), tmp_path).path.read_text())
    assert "my card is lost" in page.words
    shades = {name for name in page.all("class") if re.fullmatch(r"w-?[0-4]", name)}
    assert shades & {"w4", "w-4"}, "the strongest word has the strongest shade"
    assert len(shades) > 2


def test_arrays_have_a_report_too(tmp_path: Path) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Conv1d(1, 8, 5), torch.nn.ReLU())
    backbone = topwork.from_module(
        module, name="own", blocks=["1"], layout="NCL", input=ArrayInput(shape=(1, 40)),
        card=topwork.Card(licence="MIT", pretrained_on="nothing", num_pretraining_examples=0,
                          source="a test"),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    arrays = [rng.normal(k % 2, 0.3, 40).astype(np.float32) for k in range(24)]
    model = topwork.train(arrays, [str(k % 2) for k in range(24)], backbone=backbone, num_repeats=1)
    assert "this model takes arrays" in words_of(reported(model, tmp_path))


def test_a_model_or_its_folder_may_be_given(tiny_model: Model, saved: Path, tmp_path: Path) -> None:
    stages: set[str] = set()
    made = topwork.report(
        tiny_model, str(tmp_path / "page.html"), on_progress=lambda stage, *_: stages.add(stage)
    )
    assert made.path == tmp_path / "page.html"
    assert made.path.stat().st_size == made.num_bytes > 50_000
    assert {"read", "patches"} <= stages  # the curve may be kept of an earlier test
    folder = Path(shutil.copytree(saved, tmp_path / "pets"))
    mine = (folder / CARD).read_text(encoding="utf-8") + "\nMy own words.\n"
    (folder / CARD).write_text(mine, encoding="utf-8")
    told = topwork.report(str(folder), folder / REPORT)
    assert "pets" in words_of(told)
    card = (folder / CARD).read_text(encoding="utf-8")
    assert "it was not measured" in mine
    assert "it was not measured" not in card
    assert "My own words." in card
    with pytest.raises(SettingError, match="time limit is 'soon'"):
        topwork.report(tiny_model, tmp_path / "page.html", control="soon")


def test_a_place_that_cannot_be_written_to(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Nothing can be written to .*page\.html"):
        reported(tiny_model, tmp_path / "file")


def test_a_model_with_a_report_can_be_replaced(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    load(saved).save(folder)
    for name in (REPORT, PROBLEMS):
        (folder / name).write_text("an old one")
    load(folder).save(folder, overwrite=True)
    assert not (folder / REPORT).exists(), "it was of the model before"
