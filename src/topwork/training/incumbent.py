"""The best way of training so far.

It loads nothing of what trains networks: the head is judged, and saved, before that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.shapes import Doubles, Float64
from topwork.evaluation.intervals import accuracy
from topwork.heads.labels import Labels
from topwork.training.selection import Candidate
from topwork.training.strategy import Strategy

MIN_ERRORS = 5
"""Of the head, below which nothing is tried: were they all put right, the gain would be no more
than twice its standard error. 44 X-rays, 4 errors: four folds of trials, 80 s, told nothing."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Incumbent:
    """The best way so far: what it said of every example, left out.

    Attributes:
        strategy: by which it was trained.
        right: whether, or how often, it was right, [N].
        seconds: it took.
    """

    strategy: Strategy
    right: Doubles
    seconds: float

    @staticmethod
    def of_head(
        probabilities: Float64[np.ndarray, "r n k"], labels: Labels, seconds: float
    ) -> Incumbent:
        """Take the head's answers [repeats, N, K]."""
        right = (probabilities.argmax(2) == labels.classes).mean(0)
        return Incumbent(strategy=Strategy(kind="head"), right=right, seconds=seconds)

    def candidate(self, labels: Labels) -> Candidate:
        """Return its row in the table of what was tried."""
        return Candidate(
            strategy=str(self.strategy),
            accuracy=accuracy(self.right, labels.group_numbers),
            num_examples=len(self.right),
            gain=None,
            gain_error=None,
            seconds=self.seconds,
            verdict="",
        )

    def why_nothing_deeper(self) -> str | None:
        """Say why nothing deeper is worth a trial; None where something may be."""
        errors = float((1 - self.right).sum())
        if errors >= MIN_ERRORS:
            return None
        return (
            f"The head alone: of {len(self.right):,} examples left out it gets {errors:.0f} wrong, "
            "too few for any gain to be told from chance."
        )
