"""Ridge regression over landmarks.

A sample of the examples, the landmarks, stands for all (the Nystroem method, Williams and Seeger
2001): each example becomes coordinates whose inner products approximate the kernel's values. The
examples stream past in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import lapack

from topwork.core.shapes import Doubles, Float32, Float64, Floats, Indices, Int
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Kernel, Transform

CHUNK = 1024
"""Rows that are read at a time."""

JITTER = 1e-5
"""In shares of the kernel's mean diagonal: well above single precision's rounding of its values."""


class Coordinates:
    """Rows of a table as coordinates [M] over M landmarks."""

    def __init__(
        self,
        table: FeatureTable,
        indices: Indices,
        transform: Transform,
        kernel: Kernel,
        marks: Floats,
    ) -> None:
        self._table, self._indices, self._kernel = table, indices, kernel
        self._transform, self._marks = transform, marks
        values = kernel.apply(marks @ marks.T).astype(np.float64)
        values.flat[:: len(values) + 1] += JITTER * max(np.trace(values) / len(values), 1e-6)
        inverse, _ = lapack.dtrtri(np.linalg.cholesky(values), lower=1)
        self.back: Doubles = inverse.T  # coordinates = kernel values @ back
        self.size = len(marks)
        self._back_single = self.back.astype(np.float32)

    def chunks(
        self, order: Int[np.ndarray, " n"] | None = None
    ) -> Iterator[tuple[Int[np.ndarray, " _"], Float32[np.ndarray, "_ m"]]]:
        """Yield positions among the rows, all or in this order, and their coordinates [n, M]."""
        order = np.arange(len(self._indices)) if order is None else order
        for start in range(0, len(order), CHUNK):
            positions = order[start : start + CHUNK]
            units = self._transform(self._table, self._indices[positions])
            yield positions, self._kernel.apply(units @ self._marks.T) @ self._back_single


class RidgeSums:
    """Weighted sums over examples, from which a ridge with an intercept is solved."""

    def __init__(self, size: int, num_classes: int) -> None:
        self.count = 0.0
        self.z = np.zeros(size)
        self.y = np.zeros(num_classes)
        self.zz = np.zeros((size, size))
        self.zy = np.zeros((size, num_classes))

    def add(
        self,
        z: Float32[np.ndarray, "n m"],
        y: Float64[np.ndarray, "n k"],
        w: Float64[np.ndarray, " n"],
    ) -> None:
        """Take in examples: coordinates [n, M], targets [n, K], weights [n]."""
        root = z * np.sqrt(w).astype(np.float32)[:, None]
        self.count += float(w.sum())
        self.z += w @ z
        self.y += w @ y
        self.zz += root.T @ root  # the product in single precision, their sum in double
        self.zy += z.T @ (w[:, None] * y)

    def __add__(self, other: RidgeSums) -> RidgeSums:
        return self._joined(other, 1.0)

    def __sub__(self, other: RidgeSums) -> RidgeSums:
        return self._joined(other, -1.0)

    def _joined(self, other: RidgeSums, sign: float) -> RidgeSums:
        out = RidgeSums(0, 0)
        for name, own in vars(self).items():
            setattr(out, name, own + sign * getattr(other, name))
        return out

    def solve(self, penalty: float) -> tuple[Float64[np.ndarray, "m k"], Float64[np.ndarray, " k"]]:
        """Return coefficients [M, K] and constants [K].

        The penalty is in shares of the mean diagonal; where rounding drowns it, it is raised
        tenfold.
        """
        mean, target = self.z / self.count, self.y / self.count
        system = self.zz - self.count * np.outer(mean, mean)
        right = self.zy - self.count * np.outer(mean, target)
        unit = max(np.trace(system), 1e-3 * np.trace(self.zz), 1e-12) / self.count
        system.flat[:: len(system) + 1] += penalty * unit
        _, coefficients, failed = lapack.dposv(system.T, right, lower=1, overwrite_a=1)
        if failed:
            return self.solve(10 * penalty)
        return coefficients, target - mean @ coefficients
