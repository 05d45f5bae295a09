import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import topwork
from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import SettingError, TooFewError
from topwork.evaluation import crossval
from topwork.evidence.transfer import scratch_baseline as control
from topwork.evidence.transfer.advice import Advice, advise
from topwork.evidence.transfer.backbone_comparison import BackboneComparison, compare
from topwork.examples.sources import read_examples
from topwork.recipe import Recipe


@pytest.fixture(autouse=True, scope="module")
def short() -> Iterator[None]:
    """Folds drawn once, and a plan that does not depend on the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossval, "MAX_REPEATS", 1)
        patch.setattr(control, "seconds_of_epoch", lambda _job, _rows: 1.0)
        patch.setattr(control, "OVERTIME", 1000.0)
        yield


@pytest.fixture(scope="module")
def advice(digits: Path) -> Advice:
    # a seed of its own, so that no other test has kept a control for it
    return advise(digits, backbone=small.SMALL, control=False, seed=5)


def test_every_question_has_an_answer(advice: Advice) -> None:
    assert (advice.num_examples, advice.num_classes, advice.modality) == (30, 3, "image")
    assert len(advice.verdict.conditions) == 3
    assert advice.verdict.limit_seconds is None
    assert advice.verdict.message.endswith("against it the gain may be smaller.")
    assert "was not trained from scratch" in advice.verdict.notes[0]
    assert advice.backbone_comparison is None
    assert advice.curve is not None
    told = json.loads(json.dumps(advice.to_dict()))
    assert told["verdict"]["message"] == advice.verdict.message
    assert told["depth"]["num_examples"] == 30
    assert told["learning_curve"]["sentence"] == advice.curve.sentence


def test_random_weights_promise_no_gain(advice: Advice) -> None:
    assert not advice.verdict.expects_gain
    assert advice.verdict.conditions[1].answer is False
    assert "has learned from nothing" in advice.verdict.conditions[1].because


def test_with_the_control(digits: Path) -> None:
    stages: set[str] = set()
    said = topwork.advise(
        digits, backbone=small.SMALL, time_limit="4s", seed=6,  # of no other test
        on_progress=lambda stage, _done, _total: stages.add(stage),
    )  # fmt: skip
    names = [one.name for one in said.verdict.without]
    assert names == [
        "a new head on random weights", "a head on raw pixels", "training from scratch"
    ]  # fmt: skip
    assert said.verdict.limit_seconds == 4.0
    assert any("trained from random weights for" in note for note in said.verdict.notes)
    again = topwork.advise(digits, backbone=small.SMALL, control=False, seed=6)
    assert again.verdict.limit_seconds == 4.0  # it was kept
    assert again.verdict.notes == said.verdict.notes
    assert {"cross-validate", "train scratch", "learning curve"} <= stages


def test_a_control_that_cannot_be_had_is_said(digits: Path, tiny_backbone: Backbone) -> None:
    said = advise(digits, backbone=tiny_backbone, time_limit="2s")
    assert [one.name for one in said.verdict.without] == ["a head on raw pixels"]
    assert any("cannot be built anew" in note for note in said.verdict.notes)


def test_inputs_with_labels_and_texts() -> None:
    texts = [text for topic in small.TOPICS.values() for text in topic]
    labels = [topic for topic, own in small.TOPICS.items() for _ in own]
    said = advise(texts, labels, backbone=small.tiny_text_backbone(), control=False)
    assert said.verdict.without[-1].name == "a head on bags of words"
    assert said.num_examples == 12


def test_what_cannot_be_advised_on(digits: Path) -> None:
    with pytest.raises(SettingError, match="The data is a list without labels"):
        advise(["a", "b"])
    with pytest.raises(SettingError, match="given for a folder or table"):
        advise(digits, ["a"])
    with pytest.raises(SettingError, match="The time limit is 'soon'"):
        advise(digits, time_limit="soon")
    noise = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3)).astype(np.uint8)
    with pytest.raises(TooFewError):
        advise(list(noise), ["a", "b"], backbone=small.SMALL, control=False)


def test_backbones_are_compared_and_a_broken_one_stops_nothing(digits: Path) -> None:
    other = "timm/test_efficientnet?pretrained=false&size=64&seed=3"
    names = [small.SMALL, "no-such-thing", other, "minilm-l6"]
    said = advise(digits, backbones=names, control=False)
    backbone_comparison = said.backbone_comparison
    assert backbone_comparison is not None
    assert said.backbone == backbone_comparison.winner == backbone_comparison.backbones[0].name
    assert any("flatters it a little" in note for note in said.notes)
    good, failed = backbone_comparison.backbones[:2], backbone_comparison.backbones[2:]
    assert [one.name for one in failed] == ["no-such-thing", "minilm-l6"]
    assert "No backbone is called" in str(failed[0].error)
    assert "takes texts" in str(failed[1].error)
    first, second = good
    assert first.accuracy is not None
    assert second.accuracy is not None
    assert second.behind is not None
    wanted = first.accuracy.value - second.accuracy.value
    assert second.behind.value == pytest.approx(wanted)
    assert first.num_parameters == second.num_parameters
    assert first.megabytes is not None
    assert first.num_parameters is not None
    assert first.megabytes == pytest.approx(4 * first.num_parameters / 1e6, rel=0.1)
    assert first.ms_per_example is not None
    assert first.ms_per_example > 0
    assert backbone_comparison.winner in backbone_comparison.message
    assert BackboneComparison.from_dict(backbone_comparison.to_dict()) == backbone_comparison


def test_the_backbone_that_is_named_is_the_one_judged(digits: Path) -> None:
    other = "timm/test_efficientnet?pretrained=false&size=64&seed=3"
    for name in (small.SMALL, other):
        said = advise(digits, backbone=name, backbones=[small.SMALL, other], control=False,
                      device="auto")  # fmt: skip
        assert said.backbone == topwork.get_backbone(name).name


def test_arrays_have_no_backbone_of_their_own_and_several_are_compared(tmp_path: Path) -> None:
    kinds = np.arange(20) % 2
    arrays = np.random.default_rng(0).normal(kinds[:, None, None], 1, (20, 2, 12))
    np.savez(tmp_path / "all.npz", x=arrays.astype(np.float32), y=kinds)
    names = [f"topwork/mlp:{width}?pretrained=false&shape=2x12" for width in (8, 16)]
    said = advise(tmp_path / "all.npz", backbones=names, control=False)
    assert said.modality == "array"
    assert said.backbone in names


def test_where_all_fail(digits: Path) -> None:
    found = read_examples(digits)
    with pytest.raises(TooFewError, match=r"None of the backbones.* no-such-thing"):
        compare(found, ["no-such-thing"], Recipe(train="head"))
