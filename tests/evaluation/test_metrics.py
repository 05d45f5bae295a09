"""Scores against scikit-learn's, their intervals in simulation, and the value that holds them."""

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Skipped

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
NAMES = ("a", "b", "c", "d")
SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error", "baseline")


def answers(
    num: int, num_classes: int = 3, *, seed: int = 0, skill: float = 1.5
) -> tuple[Doubles, Integers]:
    """Return calibrated probabilities, and truths drawn from them."""
    rng = np.random.default_rng(seed)
    scores = np.exp(skill * rng.normal(size=(num, num_classes)))
    probabilities = scores / scores.sum(1, keepdims=True)
    uniform = rng.random((num, 1))
    truth = (probabilities.cumsum(1) < uniform).sum(1).clip(0, num_classes - 1)
    return probabilities, truth.astype(np.intp)


def plain_calibration_error(probabilities: Doubles, truth: Integers, num_bins: int) -> float:
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == truth
    order = np.argsort(confidence, kind="stable")
    total = 0.0
    for i in range(num_bins):
        own = order[[j for j in range(len(order)) if j * num_bins // len(order) == i]]
        total += len(own) / len(order) * abs(right[own].mean() - confidence[own].mean())
    return total


@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_scores_are_those_of_scikit_learn(num_classes: int) -> None:
    probabilities, truth = answers(203, num_classes)
    answer = probabilities.argmax(1)
    found = evaluate(probabilities, truth, NAMES[:num_classes], method="test")
    assert found.accuracy.value == pytest.approx(reference.accuracy_score(truth, answer), abs=1e-9)
    assert found.balanced_accuracy.value == pytest.approx(
        reference.balanced_accuracy_score(truth, answer), abs=1e-9
    )
    assert found.macro_f1.value == pytest.approx(
        reference.f1_score(truth, answer, average="macro"), abs=1e-9
    )
    assert found.log_loss.value == pytest.approx(reference.log_loss(truth, probabilities), abs=1e-9)
    assert found.confusion == tuple(
        tuple(float(v) for v in row) for row in reference.confusion_matrix(truth, answer)
    )
    precision, recall, f1, support = reference.precision_recall_fscore_support(truth, answer)
    for k, one in enumerate(found.per_class):
        assert (one.label, one.num_examples) == (NAMES[k], support[k])
        assert (one.precision.value, one.recall.value, one.f1) == pytest.approx(
            (precision[k], recall[k], f1[k]), abs=1e-9
        )


@pytest.mark.parametrize(("num", "num_bins"), [(7, 1), (40, 4), (203, 15), (1000, 15)])
def test_calibration_error_is_the_plain_one(num: int, num_bins: int) -> None:
    probabilities, truth = answers(num)
    found = evaluate(probabilities, truth, NAMES[:3], method="test").calibration_error
    assert found.value == pytest.approx(plain_calibration_error(probabilities, truth, num_bins))


def test_the_baseline_names_the_commonest() -> None:
    truth = np.array([0, 0, 0, 1, 2])
    found = evaluate(np.eye(3)[truth], truth, NAMES[:3], method="test")
    assert found.baseline.value == pytest.approx(0.6)
    assert found.baseline.low < 0.6 < found.baseline.high


def test_repeats_are_means() -> None:
    runs = [answers(60, seed=seed)[0] for seed in range(3)]
    truth = answers(60)[1]
    together = evaluate(np.stack(runs), truth, NAMES[:3], method="test")
    alone = [evaluate(run, truth, NAMES[:3], method="test") for run in runs]
    for name in ("accuracy", "balanced_accuracy", "log_loss"):
        expected = np.mean([getattr(one, name).value for one in alone])
        assert getattr(together, name).value == pytest.approx(expected)
    expected = np.mean([one.confusion for one in alone], axis=0)
    np.testing.assert_allclose(together.confusion, expected, atol=5e-4)
    assert together.num_examples == 60


def test_a_repeat_of_the_same_answers_makes_nothing_surer() -> None:
    probabilities, truth = answers(60)
    once = evaluate(probabilities, truth, NAMES[:3], method="test")
    ten = evaluate(np.stack([probabilities] * 10), truth, NAMES[:3], method="test")
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
        mine, other = getattr(once, name), getattr(ten, name)
        assert (mine.low, mine.high) == pytest.approx((other.low, other.high))


def test_a_class_without_examples_takes_nothing_away() -> None:
    probabilities, truth = answers(90)
    wider = np.concatenate([probabilities, np.full((90, 1), 1e-12)], axis=1)
    found = evaluate(wider, truth, NAMES, method="test")
    plain = evaluate(probabilities, truth, NAMES[:3], method="test")
    assert found.balanced_accuracy.value == pytest.approx(plain.balanced_accuracy.value)
    assert found.macro_f1.value == pytest.approx(plain.macro_f1.value)
    absent = found.per_class[3]
    assert absent.num_examples == 0
    assert (absent.recall.low, absent.recall.high) == (0.0, 1.0)
    assert found.classes == NAMES


def test_perfect_answers_are_not_certainty() -> None:
    truth = np.arange(30) % 3
    sure = np.full((30, 3), 0.005)
    sure[np.arange(30), truth] = 0.99
    found = evaluate(sure, truth, NAMES[:3], method="test")
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        score = getattr(found, name)
        assert score.value == pytest.approx(1.0)
        assert score.low < 0.95, name
    assert found.accuracy.low == pytest.approx(30 / (30 + 1.96**2), abs=1e-4)
    for name in ("log_loss", "calibration_error"):
        score = getattr(found, name)
        assert score.value == pytest.approx(0.01, abs=1e-3)
        assert score.high > 0.05, name


def test_one_example() -> None:
    found = evaluate(np.array([[0.7, 0.3]]), np.array([0]), ("a", "b"), method="test")
    assert found.accuracy.value == 1.0
    assert found.accuracy.low < 0.3
    assert found.log_loss.value == pytest.approx(-np.log(0.7))


def test_groups_widen_the_intervals() -> None:
    probabilities, truth = answers(10)
    many, truths = np.repeat(probabilities, 20, axis=0), np.repeat(truth, 20)
    speakers = [f"speaker {i}" for i in range(10) for _ in range(20)]
    few = evaluate(probabilities, truth, NAMES[:3], method="test")
    found = evaluate(many, truths, NAMES[:3], method="test", groups=speakers)
    blind = evaluate(many, truths, NAMES[:3], method="test")
    assert (found.num_groups, few.num_groups, blind.num_groups) == (10, None, None)
    for name in ("accuracy", "macro_f1", "log_loss"):
        wide, own, narrow = (getattr(e, name) for e in (found, few, blind))
        assert wide.high - wide.low == pytest.approx(own.high - own.low, rel=0.2), name
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low), name


def test_examples_without_a_group_stand_alone() -> None:
    probabilities, truth = answers(6)
    groups = [None, None, "own 0", "own 0", None, None]
    found = evaluate(probabilities, truth, NAMES[:3], method="test", groups=groups)
    assert found.num_groups == 5
    none = evaluate(probabilities, truth, NAMES[:3], method="test", groups=[None] * 6)
    assert none.num_groups is None


@pytest.mark.slow
@pytest.mark.parametrize(("num", "skill"), [(100, 1.5), (60, 4.0)])
def test_intervals_hold_the_truth_as_often_as_they_say(num: int, skill: float) -> None:
    probabilities, truth = answers(200_000, seed=99, skill=skill)
    accuracy = (probabilities.argmax(1) == truth).mean()
    loss = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    held = np.zeros(2)
    for seed in range(200):
        found = evaluate(*answers(num, seed=seed, skill=skill), NAMES[:3], method="test")
        held[0] += found.accuracy.low <= accuracy <= found.accuracy.high
        held[1] += found.log_loss.low <= loss <= found.log_loss.high
    assert (held / 200 >= 0.90).all()
    assert (held / 200 <= 0.99).all()


@settings(max_examples=40, deadline=None)
@given(
    num=st.integers(1, 40),
    num_classes=st.integers(2, 4),
    num_groups=st.integers(0, 5),
    skill=st.floats(0, 20),
    seed=st.integers(0, 1000),
)
def test_every_interval_holds_its_value(
    num: int, num_classes: int, num_groups: int, skill: float, seed: int
) -> None:
    probabilities, truth = answers(num, num_classes, seed=seed, skill=skill)
    groups = [str(i % num_groups) for i in range(num)] if num_groups else None
    found = evaluate(probabilities, truth, NAMES[:num_classes], method="test", groups=groups)
    for name in SCORES:
        score = getattr(found, name)
        assert 0 <= score.low <= score.value <= score.high
        assert score.high <= 1 or name == "log_loss"
    for one in found.per_class:
        for score in (one.recall, one.precision):
            assert 0 <= score.low <= score.value <= score.high <= 1


def test_through_json_and_back() -> None:
    probabilities, truth = answers(50)
    found = replace(
        evaluate(
            np.stack([probabilities, probabilities[::-1]]),
            truth,
            NAMES[:3],
            method="test, in words",
            groups=[str(i % 7) for i in range(50)],
        ),
        skipped=(Skipped(name="a.jpg", reason="broken"),),
    )
    data = json.loads(json.dumps(found.to_dict()))
    assert set(data["accuracy"]) == {"value", "low", "high"}
    assert Evaluation.from_dict(data) == found


def test_the_same_again_is_the_same() -> None:
    probabilities, truth = answers(50)
    first, second = (evaluate(probabilities, truth, NAMES[:3], method="test") for _ in range(2))
    assert first == second
