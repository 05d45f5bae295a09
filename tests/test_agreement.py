"""Two doors to one fact say the same."""

import itertools
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import topwork
from tests import small
from tests.cli.commands import good, run
from tests.reports.test_page import Checked
from topwork.backbones.base import Backbone
from topwork.backbones.random import with_random_weights
from topwork.backbones.registry import get_backbone
from topwork.core.files import CACHE_VARIABLE
from topwork.errors import SettingError
from topwork.evaluation.metrics import Evaluation
from topwork.evidence.learning_curve import points
from topwork.evidence.transfer import advice as advice_module
from topwork.evidence.transfer.advice import NOT_TRAINED
from topwork.model.archive import CARD, DESCRIPTION, RECIPE, REPORT
from topwork.model.model import Model
from topwork.recipe import Recipe
from topwork.runs.source import examples_and_backbone

FEW_BLOCKS = "topwork/conv2d:8,16?pretrained=false&size=16"

NOT_USED_BY_HEAD: dict[str, Any] = {
    "epochs": 3,
    "lr": 0.01,
    "optimiser": "sgd",
    "find_lr": True,
    "precision": "f32",
}


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """The digits' model folder, free to change."""
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.fixture
def few(digits: Path) -> dict[str, Any]:
    """Inputs and labels in memory, as the estimator and `train` take them."""
    paths = sorted(digits.rglob("*.png"))
    return {"inputs": [str(path) for path in paths], "labels": [p.parent.name for p in paths]}


def test_advice_report_and_card_give_one_verdict(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "model"
    topwork.train(digits, backbone=small.SMALL, out=copy)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))  # no baseline of another test
    advice = topwork.advise(digits, backbone=small.SMALL, control=False)
    assert advice.verdict.message.endswith(NOT_TRAINED)
    written = topwork.report(copy, copy / REPORT)
    page = " ".join(Checked(written.path.read_text(encoding="utf-8")).words.split())
    card = " ".join((copy / CARD).read_text(encoding="utf-8").split())
    assert advice.verdict.message.replace("`", "") in page  # there it is set as code
    assert NOT_TRAINED in page
    assert NOT_TRAINED in card


def test_advice_and_report_say_the_same_on_an_idle_and_on_a_busy_machine(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "WORK", 500)
    monkeypatch.setattr(advice_module, "MAX_CHEAP", 20)  # as with more than 500 examples
    model = topwork.train(digits, backbone=FEW_BLOCKS, train="head")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "idle"))
    advice = topwork.advise(digits, backbone=FEW_BLOCKS, control=False)
    assert advice.curve is not None
    assert max(advice.curve.num_repeats) > 1
    assert "20 of your 30 images" in advice.verdict.message
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "busy"))
    clock = itertools.count(0.0, 100.0)  # each look at it finds that 100 seconds have passed
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    written = topwork.report(model, tmp_path / "report.html")
    page = " ".join(Checked(written.path.read_text(encoding="utf-8")).words.split())
    for sentence in (advice.verdict.message, advice.curve.sentence, advice.depth.sentence):
        assert sentence.replace("`", "") in page  # there it is set as code
    again = topwork.advise(digits, backbone=FEW_BLOCKS, control=False)
    assert again.curve == advice.curve
    assert again.depth == advice.depth
    assert again.verdict.message == advice.verdict.message


@pytest.mark.parametrize("name", NOT_USED_BY_HEAD)
def test_the_head_refuses_what_it_does_not_use_at_every_door(
    name: str, digits: Path, tmp_path: Path
) -> None:
    value = NOT_USED_BY_HEAD[name]
    message = rf"{name} is .*'head'.*accepted with train = auto, last:K"
    with pytest.raises(SettingError, match=message):
        topwork.train(digits, backbone=small.SMALL, train="head", **{name: value})
    recipe = tmp_path / "recipe.toml"
    text = json.dumps(value)  # which TOML reads, too
    recipe.write_text(f'train = "head"\n[training]\n{name} = {text}\n')
    with pytest.raises(SettingError, match=message):
        Recipe.read(recipe)
    refused = run("train", digits, "--recipe", recipe, "--backbone", small.SMALL)
    assert refused.exit_code == SettingError.exit_code
    assert name in refused.stderr


def test_the_head_refuses_even_a_default_that_is_said(digits: Path) -> None:
    for name, value in {"optimiser": "adamw", "clip": 1.0, "schedule": "cosine"}.items():
        with pytest.raises(SettingError, match=f"{name} is .*'head'"):
            topwork.train(digits, train="head", **{name: value})
        with pytest.raises(SettingError, match=f"{name} is .*'head'"):
            Recipe.from_dict({"train": "head", "training": {name: value}})


@pytest.mark.parametrize("name", [small.SMALL, "topwork/conv2d:8,16?pretrained=false&size=16"])
def test_a_network_of_random_weights_has_one_digest(name: str) -> None:
    asked = get_backbone(name)
    made = with_random_weights(asked, seed=0)
    assert made.digest == asked.digest
    other = with_random_weights(asked, seed=1)
    assert other.digest == get_backbone(f"{name}&seed=1").digest != asked.digest
    weights = asked.build().module.state_dict()
    for key, tensor in made.build().module.state_dict().items():
        assert torch.equal(tensor, weights[key]), key
    assert any(
        not torch.equal(tensor, weights[key])
        for key, tensor in other.build().module.state_dict().items()
    )


def test_the_baseline_of_a_trained_backbone_is_pretrained_false() -> None:
    pretrained = get_backbone("efficientnet-lite0")
    asked = get_backbone("efficientnet-lite0?pretrained=false&seed=1")
    assert with_random_weights(pretrained, seed=1).digest == asked.digest != pretrained.digest


def test_the_command_prints_what_the_folder_holds(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    words = ("train", digits, "--backbone", small.SMALL, "--out", out, "--json")
    printed = json.loads(good(*words).stdout)
    held = json.loads((out / DESCRIPTION).read_text(encoding="utf-8"))
    model = topwork.load(out)
    assert model.evaluation is not None
    assert printed["evaluation"] == held["evaluation"] == model.evaluation.to_dict()
    assert printed["classes"] == held["classes"] == list(model.classes)
    assert printed["choice"] == held["choice"]
    assert printed["backbone"]["name"] == held["backbone"]["name"] == model.backbone.name
    assert Recipe.read(out / RECIPE) == model.recipe


def test_command_and_function_predict_alike(saved: Path, digits: Path) -> None:
    model = topwork.load(saved)
    paths = sorted(digits.rglob("*.png"))[:4]
    lines = good("predict", saved, *paths, "--format", "jsonl").stdout.splitlines()
    for line, prediction in zip(lines, model.predict(paths), strict=True):
        printed = json.loads(line)
        assert printed["label"] == prediction.label
        assert printed["probability"] == pytest.approx(prediction.probability, abs=1e-6)


def test_command_and_function_score_alike(saved: Path, digits: Path) -> None:
    printed = json.loads(good("evaluate", saved, digits, "--include-known", "--json").stdout)
    scores = topwork.load(saved).evaluate(digits, include_known=True)
    assert Evaluation.from_dict(printed) == scores


def test_a_folder_a_table_and_a_list_are_the_same_data(
    digits: Path, few: dict[str, Any], tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    rows = zip(few["inputs"], few["labels"], strict=True)
    table.write_text("file,label\n" + "".join(f"{path},{label}\n" for path, label in rows))
    doors = [(digits, None), (table, None), (few["inputs"], few["labels"])]
    read = []
    for data, labels in doors:
        found, backbone = examples_and_backbone(data, labels, call="train(inputs, labels)")
        assert backbone.name == "efficientnet-lite0"
        read.append(sorted((one.digest, one.label) for one in found.examples))
    assert read[0] == read[1] == read[2]


def test_estimator_and_train_give_one_model(few: dict[str, Any], tiny_backbone: Backbone) -> None:
    model = topwork.train(few["inputs"], few["labels"], backbone=tiny_backbone, train="head")
    fitted = topwork.TransferClassifier(tiny_backbone).fit(few["inputs"], few["labels"])
    np.testing.assert_array_equal(
        fitted.predict_proba(few["inputs"]), model.predict_proba(few["inputs"])
    )


def test_features_of_embed_are_found_by_train(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    good("embed", digits, "--out", tmp_path / "features", "--backbone", small.SMALL)
    stages: list[str] = []
    topwork.train(
        digits,
        backbone=small.SMALL,
        train="head",
        num_repeats=1,
        on_progress=lambda stage, done, total: stages.append(stage),
    )
    assert "cross-validate" in stages
    assert "extract" not in stages


def test_a_model_says_what_it_is_at_every_door(saved: Path) -> None:
    model: Model = topwork.load(saved)
    assert model.evaluation is not None
    card = (saved / CARD).read_text(encoding="utf-8")
    for name in model.classes:
        assert name in card
    assert f"{model.evaluation.accuracy.value:.3f}" in card
    assert model.backbone.name in card.replace("\\", "")  # escaped in Markdown


def test_what_looks_like_a_mistake_is_said_at_every_door(
    tmp_path: Path, tiny_backbone: Backbone
) -> None:
    pictures = small.digit_pictures(6)
    pictures["One"] = small.digit_pictures(5, skip=6)["one"]
    data = small.write_folder(tmp_path / "data", pictures)
    model = topwork.train(data, backbone=tiny_backbone, train="head", out=tmp_path / "model")
    (remark,) = model.notes
    assert "'one' (6) and 'One' (5)" in remark
    advice = topwork.advise(data, backbone=tiny_backbone, control=False)
    assert remark in advice.notes
    paths = sorted(data.rglob("*.png"))
    labels = [path.parent.name for path in paths]
    estimator = topwork.TransferClassifier(tiny_backbone).fit(list(map(str, paths)), labels)
    assert estimator.model_.notes == model.notes
    page = Checked(topwork.report(tmp_path / "model", tmp_path / "r.html").path.read_text()).words
    assert remark in " ".join(page.split())
    assert topwork.load(tmp_path / "model").notes == model.notes
    with pytest.raises(topwork.DataError, match=r"--strict.*'one' \(6\) and 'One' \(5\)"):
        topwork.train(data, backbone=tiny_backbone, train="head", strict=True)
