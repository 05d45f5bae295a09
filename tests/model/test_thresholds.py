"""Thresholds of models of two classes: how they are chosen, kept, and what goes by them."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.errors import ModelError, SettingError
from topwork.evaluation.binary import DecisionRule
from topwork.model.archive import CARD
from topwork.model.description import DESCRIPTION
from topwork.model.model import Model, load
from topwork.model.thresholds import decided, keep_decision
from topwork.runs.train import train

POSITIVE, OTHER = "c001", "c000"


@pytest.fixture(scope="module")
def unsure() -> Model:
    """Two classes of colours that can hardly be told apart: 18 of one, 12 of the other."""
    images, labels = small.colours(2, 30, noise=25)
    rng = np.random.default_rng(0)
    mixed = [
        np.clip(0.5 * one + 0.5 * images[rng.integers(60)], 0, 255).astype(np.uint8)
        for one in images
    ]
    kept = [*range(18), *range(30, 42)]
    return train(
        [mixed[i] for i in kept],
        [labels[i] for i in kept],
        backbone=small.tiny_backbone(),
        train="head",
        num_repeats=1,
    )


@pytest.fixture
def folder(unsure: Model, tmp_path: Path) -> Path:
    return unsure.save(tmp_path / "model")


def test_the_positive_class_is_the_rarer_of_the_training(unsure: Model) -> None:
    assert unsure.parts.positive == POSITIVE
    assert unsure.evaluation is not None
    assert unsure.evaluation.binary is not None
    assert unsure.evaluation.binary.positive == POSITIVE
    other = unsure.with_threshold(positive=OTHER)
    assert other.evaluation is not None
    assert other.evaluation.binary is not None
    assert other.evaluation.binary.positive == OTHER
    assert other.evaluation.binary.sensitivity == unsure.evaluation.binary.specificity
    tested = replace(unsure.parts, test=replace(unsure.evaluation, positive=OTHER))
    assert tested.test is not None
    assert tested.test.positive == POSITIVE


@pytest.mark.parametrize("sensitivity", [0.5, 0.95])
def test_it_is_chosen_on_examples_left_out(unsure: Model, sensitivity: float) -> None:
    found = unsure.with_threshold(sensitivity=sensitivity).decision
    answers = unsure.oof_predictions
    assert found is not None
    assert answers is not None
    assert found.threshold is not None
    position = unsure.classes.index(POSITIVE)
    own = answers.truth == position
    named = answers.probabilities[:, position] >= found.threshold
    assert found.sensitivity is not None
    assert found.specificity is not None
    assert found.sensitivity.value == pytest.approx(named[own].mean())
    assert found.specificity.value == pytest.approx((~named[~own]).mean())
    assert sensitivity <= found.sensitivity.value < sensitivity + 1 / own.sum()
    assert found.specificity.low < found.specificity.value
    assert f"chosen to find {100 * sensitivity:g}%" in found.message


def test_predictions_and_scores_go_by_it(unsure: Model) -> None:
    images, labels = small.colours(2, 9, seed=5, noise=40)
    plain = unsure.predict(images)
    rows = np.array([one.probabilities[POSITIVE] for one in plain])
    for threshold in (0.02, 0.5, 0.98):
        model = unsure.with_threshold(threshold)
        answers = model.predict(images)
        assert [one.label == POSITIVE for one in answers] == (rows >= threshold).tolist()
        assert [one.probability for one in answers] == [
            one.probabilities[one.label or ""] for one in answers
        ]
        scores = model.evaluate(images, labels)
        assert scores.binary is not None
        assert scores.binary.threshold == threshold
        assert f"{POSITIVE} from {threshold} on" in scores.method
        own = np.array(labels) == POSITIVE
        assert scores.binary.sensitivity.value == pytest.approx((rows[own] >= threshold).mean())
        assert model.evaluation == unsure.evaluation
    assert f"; {POSITIVE} from 0.98 on>" in repr(unsure.with_threshold(0.98))
    assert unsure.with_threshold(0.9).with_threshold().predict(images) == plain


def test_it_comes_back_from_its_folder_and_from_a_pickle(unsure: Model, tmp_path: Path) -> None:
    model = unsure.with_threshold(sensitivity=0.9)
    assert load(model.save(tmp_path / "model")).decision == model.decision
    assert pickle.loads(pickle.dumps(model)).decision == model.decision
    assert load(unsure.save(tmp_path / "plain")).decision is None


def test_it_is_kept_in_a_folder_and_all_else_stays(folder: Path, unsure: Model) -> None:
    (folder / "report.html").write_text("mine")
    card = folder / CARD
    card.write_text(card.read_text() + "\n## Mine\n\nA remark.\n")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    parts = decided(load(folder).parts, 0.3)
    keep_decision(folder, parts)
    assert load(folder).decision == parts.decision
    changed = {p.name for p, data in before.items() if p.read_bytes() != data}
    assert changed == {DESCRIPTION, CARD}
    assert "from a probability of 0.3 on" in card.read_text()
    assert card.read_text().endswith("## Mine\n\nA remark.\n")
    keep_decision(folder, decided(load(folder).parts))
    again = load(folder)
    assert again.decision == DecisionRule(positive=POSITIVE, reason="the rarer in training")
    assert "from a probability of" not in card.read_text()


@pytest.mark.parametrize(
    "decision",
    [
        {"positive": "cat"},
        {"positive": POSITIVE, "threshold": 1.5},
        {"positive": POSITIVE, "threshold": 0.0},
        {"positive": POSITIVE, "threshold": "high"},
        {"threshold": 0.5},
        3,
    ],
)
def test_a_forged_decision(decision: object, folder: Path) -> None:
    from tests.model.test_archive import edit

    edit(folder, lambda d: d.update(decision=decision), sign=True)
    with pytest.raises(ModelError, match=r"cannot be read.*train the model again"):
        load(folder)


def test_a_folder_of_before_there_were_decisions(folder: Path) -> None:
    from tests.model.test_archive import edit

    def older(description: dict[str, object]) -> None:
        del description["decision"]
        for name in ("auroc", "positive", "threshold", "binary"):
            del description["evaluation"][name]  # type: ignore[attr-defined]

    edit(folder, older, sign=True)
    old = load(folder)
    assert old.evaluation is not None
    assert (old.decision, old.evaluation.binary, old.evaluation.auroc) == (None, None, None)
    assert old.parts.positive == POSITIVE
    assert "not measured" not in json.dumps(old.evaluation.to_dict())


def test_what_is_refused(unsure: Model, tiny_model: Model) -> None:
    for given, message in (
        ({"threshold": 1.0}, r"threshold is 1; accepted: a probability above 0"),
        ({"threshold": -0.2}, r"threshold is -0\.2; accepted"),
        ({"sensitivity": 1.2}, r"sensitivity is 1\.2; accepted: a share"),
        ({"threshold": 0.3, "sensitivity": 0.9}, r"0\.3 and the sensitivity 0\.9 were both"),
        ({"threshold": 0.3, "positive": "cat"}, r"'cat'; accepted: 'c000' or 'c001'"),
    ):
        with pytest.raises(SettingError, match=message):
            unsure.with_threshold(**given)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="has 3 classes; accepted: a model of two"):
        tiny_model.with_threshold(0.3)
    without = replace(unsure.parts, oof_predictions=None)
    with pytest.raises(SettingError, match=r"sensitivity 0\.9 is to be reached.*--at 0\.3"):
        decided(without, sensitivity=0.9)
    given = decided(without, 0.3).decision
    assert given == DecisionRule(positive=POSITIVE, threshold=0.3, reason="as given")
    assert given is not None
    assert given.message == "'c001' is named from a probability of 0.3 on (as given)."


def test_the_scores_of_the_other_class_are_refused_where_a_threshold_is_kept(
    unsure: Model,
) -> None:
    images, labels = small.colours(2, 3, seed=5)
    scores = unsure.evaluate(images, labels, positive=OTHER)
    assert scores.positive == OTHER
    with pytest.raises(SettingError, match=r"keeps a threshold for 'c001'; .*--positive c000"):
        unsure.with_threshold(0.3).evaluate(images, labels, positive=OTHER)
    with pytest.raises(SettingError, match="'cat'; accepted"):
        unsure.evaluate(images, labels, positive="cat")
