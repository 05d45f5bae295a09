"""Nearest examples in the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topwork.core.shapes import Float32, Int
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Kernel, Transform
from topwork.heads.search import run_between

CHUNK = 512
"""Rows whose distances to all others are held at a time: of 10,000 examples 20 MB."""

MAX_BLOCKS = 6
"""Blocks that are looked at, spread over the stretch: more say the same again."""


def blocks_between(table: FeatureTable, start: float, end: float) -> tuple[str, ...]:
    """Return at most MAX_BLOCKS blocks of a stretch of the network, in shares of its depth.

    Of several networks, of the first.
    """
    own = run_between(table.networks[0], start, end)
    if len(own) <= MAX_BLOCKS:
        return own
    places = np.linspace(0, len(own) - 1, MAX_BLOCKS).round().astype(int)
    return tuple(own[place] for place in places)


def directions(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    *,
    start: float,
    end: float,
    pools: tuple[str, ...],
) -> Float32[np.ndarray, "n d"]:
    """Return unit vectors [N, D]; their inner products say how alike two examples are, -1 to 1."""
    kernel = Kernel(blocks=blocks_between(table, start, end), pools=pools)
    return Transform.fit(table, indices, kernel)[1]


def positions(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    *,
    start: float,
    end: float,
    pools: tuple[str, ...],
) -> Float32[np.ndarray, "n d"]:
    """Return standardised vectors [N, D], every block with the same say in their distances.

    Unlike `directions` they keep how far an example is from the middle of all.
    """
    kernel = Kernel(blocks=blocks_between(table, start, end), pools=pools)
    transform, out = Transform.fit(table, indices, kernel, unit=False)
    at = 0
    for width in transform.widths:
        out[:, at : at + width] /= np.sqrt(np.float32(max(width, 1) * len(transform.widths)))
        at += width
    return out


def most_alike(
    vectors: Float32[np.ndarray, "n d"], count: int
) -> tuple[Int[np.ndarray, "n count"], Float32[np.ndarray, "n count"]]:
    """Return the `count` others that each is most alike to, and how alike, [N, count] each."""
    num = len(vectors)
    count = min(count, num - 1)
    others, values = np.zeros((num, count), np.intp), np.zeros((num, count), np.float32)
    for start in range(0, num, CHUNK) if count > 0 else ():
        part = vectors[start : start + CHUNK] @ vectors.T
        here = np.arange(len(part))
        part[here, start + here] = -np.inf
        best = np.argpartition(-part, count - 1, axis=1)[:, :count]
        others[start : start + CHUNK] = best
        values[start : start + CHUNK] = np.take_along_axis(part, best, 1)
    return others, values


def distances(
    vectors: Float32[np.ndarray, "n d"],
) -> Iterator[tuple[int, Float32[np.ndarray, "_ n"]]]:
    """Yield distances of some rows to all, [n, N], with the first row's number; to itself: inf."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    for start in range(0, len(vectors), CHUNK):
        own = vectors[start : start + CHUNK]
        part = squares[start : start + CHUNK, None] + squares - 2 * (own @ vectors.T)
        np.sqrt(np.maximum(part, 0, out=part), out=part)
        here = np.arange(len(own))
        part[here, start + here] = np.inf
        yield start, part
