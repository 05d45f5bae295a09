"""Near-copies, and what they do to scores.

Pairs that the network's features hold for alike are candidates; whether they are copies, the inputs
themselves say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import numpy.typing as npt

from topwork.core.plain import Plain
from topwork.core.shapes import Bool, Float64, Indices, Int
from topwork.evaluation.intervals import Estimate, effective_share, group_numbers, wilson
from topwork.evidence.data.neighbours import directions, most_alike
from topwork.evidence.data.similarity import likeness
from topwork.evidence.data.thumbnails import Look
from topwork.features.table import FeatureTable

STRETCH, POOLS = (0.25, 0.75), ("mean", "std")
"""The middle blocks, which see details and hardly mind a crop: of 150 altered copies of clothes,
all were their original's nearest, and of the other stretches and pools tried most missed one."""

NUM_NEIGHBOURS = 3
MIN_ALIKE = 0.7
"""The least alike copy of those 150 had 0.85; of 1,564 clothes one in six has a neighbour above
0.7."""


@final
@dataclass(frozen=True, kw_only=True)
class DuplicatePair:
    """Two positions in a list of examples, `first < second`, and how alike they are, 0 to 1."""

    first: int
    second: int
    alike: float


@final
@dataclass(frozen=True, kw_only=True)
class Leaks(Plain):
    """What copies do to a score.

    Attributes:
        part: `test`: test examples that have a copy among those learned from; or
            `cross-validation`: examples that have a copy among the others, which may have been in
            the part that was learned from as they were left out.
        num_leaked: how many there are, of `num_examples`.
        score: accuracy on all, with its 95% interval.
        without: accuracy on the others alone.
    """

    part: Literal["test", "cross-validation"]
    num_leaked: int
    num_examples: int
    score: Estimate
    without: Estimate

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        kind, others = "", "them"
        if self.part == "test":
            kind, others = "test ", "the training examples"
        what = f"{self.num_leaked:,} of the {self.num_examples:,} {kind}examples have a copy among"
        return (
            f"{what} {others}. The accuracy is {self.score} with them, and {self.without} without."
        )


def find_candidates(
    table: FeatureTable, indices: Int[np.ndarray, " n"]
) -> tuple[DuplicatePair, ...]:
    """Return pairs of positions in `indices` that may be copies, the most alike first."""
    if len(indices) < 2:
        return ()
    vectors = directions(table, indices, start=STRETCH[0], end=STRETCH[1], pools=POOLS)
    others, values = most_alike(vectors, NUM_NEIGHBOURS)
    here, place = np.nonzero(values >= MIN_ALIKE)
    there, alike = others[here, place], values[here, place]
    best: dict[tuple[int, int], float] = {}
    for a, b, value in zip(here.tolist(), there.tolist(), alike.tolist(), strict=True):
        best[min(a, b), max(a, b)] = value
    pairs = (DuplicatePair(first=a, second=b, alike=v) for (a, b), v in best.items())
    return tuple(sorted(pairs, key=lambda pair: (-pair.alike, pair.first, pair.second)))


def verify(
    candidates: Sequence[DuplicatePair], looks: Mapping[int, Look]
) -> tuple[DuplicatePair, ...]:
    """Return the candidates that are copies by the looks at them, the surest first."""
    known = [c for c in candidates if c.first in looks and c.second in looks]
    values = likeness([(looks[c.first], looks[c.second]) for c in known])
    pairs = (
        DuplicatePair(first=c.first, second=c.second, alike=float(v))
        for c, v in zip(known, values, strict=True)
        if v > 0
    )
    return tuple(sorted(pairs, key=lambda pair: (-pair.alike, pair.first, pair.second)))


def families(pairs: Sequence[DuplicatePair], num: int) -> Int[np.ndarray, " n"]:
    """Return the number of each example's family, [num]: copies of copies are one family."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.array([pair.first for pair in pairs], np.intp)
    second = np.array([pair.second for pair in pairs], np.intp)
    links = coo_array((np.ones(len(pairs), np.int8), (first, second)), shape=(num, num))
    numbers: Indices = connected_components(links, directed=False)[1].astype(np.intp)
    return numbers


def score_leaks(
    right: Float64[np.ndarray, " n"],
    leaked: Bool[np.ndarray, " n"],
    *,
    part: Literal["test", "cross-validation"],
    groups: Sequence[str | None] | None = None,
) -> Leaks | None:
    """Return the score with and without the leaked examples; None where no or all are.

    Args:
        right: 1 for an example that was answered rightly, else 0.
        groups: the intervals then count what is independent.
    """
    if not leaked.any() or leaked.all():
        return None
    codes = group_numbers(groups)

    def score(indices: npt.NDArray[np.bool_]) -> Estimate:
        own = None if codes is None else np.unique(codes[indices], return_inverse=True)[1]
        return wilson(
            float(right[indices].mean()), indices.sum() * effective_share(right[indices], own)
        )

    return Leaks(
        part=part,
        num_leaked=int(leaked.sum()),
        num_examples=len(right),
        score=score(np.ones(len(right), bool)),
        without=score(~leaked),
    )
