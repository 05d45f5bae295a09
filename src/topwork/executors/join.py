"""Features of several windows, joined.

Means, standard deviations and maxima over all places come out as if the network had seen no seams
(what it computes near a seam aside).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from topwork.core.shapes import Doubles, Float32
from topwork.executors.base import Segment

GRIDS = {"grid2": 2, "grid3": 3}


def join(
    vectors: Sequence[Float32[np.ndarray, " width"]],
    weights: Sequence[float],
    segments: Sequence[Segment],
) -> Float32[np.ndarray, " width"]:
    """Return one vector for the windows of one example, in their order.

    - `mean`, `prefix`: the windows' mean, by their weights.
    - `std`: of all places together (the law of total variance); without `mean` beside it, the
      spread within the windows alone.
    - `max`: the largest. `last`: the last window's.
    - `grid2`, `grid3`: each stretch of the whole takes from the windows' stretches as much as they
      overlap.

    Args:
        vectors: one a window, [sum of segment sizes].
        weights: how much each counts, above 0: its share of the whole in time or tokens.
    """
    if len(vectors) == 1:
        return vectors[0]
    rows = np.stack(vectors).astype(np.float64)
    share = np.asarray(weights, np.float64) / np.sum(weights)
    out: list[Doubles] = []
    start = 0
    for _, own in groupby(segments, key=lambda segment: segment.block):
        means: Doubles | None = None
        for segment in own:
            part = rows[:, start : start + segment.size]
            start += segment.size
            if segment.pool == "mean":
                means = part
            out.append(_join_pool(segment.pool, part, share, means))
    return np.concatenate(out).astype(np.float32)


def _join_pool(pool: str, part: Doubles, share: Doubles, means: Doubles | None) -> Doubles:
    if pool == "max":
        return np.asarray(part.max(0))
    if pool == "last":
        return np.asarray(part[-1])
    if pool == "std":
        squares = share @ part**2
        if means is not None:
            squares = squares + share @ (means - share @ means) ** 2
        return np.sqrt(squares)
    if pool in GRIDS:
        return _join_stretches(part, share, GRIDS[pool])
    return np.asarray(share @ part)


def _join_stretches(part: Doubles, share: Doubles, grid: int) -> Doubles:
    """Join [windows, C * grid], channel-major, whose windows follow each other in time."""
    ends = np.cumsum(share)
    edges = np.concatenate([(ends - share)[:, None] + share[:, None] * np.arange(grid) / grid,
                            ends[:, None]], axis=1)  # fmt: skip
    starts, stops = edges[:, :-1].ravel(), edges[:, 1:].ravel()
    cells = np.arange(grid)[:, None] / grid
    overlap = np.minimum(stops, cells + 1 / grid) - np.maximum(starts, cells)
    overlap = overlap.clip(0, None) * grid  # [grid, windows * grid], rows sum to 1
    pieces = part.reshape(len(part), -1, grid)  # windows, C, grid
    flat = pieces.transpose(0, 2, 1).reshape(len(part) * grid, -1)
    return np.asarray((overlap @ flat).T.ravel())
