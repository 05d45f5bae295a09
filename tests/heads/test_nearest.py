"""The nearest mean: against scikit-learn, and with examples left out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from topwork.heads.calibrate import fit_softmax
from topwork.heads.dense import DenseHead
from topwork.heads.fit import choose_space, fit_head
from topwork.heads.kernel import Kernel, Transform
from topwork.heads.labels import Labels
from topwork.heads.nearest import UNTESTED_TEMPERATURE, choose_nearest, fit_nearest
from topwork.heads.search import default_choice, pool_sets, windows
from topwork.heads.settings import HeadSettings
from topwork.heads.softmax import best_temperature_loss

from .data import labels_of, make

KERNEL = Kernel(blocks=("middle", "late"), pools=("mean", "grid2"))
NEAREST = HeadSettings(kind="nearest")


def directions(vectors: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle, and the direction of each class's mean from it."""
    middle = vectors.mean(0)
    means = np.stack([vectors[classes == k].mean(0) for k in np.unique(classes)]) - middle
    return middle, means / np.linalg.norm(means, axis=1, keepdims=True)


def test_its_labels_are_those_of_the_nearest_centroid() -> None:
    table, classes = make(90, 4, noise=2)
    indices, new = np.arange(60), np.arange(60, 90)
    head = fit_head(table, indices, labels_of(classes[:60]), settings=NEAREST)
    assert isinstance(head, DenseHead)
    train, test = (head.transform(table, part).astype(np.float64) for part in (indices, new))
    middle, centroids = directions(train, classes[:60])
    # two of each, a little apart: where there is no spread, scikit-learn warns
    apart = 1e-6 * np.random.default_rng(0).normal(size=centroids.shape)
    pairs = np.concatenate([centroids + apart, centroids - apart])
    reference = NearestCentroid().fit(pairs, np.arange(8) % 4)
    found = head.predict(table, new)
    np.testing.assert_array_equal(found.argmax(1), reference.predict(test - middle))
    assert (found.argmax(1) == classes[60:]).mean() > 0.7


def test_its_temperature_is_that_of_examples_left_out() -> None:
    table, classes = make(60, 3, noise=3)
    labels, indices = labels_of(classes), np.arange(60)
    transform, vectors = Transform.fit(table, indices, KERNEL)
    scores = np.zeros((60, 3))
    for fold in labels.folds():
        rest = np.setdiff1d(indices, fold)
        middle, centroids = directions(vectors[rest].astype(np.float64), classes[rest])
        scores[fold] = (vectors[fold] - middle) @ centroids.T
    expected = fit_softmax(scores, labels.targets, ())
    found = fit_nearest(table, indices, labels, transform).softmax
    np.testing.assert_allclose(found.matrix, expected.matrix, rtol=1e-3)
    np.testing.assert_array_equal(found.bias, 0)


@pytest.mark.parametrize("groups", [False, True])
def test_the_choice_is_the_best_of_all(groups: bool) -> None:
    table, classes = make(60, 3, noise=3)
    labels, indices = labels_of(classes), np.arange(60)
    if groups:
        labels = replace(labels, groups=np.array([f"g{i // 3}" for i in range(60)]))
    losses = {}
    for run in windows(table.networks):
        for pools in pool_sets(table):
            kernel = Kernel(blocks=run, pools=pools)
            _, vectors = Transform.fit(table, indices, kernel)
            scores = np.zeros((60, 3))
            for fold in labels.folds():
                rest = np.setdiff1d(indices, fold)
                middle, centroids = directions(vectors[rest].astype(np.float64), classes[rest])
                scores[fold] = (vectors[fold] - middle) @ centroids.T
            losses[kernel] = best_temperature_loss(scores, labels.targets, None)
    found = choose_space(table, indices, labels, "nearest")
    assert found.kernel == min(losses, key=losses.__getitem__)
    assert found.loss == pytest.approx(losses[found.kernel], abs=1e-4)


def test_many_rows_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(60, 3, noise=2)
    whole = fit_head(table, np.arange(60), labels_of(classes), settings=NEAREST).predict(table)
    monkeypatch.setattr("topwork.heads.nearest.CHUNK", 7)
    parts = fit_head(table, np.arange(60), labels_of(classes), settings=NEAREST).predict(table)
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_a_class_without_examples_is_never_said() -> None:
    table, classes = make(40, 3)
    indices = np.flatnonzero(classes != 1)
    labels = Labels(classes=classes[indices], num_classes=3)
    found = fit_head(table, indices, labels, settings=NEAREST).predict(table)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found.argmax(1) != 1).all()


def test_a_class_of_one_example() -> None:
    table, classes = make(40, 3)
    indices = np.concatenate([np.flatnonzero(classes != 1), np.flatnonzero(classes == 1)[:1]])
    labels = Labels(classes=classes[indices], num_classes=3)
    head = fit_head(table, indices, labels, settings=NEAREST)
    assert head.predict(table, indices).argmax(1)[-1] == 1
    told = labels.classes != 1  # what the rest says of it, it is not asked
    assert head.softmax.matrix[0, 0] > 5
    assert (head.predict(table, indices[told]).argmax(1) == labels.classes[told]).mean() > 0.9


def test_with_nothing_to_leave_out() -> None:
    table, _ = make(3, 3)
    labels = labels_of(np.arange(3))
    assert choose_nearest(table, np.arange(3), labels) == default_choice(table)
    head = fit_head(table, np.arange(3), labels, settings=NEAREST)
    assert head.softmax.matrix[0, 0] == UNTESTED_TEMPERATURE
    np.testing.assert_array_equal(head.predict(table, np.arange(3)).argmax(1), np.arange(3))


def test_examples_that_are_all_alike() -> None:
    table, classes = make(20, 2)
    table.matrix[:] = table.matrix[0]
    found = fit_head(table, np.arange(20), labels_of(classes), settings=NEAREST).predict(table)
    np.testing.assert_allclose(found, 0.5, atol=1e-6)
