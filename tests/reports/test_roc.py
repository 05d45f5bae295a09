"""The curve of two classes, against scikit-learn, and what each threshold gives."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import auc, recall_score, roc_auc_score

from tests.reports.made import answers
from topwork.evaluation.binary import DecisionRule
from topwork.evaluation.metrics import evaluate
from topwork.reports.roc import EVEN, SENSITIVITIES, roc
from topwork.reports.scores import score_rows

CLASSES = ("sick", "well")


def noisy(num: int = 120):
    rng = np.random.default_rng(0)
    truth = (rng.random(num) < 0.7).astype(int)
    sick = 1 / (1 + np.exp(-(1.2 * (1 - 2 * truth) + rng.normal(size=num))))
    made = answers(truth, truth, 2)
    return replace(made, probabilities=np.column_stack([sick, 1 - sick]))


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_as_scikit_learn(threshold: float | None) -> None:
    given = noisy()
    curve = roc(given, CLASSES, "sick", threshold)
    assert curve is not None
    own, sick = given.truth == 0, given.probabilities[:, 0]
    assert auc(curve.false_alarms, curve.sensitivity) == pytest.approx(roc_auc_score(own, sick))
    used, named = curve.in_use, sick >= (threshold or EVEN)
    assert used.sensitivity is not None
    assert used.specificity is not None
    assert used.sensitivity.value == pytest.approx(recall_score(own, named))
    assert used.specificity.value == pytest.approx(recall_score(~own, ~named))


def test_each_threshold_finds_what_it_is_for() -> None:
    curve = roc(noisy(), CLASSES, "sick", None)
    assert curve is not None
    for share, rule in zip(SENSITIVITIES, curve.others, strict=True):
        assert rule.sensitivity is not None
        assert rule.sensitivity.value >= share
    thresholds = [rule.threshold for rule in curve.others]
    assert thresholds == sorted(thresholds, reverse=True)


def test_of_one_class_there_is_none() -> None:
    given = noisy()
    alone = replace(given, truth=np.ones_like(given.truth))
    assert roc(alone, CLASSES, "sick", None) is None


def test_scores_of_two_classes_say_whose_they_are() -> None:
    given = noisy()
    scored = evaluate(given.probabilities, given.truth, CLASSES, method="made")
    rows = {row.name: row.scores for row in score_rows([scored])}
    assert "AUROC" in rows
    assert "sensitivity (sick)" in rows
    later = score_rows([scored], DecisionRule(positive="sick", threshold=0.2))
    assert "sensitivity (sick, before the threshold)" in {row.name for row in later}
    three = evaluate(np.eye(3), np.arange(3), ("a", "b", "c"), method="made")
    names = {row.name for row in score_rows([three])}
    assert "AUROC, mean of each class against the rest" in names
    assert not any("sensitivity" in name for name in names)
