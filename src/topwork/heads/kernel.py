"""Kernel over blocks and pools.

Every number is standardised, every block's vector is scaled to unit length so that each block has
an equal say, and the blocks are averaged: `s(x, z) = mean over blocks of <u_b(x), u_b(z)>`. The
kernel is `s` itself (linear) or `exp(-2 gamma (1 - s))` (RBF on the joined unit vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topwork.core.shapes import Float32, Floats, Int
from topwork.errors import DataError
from topwork.executors.base import Segment
from topwork.features.table import FeatureTable

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

    def apply(self, similarity: Float32[np.ndarray, "n m"]) -> Float32[np.ndarray, "n m"]:
        """Return the kernel's values, given `s` above."""
        if self.gamma is None:
            return similarity
        values: Floats = np.exp((2 * self.gamma) * (similarity - 1))
        return values


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

    def apply(self, features: Float32[np.ndarray, "n d"]) -> None:
        """Standardise [N, D] in place."""
        features -= self.mean
        features *= self.scale

    @staticmethod
    def identity(segments: tuple[int, ...], width: int) -> Standardiser:
        """Return one that leaves so many numbers as they are."""
        mean, scale = np.zeros(width, np.float32), np.ones(width, np.float32)
        return Standardiser(segments=segments, mean=mean, scale=scale)

    @staticmethod
    def fit(features: Float32[np.ndarray, "n d"], segments: tuple[int, ...]) -> Standardiser:
        """Take the mean and the standard deviation from [N, D], and apply them in place.

        One call does both because each pass over the features costs as much as reading them.
        Raises DataError where a feature is not finite.
        """
        mean = features.mean(0, dtype=np.float64).astype(np.float32)  # a constant's is exact
        features -= mean
        deviation = np.sqrt(np.einsum("nd,nd->d", features, features) / np.float32(len(features)))
        if not np.isfinite(deviation).all():
            raise DataError(
                f"{int((~np.isfinite(deviation)).sum())} of {len(deviation)} features are NaN or "
                "infinite; accepted: finite numbers. Compute the features anew, in float32."
            )
        varies = deviation > CONSTANT * max(float(deviation.max(initial=0.0)), 1e-30)
        scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0).astype(np.float32)
        features *= scale
        return Standardiser(segments=segments, mean=mean, scale=scale)


def segments_of(table: FeatureTable, block: str, pools: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of a block's chosen pools, in the table's order."""
    own = [i for i, segment in enumerate(table.segments) if segment.block == block]
    chosen = tuple(i for i in own if table.segments[i].pool in pools)
    return chosen or tuple(own[:1])


def width_of(table: FeatureTable, kernel: Kernel) -> int:
    """Return how many numbers of an example the kernel looks at."""
    chosen = (i for block in kernel.blocks for i in segments_of(table, block, kernel.pools))
    return sum(table.segments[i].size for i in chosen)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transform:
    """Features -> joined unit vectors, whose inner products are `s` above.

    Attributes:
        standardisers: one a block.
        unit: scale each block's vector to unit length (of a row, all to 1); False leaves the
            standardised numbers as they are.
    """

    standardisers: tuple[Standardiser, ...]
    unit: bool = True

    @staticmethod
    def fit(
        table: FeatureTable, indices: Int[np.ndarray, " n"], kernel: Kernel, *, unit: bool = True
    ) -> tuple[Transform, Float32[np.ndarray, "n width"]]:
        """Fit every block's standardiser on the rows; also return the rows' vectors."""
        segments = [segments_of(table, block, kernel.pools) for block in kernel.blocks]
        widths = [sum(table.segments[i].size for i in chosen) for chosen in segments]
        out = np.empty((len(indices), sum(widths)), np.float32)
        fitted, start = [], 0
        for chosen, width in zip(segments, widths, strict=True):
            features = table.read(indices, chosen)
            fitted.append(Standardiser.fit(features, chosen))
            _write(features, out[:, start : start + width], len(segments) if unit else None)
            start += width
        return Transform(standardisers=tuple(fitted), unit=unit), out

    @staticmethod
    def identity(segments: Sequence[Segment]) -> Transform:
        """Return one that joins the features of all segments, block by block, as they are."""
        of_block: dict[str, list[int]] = {}
        for i, segment in enumerate(segments):
            of_block.setdefault(segment.block, []).append(i)
        standardisers = tuple(
            Standardiser.identity(tuple(own), sum(segments[i].size for i in own))
            for own in of_block.values()
        )
        return Transform(standardisers=standardisers, unit=False)

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers that each block brings."""
        return tuple(len(standardiser.mean) for standardiser in self.standardisers)

    def __call__(
        self, table: FeatureTable, indices: Int[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "n width"]:
        """Return [N, sum of widths]; of unit vectors, no row is longer than 1."""
        out = np.empty((len(indices), sum(self.widths)), np.float32)
        start = 0
        for standardiser, width in zip(self.standardisers, self.widths, strict=True):
            features = table.read(indices, standardiser.segments)
            standardiser.apply(features)
            num_blocks = len(self.standardisers) if self.unit else None
            _write(features, out[:, start : start + width], num_blocks)
            start += width
        return out


def _write(features: Floats, out: Floats, num_blocks: int | None) -> None:
    """Write rows as they are; where a number of blocks is given, of length 1 / sqrt(num_blocks).

    Where nothing differs from the mean, these are zeros.
    """
    if num_blocks is None:
        out[:] = features
        return
    lengths = np.sqrt(np.einsum("nd,nd->n", features, features) * np.float32(num_blocks))
    np.divide(features, np.maximum(lengths, np.float32(1e-12))[:, None], out=out)
