import numpy as np
import pytest

from topwork.evidence.data.label_errors import find_label_errors


def test_exchanged_labels_come_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    chances = np.full((400, 4), 0.05)
    chances[np.arange(400), truth] = 0.85
    chances = chances * rng.uniform(0.8, 1.2, chances.shape)
    chances /= chances.sum(1, keepdims=True)
    wrong = rng.choice(400, 20, replace=False)
    given = truth.copy()
    given[wrong] = (given[wrong] + 1) % 4
    found = find_label_errors(chances, given)
    assert set(found.order[:20].tolist()) == set(wrong.tolist())
    assert (found.suggested[wrong] == truth[wrong]).all()
    assert sorted(found.order.tolist()) == list(range(400))
    assert (np.diff(found.scores[found.order]) >= 0).all()


def test_as_many_are_likely_as_confident_learning_counts() -> None:
    """The count by hand, example by example, as in Northcutt et al. 2021, equation 1."""
    rng = np.random.default_rng(1)
    chances = rng.dirichlet(np.ones(3), 300)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    thresholds = [chances[truth == k, k].mean() for k in range(3)]
    count = 0
    for row, label in zip(chances, truth, strict=True):
        reached = [k for k in range(3) if row[k] >= thresholds[k]]
        count += bool(reached) and max(reached, key=lambda k: row[k]) != label
    found = find_label_errors(chances, truth)
    assert count > 10
    assert len(found.likely) == min(count, int((chances.argmax(1) != truth).sum()))
    assert found.threshold == found.scores[found.likely].max()


def test_right_answers_are_never_likely_errors() -> None:
    chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    found = find_label_errors(chances, np.array([0, 0, 1, 1]))
    assert len(found.likely) == 0
    assert found.threshold == -1


def test_a_class_without_examples_suggests_nothing() -> None:
    chances = np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    found = find_label_errors(chances, np.array([0, 0, 1]))
    # Class 2 has no examples of its own, so nothing says how sure a model must be of it.
    assert len(found.likely) == 0
    assert found.scores == pytest.approx([0.1, 0.8, 0.8])
