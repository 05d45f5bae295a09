"""The last layer's values and losses."""

import numpy as np

from topwork.heads.softmax import TEMPERATURES, Softmax, best_temperature_loss, log_loss, softmax


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


def test_best_temperature_loss_is_that_of_the_grid() -> None:
    rng = np.random.default_rng(0)
    targets = np.eye(4)[rng.integers(4, size=50)]
    scores = targets * 0.3 + 0.2 * rng.normal(size=(50, 4)) + 7
    for weights in (None, rng.uniform(size=50)):
        losses = [log_loss(softmax(t * scores), targets, weights) for t in TEMPERATURES]
        found = best_temperature_loss(scores, targets, weights)
        np.testing.assert_allclose(found, min(losses), rtol=1e-9)
