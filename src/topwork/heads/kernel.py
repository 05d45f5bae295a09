"""The kernel under the softmax: which blocks and pools it looks at, and how it compares two.

Every number is standardised, every block's vector is scaled to unit length so that each block has
an equal say, and the blocks are averaged: `s(x, z) = mean over blocks of <u_b(x), u_b(z)>`. The
kernel is `s` itself (linear) or `exp(-2 gamma (1 - s))` (RBF on the joined unit vectors).

What it does not know: how a kernel is chosen (search.py), and what is fitted on it (ridge.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.features.table import FeatureTable

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

CONSTANT = 1e-6
"""A number whose standard deviation is below this share of its block's largest says nothing."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A choice of blocks, pools and form.

    Attributes:
        blocks: names, in the order in which they run; at least one.
        pools: of each block, those of these that it has. A block without places has `mean`
            alone, which then stands for them all.
        gamma: None for the linear kernel, else the RBF's, on unit vectors.
    """

    blocks: tuple[str, ...]
    pools: tuple[str, ...]
    gamma: float | None = None

    def apply(self, similarity: Floats) -> Floats:
        """Return the kernel's values, given `s` above."""
        if self.gamma is None:
            return similarity
        return np.exp((2 * self.gamma) * (similarity - 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardiser:
    """Features of one block -> standardised vectors of unit length.

    Attributes:
        segments: positions of the block's chosen pools in the table's segments.
        mean: float32 [D].
        scale: float32 [D], one over the standard deviation; 0 for a number that does not vary.
    """

    segments: tuple[int, ...]
    mean: Floats
    scale: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return [N, D] unit rows (or zeros where nothing differs from the mean), in place."""
        features -= self.mean
        features *= self.scale
        lengths = np.sqrt(np.einsum("nd,nd->n", features, features))
        features /= np.maximum(lengths, 1e-12)[:, None]
        return features

    @staticmethod
    def fit(features: Floats, segments: tuple[int, ...]) -> "Standardiser":
        """Take the mean and the standard deviation from [N, D]."""
        mean = features.mean(0, dtype=np.float64)
        deviation = np.sqrt(np.square(features - mean.astype(np.float32)).mean(0, dtype=np.float64))
        varies = deviation > CONSTANT * max(float(deviation.max(initial=0.0)), 1e-30)
        scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
        return Standardiser(
            segments=segments, mean=mean.astype(np.float32), scale=scale.astype(np.float32)
        )


def segments_of(table: FeatureTable, block: str, pools: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of a block's chosen pools, in the table's order."""
    own = [i for i, segment in enumerate(table.segments) if segment.block == block]
    chosen = tuple(i for i in own if table.segments[i].pool in pools)
    return chosen or tuple(own[:1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Transform:
    """Features -> joined unit vectors, whose inner products are `s` above."""

    standardisers: tuple[Standardiser, ...]

    @staticmethod
    def fit(table: FeatureTable, rows: Rows, kernel: Kernel) -> "Transform":
        """Fit every block's standardiser on the rows."""
        fitted = []
        for block in kernel.blocks:
            segments = segments_of(table, block, kernel.pools)
            fitted.append(Standardiser.fit(table.read(rows, segments), segments))
        return Transform(standardisers=tuple(fitted))

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers that each block brings."""
        return tuple(len(standardiser.mean) for standardiser in self.standardisers)

    def __call__(self, table: FeatureTable, rows: Rows) -> Floats:
        """Return float32 [len(rows), sum of widths]; each row has length 1 at most."""
        out = np.empty((len(rows), sum(self.widths)), np.float32)
        start = 0
        share = np.float32(1 / np.sqrt(len(self.standardisers)))
        for standardiser, width in zip(self.standardisers, self.widths, strict=True):
            unit = standardiser(table.read(rows, standardiser.segments))
            np.multiply(unit, share, out=out[:, start : start + width])
            start += width
        return out
