"""Landmarks against the long way round."""

import numpy as np
import pytest

from topwork.heads import nystroem
from topwork.heads.kernel import Kernel, Transform
from topwork.heads.nystroem import Coordinates, RidgeSums

from .data import make

KERNELS = [
    Kernel(blocks=("middle", "late"), pools=("grid2",)),
    Kernel(blocks=("middle", "late"), pools=("grid2",), gamma=0.5),
]


@pytest.mark.parametrize("kernel", KERNELS)
def test_inner_products_among_landmarks_are_the_kernels(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nystroem, "CHUNK", 13)
    table, _ = make(40, 4)
    rows = np.arange(40)
    transform, units = Transform.fit(table, rows, kernel)
    chunks = list(Coordinates(table, rows, transform, kernel, units).chunks())
    np.testing.assert_array_equal(np.concatenate([positions for positions, _ in chunks]), rows)
    z = np.concatenate([z for _, z in chunks])
    # the jitter and single precision, the latter magnified by the kernel's small eigenvalues
    np.testing.assert_allclose(z @ z.T, kernel.apply(units @ units.T), atol=2e-3)


def test_moments_solve_a_weighted_ridge_with_an_intercept() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(50, 6)).astype(np.float32) + 1, rng.normal(size=(50, 2))
    w = rng.uniform(0.5, 1.5, 50)
    moments = RidgeSums(6, 2)
    moments.add(z[:20], y[:20], w[:20])
    moments.add(z[20:], y[20:], w[20:])
    mean = np.average(z, axis=0, weights=w)
    scatter = (w[:, None] * (z - mean)).T @ (z - mean)
    penalty = 0.1 * np.trace(scatter) / w.sum()
    right = (w[:, None] * (z - mean)).T @ (y - np.average(y, axis=0, weights=w))
    expected = np.linalg.solve(scatter + penalty * np.eye(6), right)
    coefficients, constants = moments.solve(0.1)
    np.testing.assert_allclose(coefficients, expected, atol=1e-5)
    np.testing.assert_allclose(
        constants, np.average(y - z @ coefficients, axis=0, weights=w), atol=1e-5
    )


def test_moments_add_and_subtract() -> None:
    rng = np.random.default_rng(0)
    z, y, w = rng.normal(size=(30, 4)).astype(np.float32), rng.normal(size=(30, 2)), np.ones(30)
    parts = [RidgeSums(4, 2) for _ in range(2)]
    parts[0].add(z[:10], y[:10], w[:10])
    parts[1].add(z[10:], y[10:], w[10:])
    left = (parts[0] + parts[1] - parts[0]).solve(0.1)
    for found, expected in zip(left, parts[1].solve(0.1), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_penalty_below_the_rounding_is_raised() -> None:
    moments = RidgeSums(3, 1)
    moments.add(np.ones((9, 3), np.float32), np.ones((9, 1)), np.ones(9))
    moments.zz -= 1e-9 * np.eye(3)
    coefficients, constants = moments.solve(1e-12)
    np.testing.assert_allclose(coefficients.sum() + constants, 1, atol=1e-3)
