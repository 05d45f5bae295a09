"""The last layer's values and losses."""

import numpy as np
import pytest

from topwork.heads.softmax import (
    KNEE,
    TEMPERATURES,
    Softmax,
    best_temperature_loss,
    link,
    log_loss,
    softmax,
)

FINE = np.geomspace(*TEMPERATURES, 2000)


def test_rows_sum_to_one_whatever_the_size_of_the_logits() -> None:
    probabilities = softmax(np.array([[1e4, -1e4, 0], [0, 0, 0], [-1e4, -1e4, -1e4]]))
    np.testing.assert_allclose(probabilities, [[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3], atol=1e-12)


def test_softmax_is_of_scores_mixed_and_moved() -> None:
    top = Softmax(matrix=np.array([[2.0, 0], [1, 3]]), bias=np.array([0.5, 0]))
    logits = np.array([0.2 * 2 + 0.8 * 1 + 0.5, 0.8 * 3])
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(top(np.array([[0.2, 0.8]])), [expected])


def test_log_loss_is_weighted_and_bounded() -> None:
    probabilities, targets = np.array([[0.5, 0.5], [1.0, 0.0]]), np.eye(2)
    sure_and_wrong = -np.log(1e-15)
    np.testing.assert_allclose(log_loss(probabilities, targets), (np.log(2) + sure_and_wrong) / 2)
    np.testing.assert_allclose(log_loss(probabilities, targets, np.array([2.0, 0.0])), np.log(2))


@pytest.mark.parametrize(("signal", "noise"), [(0.3, 0.2), (1.0, 0.05), (0.0, 1.0), (-1.0, 0.1)])
def test_best_temperature_loss_is_that_of_a_fine_grid(signal: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    targets = np.eye(4)[rng.integers(4, size=50)]
    scores = targets * signal + noise * rng.normal(size=(50, 4)) + 7
    for weights in (None, rng.uniform(size=50)):
        losses = [log_loss(softmax(t * scores), targets, weights) for t in FINE]
        found = best_temperature_loss(scores, targets, weights)
        np.testing.assert_allclose(found, min(losses), atol=2e-4)


def test_link_keeps_the_order_and_the_slope_at_nothing() -> None:
    scores = np.linspace(-0.5, 1.5, 201)[:, None].repeat(8, axis=1)
    found = link(scores)[:, 0]
    assert (np.diff(found) > 0).all()
    np.testing.assert_array_equal(found[:51], scores[:51, 0])
    np.testing.assert_allclose(np.diff(found)[49:52], 0.01, rtol=0.02)


def test_link_is_a_logarithm_among_many_classes_and_nearly_nothing_among_two() -> None:
    many, two = np.tile([0.8, 0.08], (1, 500)), np.array([[0.8, 0.08]])
    found = link(many)[0]
    assert found[0] - found[1] == pytest.approx(KNEE / 1000 * np.log(10), rel=0.1)
    np.testing.assert_allclose(link(two), two, rtol=0.15)
