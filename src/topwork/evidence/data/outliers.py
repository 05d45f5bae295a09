"""Examples far from all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Doubles, Indices, Int
from topwork.evidence.data.neighbours import distances, positions
from topwork.features.table import FeatureTable

STRETCH = (0.75, 1.0)
"""The last quarter of the blocks, averages over places. Of 1,192 clothes with an X-ray and a hand
sign among them, twice, all four were then among the first three; in the last block alone, one was
27th, and over all blocks none stood out."""

NUM_OF_ALL, NUM_OF_CLASS = 20, 10
"""Neighbours whose mean distance counts. With 5 of all, a handful of X-rays hid one another."""

THRESHOLD = 2.5
"""Robust standard deviations of the logarithm of the distance: 1 of 1,192 clothes lies beyond
it, and each of the four foreign pictures did."""

MIN_CLASS = 5
"""Examples of a class from which on it can be said how far its own usually are."""

MIN_EXAMPLES = 20
MAX_SHARE = 0.02
"""Where more than this share is beyond the threshold, the farthest are named."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Outliers:
    """How far out examples are.

    Attributes:
        scores: robust standard deviations beyond the usual distance, [N]: the smaller one of that
            to all examples and that to the own class.
        indices: positions of those beyond `THRESHOLD`, farthest first.
    """

    scores: Doubles
    indices: Indices


def find_outliers(
    table: FeatureTable, indices: Int[np.ndarray, " n"], truth: Int[np.ndarray, " n"]
) -> Outliers:
    """Return how far each row of the table is from the others.

    Args:
        indices: of the table, [N].
        truth: their classes, [N].
    """
    num = len(indices)
    if num < MIN_EXAMPLES:
        return Outliers(scores=np.zeros(num), indices=np.zeros(0, np.intp))
    vectors = positions(table, indices, start=STRETCH[0], end=STRETCH[1], pools=("mean",))
    of_all, of_class = np.zeros(num), np.zeros(num)
    for start, part in distances(vectors):
        own = slice(start, start + len(part))
        of_all[own] = _mean_of_nearest(part, NUM_OF_ALL)
        part[truth[own, None] != truth[None]] = np.inf
        of_class[own] = _mean_of_nearest(part, NUM_OF_CLASS)
    scores = _robust(of_all)
    for name in np.unique(truth):
        members = np.flatnonzero(truth == name)
        if len(members) >= MIN_CLASS:
            scores[members] = np.minimum(scores[members], _robust(of_class[members]))
    order = np.argsort(-scores, kind="stable")
    most = max(1, int(num * MAX_SHARE))
    return Outliers(scores=scores, indices=order[scores[order] > THRESHOLD][:most])


def _mean_of_nearest(part: npt.NDArray[np.float32], count: int) -> Doubles:
    count = min(count, part.shape[1] - 1)
    near = np.partition(part, count - 1, axis=1)[:, :count].astype(np.float64)
    there = np.isfinite(near)
    near[~there] = 0
    mean: Doubles = near.sum(1) / np.maximum(there.sum(1), 1)
    return mean


def _robust(values: Doubles) -> Doubles:
    """Return robust standard scores of the logarithms (median and median deviation)."""
    logs = np.log(np.maximum(values, 1e-9))
    apart = logs - np.median(logs)
    # 1.4826: the median deviation of a normal distribution is 1 / 1.4826 of its standard deviation.
    spread = 1.4826 * np.median(np.abs(apart))
    out: Doubles = apart / max(float(spread), 1e-3)
    return out
