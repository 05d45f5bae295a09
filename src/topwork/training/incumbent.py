"""The best way so far, and its challengers.

It loads nothing of what trains networks: the head is judged, and saved, before that is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.shapes import Doubles, Float64, Indices
from topwork.evaluation.intervals import accuracy
from topwork.heads.labels import Labels
from topwork.training.selection import Candidate

USUAL_SECONDS = 900.0
"""For all trials together, where the user gives no limit."""

MIN_ERRORS = 5
"""Of the head, below which nothing is tried: were they all put right, the gain would be no more
than twice its standard error. 44 X-rays, 4 errors: four folds of trials, 80 s, told nothing."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Incumbent:
    """The best way so far: what it said of every example, left out.

    Attributes:
        name: of the way: a strategy, and the networks where there are others than at first.
        right: whether, or how often, it was right, [N].
        seconds: it took.
    """

    name: str
    right: Doubles
    seconds: float

    @staticmethod
    def of_head(
        probabilities: Float64[np.ndarray, "r n k"],
        labels: Labels,
        seconds: float,
        name: str = "head",
    ) -> Incumbent:
        """Take the head's answers [repeats, N, K]."""
        right = (probabilities.argmax(2) == labels.classes).mean(0)
        return Incumbent(name=name, right=right, seconds=seconds)

    def candidate(self, labels: Labels) -> Candidate:
        """Return its row in the table of what was tried."""
        return Candidate(
            strategy=self.name,
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


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Challenge:
    """One way against the best before it, on the same examples left out.

    Attributes:
        name: of the way.
        labels: of all the incumbent's examples.
        judged: which of them it was tried on, [J].
        right: whether, or how often, it was right on these, [J].
    """

    name: str
    incumbent: Incumbent
    labels: Labels
    judged: Indices
    right: Doubles

    @property
    def gain(self) -> tuple[float, float]:
        """How much more often it is right than the incumbent, and the standard error of that."""
        if not len(self.judged):
            return 0.0, 0.0
        more = self.right - self.incumbent.right[self.judged]
        return float(more.mean()), _standard_error(more, self._groups)

    @property
    def pays(self) -> bool:
        """Whether the gain is larger than its uncertainty."""
        gain, error = self.gain
        return gain > error

    @property
    def all_right(self) -> Doubles:
        """Whether it was right, where it was tried; the incumbent's elsewhere, [N]."""
        right = self.incumbent.right.copy()
        right[self.judged] = self.right
        return right

    def candidate(self, seconds: float, verdict: str) -> Candidate:
        """Return its row in the table of what was tried."""
        tried = bool(len(self.judged))
        gain, error = self.gain
        return Candidate(
            strategy=self.name,
            accuracy=accuracy(self.right, self._groups),
            num_examples=len(self.judged),
            incumbent=(
                accuracy(self.incumbent.right[self.judged], self._groups) if tried else None
            ),
            gain=gain if tried else None,
            gain_error=error if tried else None,
            seconds=seconds,
            verdict=verdict,
        )

    def why(self) -> str:
        """Say in a sentence why it was taken, or not."""
        gain, error = self.gain
        own, other = self.right.mean(), self.incumbent.right[self.judged].mean()
        message = (
            f"{own:.3f} against {other:.3f} for {self.incumbent.name} on the same "
            f"{len(self.judged):,} examples left out, {100 * gain:+.1f} points (standard error "
            f"{100 * error:.1f})"
        )
        if self.pays:
            return f"{message}, more than chance would give."
        if gain < -error:
            return f"{self.name} is worse: {message}."
        return f"{self.name} gave {message}, no more than chance would give."

    @property
    def _groups(self) -> Indices | None:
        return self.labels.take(self.judged).group_numbers


def _standard_error(values: Doubles, groups: Indices | None) -> float:
    """Return the standard error of the mean; examples of one group are one piece of evidence."""
    away = values - values.mean()
    if groups is not None:
        away = np.bincount(groups, away)
    count = len(away)
    return float(np.sqrt((away**2).sum() * count / max(count - 1, 1)) / len(values))
