"""Closed forms against the long way round."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.kernel_ridge import KernelRidge

from topwork.examples.folds import kfold
from topwork.heads.ridge import (
    DOUBLE_UP_TO,
    MIN_PENALTY_SINGLE,
    STACKED_UP_TO,
    Centring,
    left_out,
    smallest_penalty,
    solve,
)

Doubles = npt.NDArray[np.float64]


def kernel_and_targets(num: int, width: int = 40, seed: int = 0) -> tuple[Doubles, Doubles]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num, width)) + 1
    targets = np.eye(3)[np.argmax(features[:, :3] + rng.normal(size=(num, 3)), axis=1)]
    return features @ features.T, targets


def refitted(
    kernel: Doubles, targets: Doubles, penalty: float, fold: npt.NDArray[np.intp], weights: Doubles
) -> Doubles:
    kept = np.setdiff1d(np.arange(len(kernel)), fold)
    num = len(kept)
    system = np.ones((num + 1, num + 1))
    system[:num, :num] = kernel[np.ix_(kept, kept)] + penalty * np.diag(1 / weights[kept])
    system[num, num] = 0
    solved = np.linalg.solve(system, np.concatenate([targets[kept], np.zeros((1, 3))]))
    predictions: Doubles = kernel[np.ix_(fold, kept)] @ solved[:num] + solved[num]
    return predictions


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [1e-3, 1.0])
@pytest.mark.parametrize(("num", "tolerance"), [(60, 1e-6), (DOUBLE_UP_TO + 1, 5e-3)])
def test_kfold_predictions_are_those_of_refits(
    num: int, tolerance: float, penalty: float, weighted: bool
) -> None:
    # above DOUBLE_UP_TO the arithmetic is in single precision, hence the larger tolerance
    raw, targets = kernel_and_targets(num)
    kernel = Centring.fit(raw)(raw)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.3, 2, num) if weighted else np.ones(num)
    weights /= weights.mean()
    folds = [rng.permutation(fold) for fold in kfold(targets.argmax(1), num_folds=5, seed=0)]
    _, _, predictions = solve(
        kernel, targets, penalty, folds=folds, weights=weights if weighted else None
    )
    for fold in folds:
        expected = refitted(kernel, targets, penalty, fold, weights)
        np.testing.assert_allclose(predictions[fold], expected, atol=tolerance)


@pytest.mark.parametrize("num", [37, STACKED_UP_TO, STACKED_UP_TO + 1])
def test_several_penalties_at_once_are_one_after_the_other(num: int) -> None:
    raw, targets = kernel_and_targets(num)
    kernel = Centring.fit(raw)(raw)
    weights = np.random.default_rng(1).uniform(0.3, 2, num)
    folds = kfold(targets.argmax(1), num_folds=5, seed=0)
    penalties = (1e-4, 1e-2, 1.0)
    found = left_out(kernel, targets, penalties, folds=folds, weights=weights)
    for penalty, predictions in zip(penalties, found, strict=True):
        _, _, expected = solve(kernel, targets, penalty, folds=folds, weights=weights)
        np.testing.assert_allclose(predictions, expected, atol=1e-8)


def test_a_penalty_that_drowns_among_others_is_raised() -> None:
    kernel = np.full((30, 30), 1.0)
    kernel[:15, :15] += 3
    kernel -= np.eye(30) * 1e-6  # not positive definite, by its rounding
    targets = np.eye(2)[np.arange(30) % 2]
    folds = kfold(targets.argmax(1), num_folds=5, seed=0)
    found = left_out(kernel, targets, (1e-9, 0.1), folds=folds)
    for penalty, predictions in zip((1e-9, 0.1), found, strict=True):
        _, _, expected = solve(kernel, targets, penalty, folds=folds)
        np.testing.assert_array_equal(predictions, expected)


def test_duals_are_those_of_scikit_learn() -> None:
    kernel, targets = kernel_and_targets(50)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 50)
    reference = KernelRidge(alpha=0.3, kernel="precomputed")
    duals, intercepts, fitted = solve(kernel, targets, 0.3, weights=weights)
    reference.fit(kernel, targets - intercepts, sample_weight=weights)
    np.testing.assert_allclose(duals.sum(0), 0, atol=1e-9)
    np.testing.assert_allclose(duals, reference.dual_coef_, atol=1e-8)
    np.testing.assert_allclose(fitted, reference.predict(kernel) + intercepts, atol=1e-8)


def test_left_out_labels_cannot_be_read_off_the_rest() -> None:
    # random labels, nearly interpolated: no better than chance, though all sums are zero
    rng = np.random.default_rng(0)
    right = []
    for _ in range(20):
        features, classes = rng.normal(size=(30, 400)), rng.integers(3, size=30)
        features -= features.mean(0)
        kernel = features @ features.T / 400
        folds = [np.array([i]) for i in range(30)]
        _, _, predictions = solve(kernel, np.eye(3)[classes], 1e-5, folds=folds)
        right.append((predictions.argmax(1) == classes).mean())
    assert np.mean(right) < 0.4


def test_solve_leaves_its_arguments_alone() -> None:
    kernel, targets = kernel_and_targets(30)
    copies = kernel.copy(), targets.copy()
    solve(kernel, targets, 0.1, folds=kfold(targets.argmax(1), num_folds=3, seed=0))
    np.testing.assert_array_equal(kernel, copies[0])
    np.testing.assert_array_equal(targets, copies[1])


@pytest.mark.parametrize("with_folds", [False, True])
def test_a_penalty_below_the_rounding_is_raised(with_folds: bool) -> None:
    kernel = np.ones((40, 40)) - 1e-9 * np.eye(40)  # no sum of a few 1e-12 mends its negative part
    folds = kfold(np.arange(40) % 2, num_folds=4, seed=0) if with_folds else []
    duals, _, predictions = solve(kernel, np.eye(40)[:, :2], 1e-12, folds=folds)
    assert np.isfinite(duals).all()
    assert np.isfinite(predictions).all()


def test_centring_is_that_of_centred_features() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(30, 8)) + 3
    kernel = features @ features.T
    centred = features - features.mean(0)
    expected = centred @ centred.T
    centring = Centring.fit(kernel)
    np.testing.assert_allclose(centring.scale, np.trace(expected) / 30)
    np.testing.assert_allclose(centring(kernel), expected / centring.scale, atol=1e-9)


def test_folding_the_centring_into_the_weights_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    features, new = rng.normal(size=(30, 8)) + 3, rng.normal(size=(5, 8)) + 3
    kernel = features @ features.T
    centring, duals = Centring.fit(kernel), rng.normal(size=(30, 4))
    mean = features.mean(0)
    expected = (new - mean) @ (features - mean).T / centring.scale @ duals
    weights, constants = centring.fold(duals)
    np.testing.assert_allclose(new @ features.T @ weights + constants, expected, atol=1e-9)


def test_centring_does_not_blow_up_rounding() -> None:
    kernel = np.ones((10, 10), np.float32)
    assert np.abs(Centring.fit(kernel)(kernel)).max() < 1e-3
    assert not Centring.fit(0 * kernel)(0 * kernel).any()


def test_small_problems_take_any_penalty() -> None:
    assert smallest_penalty(DOUBLE_UP_TO) == 0
    assert smallest_penalty(DOUBLE_UP_TO + 1) == MIN_PENALTY_SINGLE
