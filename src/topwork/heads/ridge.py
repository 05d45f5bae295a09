"""Kernel ridge with exact k-fold predictions.

With an intercept b that is not penalised, the solution is `A = M Y`, where `G = K + lambda W^-1`,
`g = G^-1 1` and `M = G^-1 - g g' / (1' g)`. The residuals that the examples of fold F would have,
had they been left out, are `(M_FF)^-1 A_F` (An, Liu and Venkatesh 2007, "Fast cross-validation
algorithms for least squares support vector machine and kernel ridge regression", theorem 1).

The intercept must be left out with the fold. Were the targets centred beforehand, then a ridge that
all but interpolates would read a fold's labels off the rest: both the centred kernel and the
centred targets sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from topwork.core.shapes import Doubles, Float, Float64, Indices, Int

Matrix = npt.NDArray[np.floating]

DOUBLE_UP_TO = 600
"""Examples up to which double precision costs little."""

MIN_PENALTY_SINGLE = 1e-4
"""The smallest penalty, in shares of the kernel's mean diagonal, for which a Cholesky factor of
a few thousand rows in single precision is sound (the kernel's rounding error is about n * 6e-8)."""

STACKED_UP_TO = 200
"""Examples up to which several penalties are solved at once: there Python's own time is most of it.
On 40 examples the search takes half the time."""

_DOUBLE = (lapack.dpotrf, lapack.dpotri, lapack.dposv, blas.dsymm)
_SINGLE = (lapack.spotrf, lapack.spotri, lapack.sposv, blas.ssymm)


@dataclass(frozen=True, kw_only=True, eq=False)
class Centring:
    """Moves a kernel's origin to the mean of the training examples and scales it.

    Attributes:
        column_means: [N], of the training kernel.
        mean: of all its values.
        scale: the mean of its diagonal after centring; penalties are shares of it.
    """

    column_means: Doubles
    mean: float
    scale: float

    @staticmethod
    def fit(kernel: Float[np.ndarray, "n n"]) -> Centring:
        """Take the means from a training kernel [N, N]."""
        means = kernel.mean(0, dtype=np.float64)
        mean = float(means.mean())
        diagonal = float(np.trace(kernel, dtype=np.float64) / len(kernel))
        # Where all examples are alike, what is left of the diagonal is rounding: do not blow it up.
        scale = max(diagonal - mean, 1e-3 * diagonal, 1e-12)
        return Centring(column_means=means, mean=mean, scale=scale)

    def __call__(self, kernel: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
        """Return the centred, scaled kernel of the training examples [N, N]."""
        half = (self.column_means - self.mean / 2).astype(kernel.dtype)
        out: np.ndarray = kernel - half
        out -= half[:, None]
        out *= kernel.dtype.type(1 / self.scale)
        return out

    def fold(
        self, duals: Float64[np.ndarray, "n k"]
    ) -> tuple[Float64[np.ndarray, "n k"], Float64[np.ndarray, " k"]]:
        """Return [N, K] weights and [K] constants that act on kernel values as they come.

        `centred(k(x)) @ duals == k(x) @ weights + constants`.
        """
        total = duals.sum(0)
        weights = (duals - total / len(duals)) / self.scale
        constants = (self.mean * total - self.column_means @ duals) / self.scale
        return weights, constants


def smallest_penalty(num: int) -> float:
    """Return the smallest penalty that `solve` takes safely for so many examples."""
    return 0.0 if num <= DOUBLE_UP_TO else MIN_PENALTY_SINGLE


def solve(
    kernel: Float[np.ndarray, "n n"],
    targets: Float[np.ndarray, "n k"],
    penalty: float,
    *,
    folds: Sequence[Int[np.ndarray, " _"]] = (),
    weights: Float64[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " k"], Float[np.ndarray, "n k"]]:
    """Return dual coefficients [N, K], intercepts [K] and out-of-fold predictions [N, K].

    Args:
        kernel: centred and scaled, [N, N], symmetric.
        targets: [N, K].
        penalty: lambda above, > 0. Where the kernel's rounding drowns it, it is raised tenfold.
        folds: positions left out together; they cover every example once. Without them the
            predictions are those in sample.
        weights: of the examples, [N], mean 1; None for all alike.
    """
    double = len(kernel) <= DOUBLE_UP_TO
    system: Matrix = kernel.astype(np.float64 if double else np.float32, copy=True)
    diagonal = np.full(len(kernel), penalty) if weights is None else penalty / weights
    # A constant changes nothing in M, and keeps G^-1 from being large along it.
    system += system.dtype.type(1 / len(kernel))
    system.flat[:: len(kernel) + 1] += diagonal.astype(system.dtype)
    potrf, potri, posv, symm = _DOUBLE if double else _SINGLE
    # LAPACK reads by columns: the transpose of a symmetric matrix is itself, and needs no copy.
    factor, failed = potrf(system.T, lower=1, overwrite_a=1)
    if failed:
        return solve(kernel, targets, 10 * penalty, folds=folds, weights=weights)
    inverse, _ = potri(factor, lower=1, overwrite_c=1)  # its lower triangle; the rest is stale
    right = np.column_stack([targets, np.ones(len(kernel))]).astype(inverse.dtype)
    solved = np.ascontiguousarray(symm(1.0, inverse, right, lower=1))
    right, g = right[:, :-1], solved[:, -1]
    intercepts = g @ right / g.sum()
    duals = solved[:, :-1] - g[:, None] * intercepts
    if not folds:
        return duals, intercepts, kernel @ duals + intercepts
    predictions = right.copy()
    for fold in folds:
        indices = np.sort(fold)  # so that the lower triangle of the part lies in that of the whole
        part = inverse[np.ix_(indices, indices)] - np.outer(g[indices], g[indices] / g.sum())
        _, residuals, failed = posv(part, duals[indices], lower=1)
        if failed:
            return solve(kernel, targets, 10 * penalty, folds=folds, weights=weights)
        predictions[indices] -= residuals
    return duals, intercepts, predictions


def left_out(
    kernel: Float[np.ndarray, "n n"],
    targets: Float[np.ndarray, "n k"],
    penalties: Sequence[float],
    *,
    folds: Sequence[Int[np.ndarray, " _"]],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, "p n k"]:
    """Return the out-of-fold predictions of `solve` for each penalty, [P, N, K]."""
    if len(kernel) <= STACKED_UP_TO:
        try:
            return _left_out_stacked(kernel, targets, np.asarray(penalties), folds, weights)
        except np.linalg.LinAlgError:  # one of them drowns in the kernel's rounding
            pass
    found = [solve(kernel, targets, p, folds=folds, weights=weights)[2] for p in penalties]
    return np.stack(found)


def _left_out_stacked(
    kernel: Matrix,
    targets: Matrix,
    penalties: Doubles,
    folds: Sequence[Indices],
    weights: Doubles | None,
) -> Doubles:
    num = len(kernel)
    systems = np.repeat(kernel.astype(np.float64)[None] + 1 / num, len(penalties), 0)
    diagonals = penalties[:, None] / (np.ones(num) if weights is None else weights)
    systems.reshape(len(penalties), -1)[:, :: num + 1] += diagonals
    np.linalg.cholesky(systems)  # raises where one is not positive definite
    inverses = np.linalg.inv(systems)
    g = inverses.sum(2)
    total = g.sum(1)[:, None]
    duals = inverses @ targets - g[:, :, None] * (g @ targets / total)[:, None]
    inverses -= g[:, :, None] * (g / total)[:, None]
    predictions = np.repeat(targets.astype(np.float64)[None], len(penalties), 0)
    for size in {len(fold) for fold in folds}:
        rows = np.stack([fold for fold in folds if len(fold) == size])
        parts = inverses[:, rows[:, :, None], rows[:, None, :]]
        predictions[:, rows] -= np.linalg.solve(parts, duals[:, rows])
    return predictions
