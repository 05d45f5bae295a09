"""Scores and thresholds of two classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.core.plain import Plain
from topwork.core.shapes import Bool, Float64, Int, Shaped
from topwork.errors import SettingError
from topwork.evaluation.intervals import Estimate, accuracy

LEAST = 1e-12
"""A threshold is above 0: from 0 on, everything would be named."""


@final
@dataclass(frozen=True, kw_only=True)
class BinaryScores(Plain):
    """What is asked of a test for one of two classes.

    Attributes:
        positive: the class that is looked for; None of the scores calls it the better one.
        threshold: the probability from which it is named; None: where it is the more probable.
        sensitivity: the share of its examples that are found.
        specificity: the share of the other's that are not taken for it.
        auroc: the share of pairs, one of each class, that are in the right order.
        average_precision: mean precision over all thresholds.
    """

    positive: str
    threshold: float | None
    sensitivity: Estimate
    specificity: Estimate
    auroc: Estimate | None
    average_precision: Estimate | None


@final
@dataclass(frozen=True, kw_only=True)
class DecisionRule(Plain):
    """Which of two classes is looked for, and from which probability on it is named.

    Attributes:
        positive: the class that is looked for.
        threshold: from this probability on it is named; None: where it is the more probable.
        reason: how these were come by, in words.
        sensitivity: of the examples that the threshold was chosen on, left out; None where none
            was, or they are not known.
        specificity: the same.
    """

    positive: str
    threshold: float | None = None
    reason: str = ""
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None

    @property
    def message(self) -> str:
        """What it says, in a sentence or two."""
        if self.threshold is None:
            return f"The positive class is {self.positive!r} ({self.reason})."
        text = f"{self.positive!r} is named from a probability of {self.threshold:.3g} on"
        if self.reason:
            text += f" ({self.reason})"
        if self.sensitivity is None or self.specificity is None:
            return f"{text}."
        return (
            f"{text}: of examples left out, sensitivity {self.sensitivity}, "
            f"specificity {self.specificity}."
        )


def rarer(classes: Sequence[str], counts: Mapping[str, int]) -> str | None:
    """Return the class with fewer examples, of two; of as many each the last. Else None."""
    if len(classes) != 2:
        return None
    first, last = classes
    return first if counts.get(first, 0) < counts.get(last, 0) else last


def decide(
    probabilities: Shaped[np.ndarray, "... k"],
    classes: Sequence[str],
    decision: DecisionRule | None,
) -> Int[np.ndarray, "..."]:
    """Return the position of the class that is named: the most probable, or by the threshold."""
    if decision is None or decision.threshold is None:
        return np.asarray(probabilities.argmax(-1), np.intp)
    positive = list(classes).index(decision.positive)
    named = probabilities[..., positive] >= decision.threshold
    return np.where(named, positive, 1 - positive).astype(np.intp)


def threshold_for(
    probabilities: Float64[np.ndarray, " n"], own: Bool[np.ndarray, " n"], sensitivity: float
) -> float:
    """Return the highest threshold that finds this share of the positive examples.

    It lies halfway down to the next probability, so that it does not hang on one example.

    Args:
        probabilities: of the positive class.
        own: which examples are of it; there must be one.
        sensitivity: above 0, up to 1.
    """
    found = np.sort(probabilities[own])[::-1]
    # less a hair: 0.95 * 20 is 19.000000000000004 in floats, and 19 are enough
    lowest = float(found[max(math.ceil(sensitivity * len(found) - 1e-9), 1) - 1])
    below = probabilities[probabilities < lowest]
    return max((lowest + (float(below.max()) if len(below) else 0.0)) / 2, LEAST)


def with_scores(
    decision: DecisionRule,
    probabilities: Float64[np.ndarray, " n"],
    own: Bool[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"] | None,
) -> DecisionRule:
    """Return the decision with what it gives on examples left out.

    Args:
        probabilities: of the positive class.
        own: which examples are of it.
    """
    if decision.threshold is None:
        return decision
    named = probabilities >= decision.threshold
    scores = []
    for rows, right in ((own, named), (~own, ~named)):
        numbers = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        scores.append(accuracy(right[rows].astype(np.float64), numbers))
    return replace(decision, sensitivity=scores[0], specificity=scores[1])


def check_positive(positive: str, classes: Sequence[str]) -> None:
    """Raise SettingError where a class cannot be the positive one of two."""
    if len(classes) != 2:
        raise SettingError(
            f"The positive class is {positive!r}, and there are {len(classes)} classes; accepted: "
            "one of two. Leave it out: of more classes, each is scored against the rest."
        )
    if positive not in classes:
        raise SettingError(
            f"The positive class is {positive!r}; accepted: {' or '.join(map(repr, classes))}. "
            "Correct the name."
        )
