"""Distances from the nearest class.

A Mahalanobis distance with one shrunk covariance for all classes (Lee et al. 2018, "A simple
unified framework for detecting out-of-distribution samples"), along a few main directions; across
all others the classes are taken as round. With numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float64, Floats, Int, Shaped
from topwork.executors.base import Segment
from topwork.features.table import FeatureTable
from topwork.heads.base import Tensors, restore_standardisers
from topwork.heads.kernel import Kernel, Transform

SHRINKAGE = 0.9
"""Share of the identity in the covariance. Unseen examples lie farther off than seen ones in all
directions that few examples do not fill. Seven pairs of known and foreign sets, 80 to 670 examples
to learn from: own examples rejected where 5% were asked for, with 0.3, 0.6 and 0.9: 1.9%, 2.4% and
3.3%; foreign ones accepted then: 42%, 40% and 37%."""

NUM_AXES, AXES_BYTES = 64, 1_500_000
"""Directions in which a view is measured as it varies. Fewer, down to 8, where they would take
more than so many bytes."""

SAMPLE = 600
"""Examples whose principal components are taken, at most: 0.1 s, and enough for so few of them."""

CHUNK = 2048
TINY = 1e-12


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ClassView:
    """Where the classes lie in one view of the features. D: its numbers; C: axes; K: classes.

    Attributes:
        transform: features -> vectors [D].
        middle: of all examples, float32 [D].
        axes: float16 [D, C], orthonormal but for rounding.
        means: of the classes that have examples, along the axes, float32 [K, C].
        precisions: one over the variance within classes, along each axis, float32 [C].
        precision: the same across all other directions.
    """

    transform: Transform
    middle: Floats
    axes: npt.NDArray[np.float16]
    means: Floats
    precisions: Floats
    precision: float

    @staticmethod
    def fit(
        table: FeatureTable,
        indices: Int[np.ndarray, " n"],
        classes: Int[np.ndarray, " n"],
        kernel: Kernel,
        seed: int,
    ) -> ClassView:
        """Fit on some rows, whose classes are given in the same order."""
        transform, vectors = Transform.fit(table, indices, kernel)
        middle = vectors.mean(0, dtype=np.float64).astype(np.float32)
        vectors -= middle
        axes = _main_axes(vectors, seed)
        there, codes = np.unique(classes, return_inverse=True)

        def within(along: Floats) -> tuple[Floats, Floats]:
            counts = np.bincount(codes)[:, None]
            means = np.stack([np.bincount(codes, a, len(there)) for a in along.T], 1) / counts
            return means.astype(np.float32), along - means[codes].astype(np.float32)

        if axes.shape[1]:  # turned to where the variance within classes has no correlations
            _, apart = within(vectors @ axes)
            axes = axes @ np.linalg.eigh((apart.T @ apart).astype(np.float64))[1][:, ::-1]
        rounded = axes.astype(np.float16)
        along = vectors @ rounded.astype(np.float32)
        means, apart = within(along) if axes.shape[1] else (along[: len(there)], along)
        width, num = vectors.shape[1], len(vectors)
        variances = np.einsum("nc,nc->c", apart, apart) / max(num - len(there), 1)
        others = max(float(np.einsum("nd,nd->", vectors, vectors) - (along**2).sum()), 0.0) / num
        mean = max((float(variances.sum()) + others) / width, TINY)
        across = others / max(width - rounded.shape[1], 1)
        return ClassView(
            transform=transform,
            middle=middle,
            axes=rounded,
            means=means,
            precisions=(1 / ((1 - SHRINKAGE) * variances + SHRINKAGE * mean)).astype(np.float32),
            precision=1 / ((1 - SHRINKAGE) * across + SHRINKAGE * mean),
        )

    def distances(
        self, table: FeatureTable, indices: Int[np.ndarray, " n"]
    ) -> Float64[np.ndarray, " n"]:
        """Return the logarithm of the squared distance to the nearest class, float64 [N].

        Logarithms, since the distances of what is far off are many times those of what is near.
        """
        axes, weights = self.axes.astype(np.float32), np.sqrt(self.precisions)
        means = (self.means * weights).astype(np.float64)
        out = np.empty(len(indices))
        for start in range(0, len(indices), CHUNK):
            vectors = self.transform(table, indices[start : start + CHUNK]) - self.middle
            along = vectors @ axes
            lengths = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
            across = np.maximum(lengths - np.einsum("nc,nc->n", along, along), 0)
            scaled = (along * weights).astype(np.float64)
            squares = (scaled**2).sum(1)[:, None] - 2 * scaled @ means.T + (means**2).sum(1)
            nearest = np.maximum(squares.min(1), 0) + across * self.precision
            out[start : start + CHUNK] = np.log(np.maximum(nearest, TINY))
        return out

    def tensors(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """Return all numbers by name, for a file."""
        tensors: Tensors = {
            "middle": self.middle,
            "axes": self.axes,
            "means": self.means,
            "precisions": self.precisions,
            "precision": np.array([self.precision]),
        }
        for place, fitted in enumerate(self.transform.standardisers):
            tensors[f"mean.{place}"] = fitted.mean
            tensors[f"scale.{place}"] = fitted.scale
        return tensors

    def columns(self) -> list[list[int]]:
        """Return which segments of the features each of its blocks has."""
        return [list(fitted.segments) for fitted in self.transform.standardisers]

    @staticmethod
    def restore(
        columns: Sequence[Sequence[int]],
        tensors: Mapping[str, Shaped[np.ndarray, "..."]],
        segments: Sequence[Segment],
    ) -> ClassView:
        """Undo `columns` and `tensors`. Raises KeyError, ValueError or TypeError on bad ones."""
        names = [f".{place}" for place in range(len(columns))]
        standardisers = restore_standardisers("a view", columns, names, tensors, segments)
        transform = Transform(standardisers=standardisers)
        middle, axes, means = tensors["middle"], tensors["axes"], tensors["means"]
        width, (num_axes,) = sum(transform.widths), tensors["precisions"].shape
        fits = middle.shape == (width,) and axes.shape == (width, num_axes) and len(means)
        if not fits or means.ndim != 2 or means.shape[1] != num_axes:
            raise ValueError("a view's tensors do not fit each other")
        return ClassView(
            transform=transform,
            middle=middle,
            axes=axes,
            means=means,
            precisions=tensors["precisions"],
            precision=float(tensors["precision"][0]),
        )


def _main_axes(centred: Floats, seed: int) -> Floats:
    """Return the directions [D, C] in which the rows vary most; of many rows, a sample's."""
    num, width = centred.shape
    if num > SAMPLE:
        chosen = np.random.default_rng(seed).permutation(num)[:SAMPLE]
        centred = centred[np.sort(chosen)]
    wide = width > len(centred)
    products = (centred @ centred.T if wide else centred.T @ centred).astype(np.float64)
    values, axes = np.linalg.eigh(products)
    most = int(np.clip(AXES_BYTES // (2 * width), 8, NUM_AXES))
    kept = np.flatnonzero(values > 1e-6 * max(values[-1], TINY))[::-1][:most]
    if wide:
        scaled = (axes[:, kept] / np.sqrt(values[kept])).astype(np.float32)
        return np.asarray(centred.T @ scaled, np.float32)
    return axes[:, kept].astype(np.float32)


def kernels_of(table: FeatureTable, blocks: Sequence[str]) -> tuple[Kernel, ...]:
    """Return the two views for a head that looks at these blocks; one, if it is the last alone."""
    last = Kernel(blocks=tuple(own[-1] for own in table.networks), pools=("mean",))
    wide = Kernel(blocks=tuple(blocks), pools=("mean",))
    return (last,) if wide == last else (wide, last)
