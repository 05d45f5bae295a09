"""The transform and the kernel, against their definitions."""

import numpy as np
import pytest

from topwork.errors import DataError
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.kernel import Kernel, Standardiser, Transform, segments_of

from .data import SEGMENTS, make


def test_transform_is_its_definition() -> None:
    table, _ = make(20, 3)
    kernel = Kernel(blocks=("middle", "late"), pools=("mean", "grid2"))
    train, indices = np.arange(15), np.arange(12, 20)
    transform, units = Transform.fit(table, train, kernel)
    parts = []
    for columns in (slice(30, 70), slice(70, 120)):
        values = table.matrix[:, columns].astype(np.float64)
        values = (values - values[train].mean(0)) / values[train].std(0)
        parts.append(values / np.linalg.norm(values, axis=1, keepdims=True) / np.sqrt(2))
    expected = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(units, expected[train], atol=1e-5)
    np.testing.assert_allclose(transform(table, indices), expected[indices], atol=1e-5)
    assert transform.widths == (40, 50)


def test_fit_returns_what_a_call_returns() -> None:
    table, _ = make(20, 3)
    indices = np.array([7, 3, 3, 11])
    transform, units = Transform.fit(table, indices, Kernel(blocks=("late",), pools=("mean",)))
    np.testing.assert_array_equal(units, transform(table, indices))


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.0])
def test_numbers_that_do_not_vary_say_nothing(value: float) -> None:
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    features[:, 1] = value
    fitted = Standardiser.fit(features, (0,))
    assert fitted.scale[1] == 0
    assert not features[:, 1].any()
    np.testing.assert_allclose(features[:, [0, 2, 3]].std(0), 1, rtol=1e-5)


def test_a_block_without_variance_is_all_zeros() -> None:
    table = ArrayTable(np.full((6, 3), 0.3, np.float16), [Segment(block="b", pool="mean", size=3)])
    _, units = Transform.fit(table, np.arange(6), Kernel(blocks=("b",), pools=("mean",)))
    np.testing.assert_array_equal(units, np.zeros((6, 3)))


def test_a_feature_that_is_not_finite_is_refused() -> None:
    features = np.ones((4, 3), np.float32)
    features[1, 2] = np.nan
    with pytest.raises(DataError, match="1 of 3 features are NaN or infinite"):
        Standardiser.fit(features, (0,))


def test_rbf_is_that_of_unit_vectors() -> None:
    table, _ = make(10, 2)
    kernel = Kernel(blocks=("early", "late"), pools=("mean", "grid2"), gamma=0.7)
    _, units = Transform.fit(table, np.arange(10), kernel)
    squares = np.square(units[:, None] - units[None]).sum(-1)
    np.testing.assert_allclose(kernel.apply(units @ units.T), np.exp(-0.7 * squares), atol=1e-5)


def test_a_block_without_a_pool_gives_what_it_has() -> None:
    table = ArrayTable(np.zeros((1, 3)), [*SEGMENTS[:0], Segment(block="b", pool="mean", size=3)])
    assert segments_of(table, "b", ("grid3",)) == (0,)
    assert segments_of(make(5, 2)[0], "middle", ("grid2",)) == (3,)
