"""AUROC and average precision against scikit-learn's, and their intervals in simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as reference

from tests.evaluation.test_metrics import answers
from topwork.evaluation.intervals import Estimate
from topwork.evaluation.ranking import auroc, auroc_interval, average_precision, rank_classes


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60).filter(
        lambda pairs: len({own for _, own in pairs}) == 2
    )
)
def test_they_are_those_of_scikit_learn_also_with_ties(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 9 for score, _ in pairs])
    own = np.array([own for _, own in pairs])
    value, influence = auroc(scores, own)
    assert value == pytest.approx(reference.roc_auc_score(own, scores), abs=1e-12)
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    assert average_precision(scores, own) == pytest.approx(
        reference.average_precision_score(own, scores), abs=1e-12
    )


@pytest.mark.parametrize("num_classes", [2, 3, 5])
def test_each_class_against_the_rest(num_classes: int) -> None:
    probabilities, truth = answers(203, num_classes)
    found = rank_classes(probabilities[None], truth, None)
    assert found.auroc is not None
    expected = [
        reference.roc_auc_score(truth == k, probabilities[:, k]) for k in range(num_classes)
    ]
    assert found.auroc.value == pytest.approx(np.mean(expected))
    for k, one in enumerate(found.by_class):
        assert one is not None
        assert one.auroc.value == pytest.approx(expected[k])
        precision = reference.average_precision_score(truth == k, probabilities[:, k])
        assert one.average_precision.value == pytest.approx(precision)
        for score in (one.auroc, one.average_precision):
            assert 0 <= score.low < score.value < score.high <= 1
    if num_classes == 2:
        first, second = found.by_class
        assert first is not None
        assert second is not None
        assert (first.auroc.low, first.auroc.high) != (0, 1)
        for name in ("value", "low", "high"):
            assert getattr(found.auroc, name) == pytest.approx(getattr(first.auroc, name))
            assert getattr(second.auroc, name) == pytest.approx(getattr(first.auroc, name))


def test_repeats_are_averaged() -> None:
    probabilities, truth = answers(60)
    other, _ = answers(60, seed=1)
    one, two, both = (
        rank_classes(np.stack(runs), truth, None)
        for runs in ([probabilities], [other], [probabilities, other])
    )
    assert one.auroc is not None
    assert two.auroc is not None
    assert both.auroc is not None
    assert both.auroc.value == pytest.approx((one.auroc.value + two.auroc.value) / 2)


def test_a_class_that_is_not_there_has_none() -> None:
    probabilities, truth = answers(60)
    found = rank_classes(probabilities[None], np.minimum(truth, 1), None)
    assert found.by_class[2] is None
    assert found.auroc is not None
    alone = rank_classes(probabilities[None], np.zeros(60, np.intp), None)
    assert alone.auroc is None
    assert set(alone.by_class) == {None}


def test_examples_of_one_group_are_not_as_many_pieces_of_evidence() -> None:
    probabilities, truth = answers(40, 2)
    repeated = np.repeat(probabilities, 5, axis=0)[None]
    groups = np.repeat(np.arange(40), 5)
    apart = rank_classes(probabilities[None], truth, None).by_class[0]
    grouped = rank_classes(repeated, np.repeat(truth, 5), groups).by_class[0]
    naive = rank_classes(repeated, np.repeat(truth, 5), None).by_class[0]
    assert apart is not None
    assert grouped is not None
    assert naive is not None

    def width(score: Estimate) -> float:
        return score.high - score.low

    assert width(grouped.auroc) == pytest.approx(width(apart.auroc), rel=0.1)
    assert width(naive.auroc) < 0.6 * width(apart.auroc)
    assert width(grouped.average_precision) == pytest.approx(
        width(apart.average_precision), rel=0.1
    )


@pytest.mark.parametrize(("num_own", "num_others", "shift"), [(10, 30, 2.5), (40, 40, 1.0)])
def test_the_interval_holds_its_level(num_own: int, num_others: int, shift: float) -> None:
    """Normal scores, whose true AUROC is known; DeLong's interval has 77% and 93% of these."""
    rng = np.random.default_rng(0)
    true = float(norm.cdf(shift / np.sqrt(2)))
    own = np.arange(num_own + num_others) < num_own
    held, num = 0, 400
    for _ in range(num):
        value, _ = auroc(rng.normal(size=len(own)) + shift * own, own)
        interval = auroc_interval(value, num_own, num_others)
        held += interval.low <= true <= interval.high
    assert held / num >= 0.93


def test_the_interval_does_not_collapse_where_all_is_in_order() -> None:
    perfect = auroc_interval(1.0, 10, 30)
    assert perfect.high == 1
    assert 0.75 < perfect.low < 0.95
    assert auroc_interval(1.0, 100, 300).low > perfect.low
    worst = auroc_interval(0.0, 10, 30)
    assert worst.low == 0
    assert worst.high == pytest.approx(1 - perfect.low, abs=0.02)
    assert auroc_interval(0.5, 1, 1).low < 0.1
