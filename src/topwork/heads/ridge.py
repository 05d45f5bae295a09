"""Kernel ridge regression in closed form, and its exact k-fold predictions without refitting.

For a ridge solution `A = G^-1 Y` with `G = K + lambda W^-1`, the residuals that the examples of
fold F would have, had they been left out, are `(G^-1)_FF^-1 A_F`: the block form of the well-known
leave-one-out identity (An, Liu and Venkatesh 2007, "Fast cross-validation algorithms for least
squares support vector machine and kernel ridge regression", theorem 1).

What it does not know: what the targets mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Matrix = npt.NDArray[np.floating]

DOUBLE_UP_TO = 600
"""Examples up to which double precision costs little; above it, `MIN_PENALTY_SINGLE` holds."""

MIN_PENALTY_SINGLE = 1e-4
"""The smallest penalty, in shares of the kernel's mean diagonal, for which a Cholesky factor of
a few thousand rows in single precision is sound (the kernel's rounding error is about n * 6e-8)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Centring:
    """Moves a kernel's origin to the mean of the training examples and scales it.

    Attributes:
        column_means: [N], of the training kernel.
        mean: of all its values.
        scale: the mean of its diagonal after centring; penalties are shares of it.
    """

    column_means: Matrix
    mean: float
    scale: float

    @staticmethod
    def fit(kernel: Matrix) -> "Centring":
        """Take the means from a training kernel [N, N]."""
        means = kernel.mean(0, dtype=np.float64)
        mean = float(means.mean())
        scale = float(np.trace(kernel, dtype=np.float64) / len(kernel)) - mean
        return Centring(column_means=means, mean=mean, scale=max(scale, 1e-12))

    def __call__(self, kernel: Matrix) -> Matrix:
        """Return the centred, scaled kernel of the training examples [N, N]."""
        half = (self.column_means - self.mean / 2).astype(kernel.dtype)
        out = kernel - half
        out -= half[:, None]
        out *= kernel.dtype.type(1 / self.scale)
        return out

    def fold(self, duals: Matrix) -> tuple[Matrix, Matrix]:
        """Return [N, K] weights and [K] constants that act on kernel values as they come.

        `centred(k(x)) @ duals == k(x) @ weights + constants`.
        """
        total = duals.sum(0)
        weights = (duals - total / len(duals)) / self.scale
        constants = (self.mean * total - self.column_means @ duals) / self.scale
        return weights, constants


def solve(
    kernel: Matrix,
    targets: Matrix,
    penalty: float,
    *,
    folds: Sequence[npt.NDArray[np.intp]] = (),
    weights: npt.NDArray[np.float64] | None = None,
) -> tuple[Matrix, Matrix]:
    """Return the dual coefficients [N, K] and, with folds, the out-of-fold predictions [N, K].

    Args:
        kernel: centred and scaled, [N, N], symmetric.
        targets: [N, K].
        penalty: lambda above, > 0. Raised to `MIN_PENALTY_SINGLE` where n is large.
        folds: positions left out together; they cover every example once. Without them the
            predictions are those in sample.
        weights: of the examples, [N], mean 1; None for all alike.
    """
    double = len(kernel) <= DOUBLE_UP_TO
    if not double:
        penalty = max(penalty, MIN_PENALTY_SINGLE)
    system = kernel.astype(np.float64 if double else np.float32, copy=True)
    diagonal = np.full(len(kernel), penalty) if weights is None else penalty / weights
    system.flat[:: len(kernel) + 1] += diagonal.astype(system.dtype)
    potrf, potri = (
        (lapack.dpotrf, lapack.dpotri) if double else (lapack.spotrf, lapack.spotri)
    )
    # LAPACK reads by columns: the transpose of a symmetric matrix is itself, and needs no copy.
    factor, failed = potrf(system.T, lower=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"kernel matrix with penalty {penalty:g} is not positive")
    inverse, _ = potri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse)
    inverse += np.tril(inverse, -1).T
    targets = targets.astype(inverse.dtype)
    duals = inverse @ targets
    if not folds:
        return duals, kernel @ duals
    predictions = targets.copy()
    for fold in folds:
        predictions[fold] -= np.linalg.solve(inverse[np.ix_(fold, fold)], duals[fold])
    return duals, predictions
