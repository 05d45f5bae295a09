"""A head on several networks is tried where they are installed, and taken where it pays."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.joined import join_backbones
from topwork.backbones.registry import get_backbone
from topwork.core.options import RunOptions
from topwork.errors import BackboneError
from topwork.model.model import Model, load
from topwork.recipe import Recipe
from topwork.runs.head import HeadRun, run_head
from topwork.runs.source import examples_and_backbone
from topwork.runs.train import train
from topwork.runs.wider import try_wider
from topwork.training.incumbent import Incumbent

OTHER = "topwork/conv2d:8,8?pretrained=false&size=32"
NEVER = float("inf")


@pytest.fixture(scope="module")
def other() -> Backbone:
    return get_backbone(OTHER)


@pytest.fixture(scope="module")
def head_run(digits: Path) -> HeadRun:
    found, backbone = examples_and_backbone(digits, backbone=small.tiny_backbone(), call="x")
    recipe = Recipe(train="auto", num_repeats=1, backbone=backbone.name)
    return run_head(found, recipe, backbone, RunOptions())


def incumbent(head_run: HeadRun, right: float) -> Incumbent:
    return Incumbent(name="head", right=np.full(len(head_run.examples), right), seconds=1.0)


def test_it_is_taken_where_its_gain_is_beyond_chance(head_run: HeadRun, other: Backbone) -> None:
    wider = try_wider(head_run, incumbent(head_run, 0.5), [other], NEVER)
    assert wider.head_run is not None
    assert wider.incumbent is not None
    name = f"head on {head_run.backbone.name}+{other.name}"
    assert wider.row.strategy == wider.incumbent.name == name
    assert wider.row.verdict == "taken"
    assert wider.row.gain is not None
    assert wider.row.gain > 0.3
    assert wider.reason.startswith(f"{name}: 1.000 against 0.500 for head on the same 30 examples")
    assert [len(own) for own in wider.head_run.table.networks] == [2, 3]
    assert wider.head_run.parts().backbone.networks == (head_run.backbone, other)


def test_it_is_not_where_it_is_no_better(head_run: HeadRun, other: Backbone) -> None:
    wider = try_wider(head_run, incumbent(head_run, 1.0), [other], NEVER)
    assert (wider.head_run, wider.incumbent, wider.row.verdict) == (None, None, "not taken")
    assert "1.000 against 1.000 for head" in wider.reason
    assert wider.reason.endswith("no more than chance would give.")


def test_what_goes_beyond_the_time_limit_is_not_begun(head_run: HeadRun, other: Backbone) -> None:
    wider = try_wider(head_run, incumbent(head_run, 0.5), [other], time.monotonic() - 1)
    assert wider.head_run is None
    assert "see --time-limit" in wider.row.verdict
    assert (wider.row.num_examples, wider.row.gain) == (0, None)


def test_one_that_cannot_be_run_ends_nothing(head_run: HeadRun) -> None:
    def fail() -> object:
        raise BackboneError("it is broken")

    broken = replace(small.tiny_backbone(), digest="0" * 64, name="broken", build=fail)
    wider = try_wider(head_run, incumbent(head_run, 0.5), [broken], NEVER)
    assert wider.head_run is None
    assert "could not be computed: it is broken" in wider.reason


def test_auto_takes_it_and_the_model_is_of_both(
    digits: Path, tmp_path: Path, other: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get_backbone(small.SMALL)
    monkeypatch.setattr("topwork.runs.train.installed_beside", lambda _backbone: [other])
    monkeypatch.setattr("topwork.runs.source.default_backbone", lambda _modality: small.SMALL)
    monkeypatch.setattr("topwork.runs.auto._strategies", lambda _head_run: [])
    right = Incumbent.of_head

    def poor(probabilities: np.ndarray, *arguments: object) -> Incumbent:
        found = right(probabilities, *arguments)
        return replace(found, right=found.right * 0.6) if found.name == "head" else found

    monkeypatch.setattr(Incumbent, "of_head", poor)
    heads: list[Model] = []
    model = train(digits, num_repeats=1, out=tmp_path / "both", on_head=heads.append)
    assert [one.backbone.name for one in heads] == [first.name]
    assert model.backbone.name == f"{first.name}+{other.name}"
    assert model.recipe.backbone == model.backbone.name
    selection = model.selection
    assert selection.strategy == "head"
    assert [row.strategy for row in selection.candidates] == [
        "head", f"head on {model.backbone.name}",
    ]  # fmt: skip
    assert selection.taken == 1
    assert load(tmp_path / "both").selection == selection
    named = train(digits, num_repeats=1, backbone=first)  # who names one has that one
    assert named.backbone == first


def test_a_model_of_several_networks_is_whole_in_its_folder(
    digits: Path, tmp_path: Path, other: Backbone
) -> None:
    both = join_backbones([get_backbone(small.SMALL), other])
    model = train(digits, train="head", backbone=both, out=tmp_path / "both", num_repeats=1)
    files = {p.relative_to(tmp_path / "both").as_posix() for p in tmp_path.rglob("*.safetensors")}
    assert {f"network-{i}/backbone.safetensors" for i in (1, 2)} <= files
    again = load(tmp_path / "both")
    pictures = sorted(digits.rglob("*.png"))[::5]
    expected = model.predict_proba(pictures)
    np.testing.assert_allclose(again.predict_proba(pictures), expected, atol=1e-6)
    assert again.backbone.digest == both.digest
    assert again.blocks == model.blocks
    again.save(tmp_path / "copy")
    np.testing.assert_allclose(load(tmp_path / "copy").predict_proba(pictures), expected, atol=1e-6)
    torched = load(tmp_path / "both", device="torch").predict_proba(pictures)
    np.testing.assert_allclose(torched, expected, atol=1e-2)
    score = again.evaluate(digits, include_known=True)  # extraction and stream give one answer
    labels = [path.parent.name for path in sorted(digits.rglob("*.png"))]
    said = [one.label for one in again.predict(sorted(digits.rglob("*.png")))]
    assert score.accuracy.value == pytest.approx(np.mean(np.array(said) == np.array(labels)))


def test_blocks_of_several_networks_are_not_trained(digits: Path, other: Backbone) -> None:
    both = join_backbones([get_backbone(small.SMALL), other])
    with pytest.raises(BackboneError, match="none of their blocks"):
        train(digits, train="last:1", backbone=both)
