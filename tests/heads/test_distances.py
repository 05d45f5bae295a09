"""The distance to the nearest class: against its formula with whole matrices."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.heads.data import SEGMENTS, make
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.distances import AXES_BYTES, NUM_AXES, SHRINKAGE, ClassView, kernels_of
from topwork.heads.kernel import Kernel

WIDE = Kernel(blocks=("middle", "late"), pools=("mean",))


def by_formula(view: ClassView, table: ArrayTable, train: np.ndarray, classes: np.ndarray,
               new: np.ndarray) -> np.ndarray:  # fmt: skip
    """Mahalanobis with (1 - s) S + s tr(S)/D I, where all directions are axes."""
    known = view.transform(table, train).astype(np.float64)
    known -= known.mean(0)
    shift = view.transform(table, train).mean(0)
    means = np.stack([known[classes == k].mean(0) for k in np.unique(classes)])
    apart = known - means[classes]
    covariance = apart.T @ apart / (len(known) - len(means))
    width = len(covariance)
    round_part = np.trace(covariance) / width * np.eye(width)
    inverse = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * round_part)
    vectors = view.transform(table, new) - shift
    gaps = vectors[:, None] - means
    return np.log(np.einsum("nkd,de,nke->nk", gaps, inverse, gaps).min(1))


def test_it_is_the_formula_where_the_axes_are_all_directions() -> None:
    table, classes = make(200, 3, noise=2)
    rows, new = np.arange(150), np.arange(150, 200)
    view = ClassView.fit(table, rows, classes[:150], WIDE, seed=0)
    assert view.axes.shape == (18, 18)
    found = view.distances(table, new)
    # axes are rounded to float16
    np.testing.assert_allclose(found, by_formula(view, table, rows, classes[:150], new), atol=0.01)


def test_across_the_axes_the_classes_are_round() -> None:
    rng = np.random.default_rng(0)
    width = 300
    table = ArrayTable(rng.normal(size=(120, width)).astype(np.float32),
                       (Segment(block="only", pool="mean", size=width),))  # fmt: skip
    classes = np.arange(120) % 2
    kernel = Kernel(blocks=("only",), pools=("mean",))
    view = ClassView.fit(table, np.arange(100), classes[:100], kernel, seed=0)
    assert view.axes.shape == (width, NUM_AXES)
    vectors = view.transform(table, np.arange(100, 120)) - view.middle
    axes = view.axes.astype(np.float32)
    along = vectors @ axes
    gaps = along[:, None] - view.means
    across = ((vectors - along @ axes.T) ** 2).sum(1)
    expected = (gaps**2 * view.precisions).sum(2).min(1) + across * view.precision
    found = view.distances(table, np.arange(100, 120))
    np.testing.assert_allclose(found, np.log(expected), atol=2e-3)


def test_what_is_far_from_all_classes_is_farther() -> None:
    table, classes = make(200, 4)
    away = ArrayTable(table.matrix[:, ::-1].copy(), SEGMENTS)
    view = ClassView.fit(table, np.arange(150), classes[:150], WIDE, seed=0)
    own, ood = (view.distances(t, np.arange(150, 200)) for t in (table, away))
    assert roc_auc_score(np.repeat([0, 1], 50), np.concatenate([own, ood])) > 0.8


def test_wide_views_keep_fewer_axes() -> None:
    width = AXES_BYTES // 20
    rng = np.random.default_rng(0)
    table = ArrayTable(rng.normal(size=(30, width)).astype(np.float16),
                       (Segment(block="only", pool="mean", size=width),))  # fmt: skip
    kernel = Kernel(blocks=("only",), pools=("mean",))
    view = ClassView.fit(table, np.arange(30), np.arange(30) % 2, kernel, seed=0)
    assert view.axes.shape == (width, 10)
    assert view.axes.nbytes <= AXES_BYTES


def test_examples_that_are_all_alike_do_no_harm() -> None:
    table = ArrayTable(np.ones((12, 4), np.float32), (Segment(block="b", pool="mean", size=4),))
    kernel = Kernel(blocks=("b",), pools=("mean",))
    view = ClassView.fit(table, np.arange(12), np.arange(12) % 2, kernel, seed=0)
    assert np.isfinite(view.distances(table, np.arange(12))).all()


def test_the_views_are_the_heads_blocks_and_the_last_one() -> None:
    table, _ = make(4, 2)
    assert kernels_of(table, ("early", "middle")) == (
        Kernel(blocks=("early", "middle"), pools=("mean",)),
        Kernel(blocks=("late",), pools=("mean",)),
    )
    assert kernels_of(table, ("late",)) == (Kernel(blocks=("late",), pools=("mean",)),)


def test_it_comes_back_from_its_tensors() -> None:
    table, classes = make(60, 3)
    view = ClassView.fit(table, np.arange(60), classes, WIDE, seed=0)
    again = ClassView.restore(view.columns(), view.tensors(), SEGMENTS)
    rows = np.arange(60)
    np.testing.assert_array_equal(again.distances(table, rows), view.distances(table, rows))


def test_damaged_tensors_are_refused() -> None:
    table, classes = make(60, 3)
    view = ClassView.fit(table, np.arange(60), classes, WIDE, seed=0)
    with pytest.raises(ValueError, match=r"a view has columns \[9\] of 6"):
        ClassView.restore([[9], [4]], view.tensors(), SEGMENTS)
    with pytest.raises(ValueError, match=r"\(8,\) means for 6"):
        ClassView.restore([[0], [4]], view.tensors(), SEGMENTS)
    with pytest.raises(ValueError, match="do not fit each other"):
        ClassView.restore(view.columns(), {**view.tensors(), "means": np.zeros((3, 2))}, SEGMENTS)
