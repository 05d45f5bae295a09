"""Scores and thresholds of two classes."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from tests.evaluation.test_metrics import answers
from topwork.errors import SettingError
from topwork.evaluation.binary import (
    DecisionRule,
    check_positive,
    decide,
    rarer,
    threshold_for,
    with_scores,
)
from topwork.evaluation.metrics import Evaluation, evaluate

NAMES = ("ill", "well")


def test_scores_at_a_threshold_are_those_of_scikit_learn() -> None:
    probabilities, truth = answers(203, 2)
    decision = DecisionRule(positive="ill", threshold=0.3)
    found = evaluate(probabilities, truth, NAMES, method="test", decision=decision)
    named = np.where(probabilities[:, 0] >= 0.3, 0, 1)
    assert found.binary is not None
    assert (found.binary.positive, found.binary.threshold) == ("ill", 0.3)
    recall = reference.recall_score(truth, named, average=None)
    assert found.binary.sensitivity.value == pytest.approx(recall[0])
    assert found.binary.specificity.value == pytest.approx(recall[1])
    assert found.accuracy.value == pytest.approx(reference.accuracy_score(truth, named))
    assert found.macro_f1.value == pytest.approx(reference.f1_score(truth, named, average="macro"))
    assert found.confusion == tuple(
        tuple(float(v) for v in row) for row in reference.confusion_matrix(truth, named)
    )
    plain = evaluate(probabilities, truth, NAMES, method="test")
    for name in ("log_loss", "calibration_error"):  # of the probabilities, not of the decision
        assert getattr(found, name).value == getattr(plain, name).value
    assert plain.auroc == found.auroc


def test_the_positive_class_is_the_rarer_or_the_one_that_is_said() -> None:
    truth = np.array([0, 0, 1, 1, 1])
    probabilities = np.eye(2)[truth]
    found = evaluate(probabilities, truth, NAMES, method="test")
    assert found.positive == "ill"
    said = evaluate(probabilities, truth, NAMES, method="t", decision=DecisionRule(positive="well"))
    assert said.positive == "well"
    assert rarer(NAMES, {"ill": 3, "well": 2}) == "well"
    assert rarer(NAMES, {"ill": 2, "well": 2}) == "well"
    assert rarer(("a", "b", "c"), {}) is None
    more = evaluate(*answers(30), ("a", "b", "c"), method="test")
    assert (more.positive, more.binary) == (None, None)
    assert more.auroc is not None


def test_through_json_and_back_and_from_before_these_scores() -> None:
    probabilities, truth = answers(50, 2)
    found = evaluate(probabilities, truth, NAMES, method="test")
    data = json.loads(json.dumps(found.to_dict()))
    assert data["binary"]["positive"] == found.positive
    assert Evaluation.from_dict(data) == found
    for name in ("auroc", "positive", "threshold", "binary"):
        del data[name]
    for one in data["per_class"]:
        del one["auroc"], one["average_precision"]
    old = Evaluation.from_dict(data)
    assert (old.auroc, old.binary, old.accuracy) == (None, None, found.accuracy)


def test_what_is_named() -> None:
    rows = np.array([[0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    assert decide(rows, NAMES, None).tolist() == [1, 1, 0]
    assert decide(rows, NAMES, DecisionRule(positive="ill")).tolist() == [1, 1, 0]
    assert decide(rows, NAMES, DecisionRule(positive="ill", threshold=0.3)).tolist() == [1, 0, 0]
    assert decide(rows, NAMES, DecisionRule(positive="well", threshold=0.75)).tolist() == [1, 0, 0]
    assert decide(rows[None], NAMES, None).shape == (1, 3)
    assert int(decide(rows[0], NAMES, DecisionRule(positive="ill", threshold=0.1))) == 0


@pytest.mark.parametrize("sensitivity", [0.05, 0.5, 0.9, 0.95, 1.0])
def test_a_threshold_finds_what_it_is_chosen_to_find_and_not_more(sensitivity: float) -> None:
    rng = np.random.default_rng(0)
    own = rng.random(200) < 0.3
    probabilities = np.clip(rng.normal(0.3 + 0.3 * own, 0.15), 0, 1)
    threshold = threshold_for(probabilities, own, sensitivity)
    found = (probabilities[own] >= threshold).mean()
    num = int(own.sum())
    assert sensitivity - 1e-9 <= found < sensitivity + 1 / num
    decision = with_scores(
        DecisionRule(positive="ill", threshold=threshold), probabilities, own, None
    )
    assert decision.sensitivity is not None
    assert decision.specificity is not None
    assert decision.sensitivity.value == pytest.approx(found)
    below = (probabilities[~own] < threshold).mean()
    assert decision.specificity.value == pytest.approx(below)
    assert decision.specificity.low < below <= decision.specificity.high
    assert f"sensitivity {decision.sensitivity}" in decision.message


def test_a_threshold_that_all_reach() -> None:
    own = np.array([True, False])
    assert threshold_for(np.array([0.4, 0.8]), own, 1.0) == pytest.approx(0.2)


def test_groups_make_the_interval_wider() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    own = groups % 2 == 0
    probabilities = np.repeat(rng.random(20), 10)
    decision = DecisionRule(positive="ill", threshold=0.5)
    grouped = with_scores(decision, probabilities, own, groups).sensitivity
    naive = with_scores(decision, probabilities, own, None).sensitivity
    assert grouped is not None
    assert naive is not None
    assert grouped.high - grouped.low > 1.5 * (naive.high - naive.low)


def test_what_cannot_be_the_positive_class() -> None:
    with pytest.raises(SettingError, match="'cat'; accepted: 'ill' or 'well'"):
        check_positive("cat", NAMES)
    with pytest.raises(SettingError, match="'ill', and there are 3 classes; accepted"):
        check_positive("ill", ("ill", "well", "dead"))
