"""The softmax's fit: its gradient, its plain form, and how honest its probabilities are."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import check_grad, minimize_scalar

from topwork.examples.folds import kfold
from topwork.heads import calibrate
from topwork.heads.calibrate import _objective, fit_softmax
from topwork.heads.softmax import Softmax, log_loss, softmax

Doubles = npt.NDArray[np.float64]


def overlapping(num: int, seed: int) -> tuple[Doubles, npt.NDArray[np.intp]]:
    """Scores of classes that overlap, one of them masked by its neighbours."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(3, size=num)
    mix = np.array([[0.9, 0.3, 0.0], [0.4, 0.45, 0.4], [0.0, 0.3, 0.9]])
    return mix[classes] + 0.25 * rng.normal(size=(num, 3)), classes


def plain_of(num_classes: int) -> Softmax:
    return Softmax(matrix=7.0 * np.eye(num_classes), bias=np.zeros(num_classes))


@pytest.mark.parametrize("size", [3, 12])
def test_gradient(size: int) -> None:
    rng = np.random.default_rng(0)
    scores, classes = overlapping(20, 0)
    arguments = (scores, np.eye(3)[classes], 0.3, rng.uniform(0.5, 1.5, 20), plain_of(3))
    flat = 0.3 * rng.normal(size=size)
    error = check_grad(
        lambda x: _objective(x, *arguments)[0], lambda x: _objective(x, *arguments)[1], flat
    )
    assert error < 1e-4


def test_with_very_many_classes_there_is_no_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "MAX_CLASSES_MATRIX", 2)
    scores, classes = overlapping(60, 0)
    top = fit_softmax(scores, np.eye(3)[classes], kfold(classes, num_folds=3, seed=0))
    np.testing.assert_array_equal(top.matrix, np.diag(np.diagonal(top.matrix)))


def test_a_matrix_mends_a_class_that_is_masked() -> None:
    scores, classes = overlapping(400, 0)
    targets = np.eye(3)[classes]
    top = fit_softmax(scores, targets, kfold(classes, num_folds=5, seed=0))
    new, truth = overlapping(20_000, 1)
    hits = (top(new).argmax(1) == truth)[truth == 1].mean()
    assert hits > (new.argmax(1) == truth)[truth == 1].mean() + 0.05


def test_without_folds_it_is_temperature_scaling() -> None:
    scores, classes = overlapping(100, 0)
    targets = np.eye(3)[classes]
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 100)
    smooth = targets * (1 - 1 / 102) + 1 / 102 / 3
    expected = minimize_scalar(
        lambda t: log_loss(softmax(t * scores), smooth, weights), bounds=(0.1, 100)
    ).x
    top = fit_softmax(scores, targets, [], weights)
    np.testing.assert_allclose(top.matrix, expected * np.eye(3), rtol=1e-3)
    np.testing.assert_array_equal(top.bias, np.zeros(3))


def test_certainty_is_bounded_by_the_number_of_examples() -> None:
    classes = np.arange(30) % 3
    targets = np.eye(3)[classes]
    top = fit_softmax(targets, targets, kfold(classes, num_folds=5, seed=0))
    worst = 1 - top(targets).max(1).min()
    assert 0.2 / 32 < worst < 2 / 32


def test_scores_worse_than_chance_are_not_turned_round() -> None:
    # what leaving out does to the scores of random labels: the rest speak for the other class
    rng = np.random.default_rng(0)
    classes = np.arange(80) % 4 // 3  # 3 to 1
    scores = 0.5 - 0.3 * np.eye(2)[classes] + 0.1 * rng.normal(size=(80, 2))
    top = fit_softmax(scores, np.eye(2)[classes], kfold(classes, num_folds=5, seed=0))
    np.testing.assert_allclose(top(scores), np.tile([0.75, 0.25], (80, 1)), atol=0.1)


def test_probabilities_are_calibrated() -> None:
    scores, classes = overlapping(400, 0)
    targets = np.eye(3)[classes]
    folds = kfold(classes, num_folds=5, seed=0)
    new, truth = overlapping(50_000, 1)
    full, plain = fit_softmax(scores, targets, folds), fit_softmax(scores, targets, [])
    probabilities = full(new)
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    bins = np.digitize(sure, np.linspace(0, 1, 16)[1:-1])
    gaps = [
        abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    assert sum(gaps) < 0.03
    assert log_loss(probabilities, np.eye(3)[truth]) < log_loss(plain(new), np.eye(3)[truth])


def test_of_very_many_examples_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, classes = overlapping(3000, 0)
    targets, folds = np.eye(3)[classes], kfold(classes, num_folds=5, seed=0)
    whole = fit_softmax(scores, targets, folds)(scores)
    monkeypatch.setattr(calibrate, "MAX_EXAMPLES", 1500)
    np.testing.assert_allclose(fit_softmax(scores, targets, folds)(scores), whole, atol=0.2)
