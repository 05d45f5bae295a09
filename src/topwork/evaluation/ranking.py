"""How well probabilities rank examples: AUROC, average precision.

Each class against the rest. What is compared is the order of the examples alone, so no threshold
comes into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.shapes import Bool, Doubles, Float64, Indices, Int
from topwork.evaluation.intervals import Estimate, Z, effective_share, mean_of, wilson

HALVINGS = 50
"""Of the interval that a bound is sought in: to the last digits of a float."""


@final
@dataclass(frozen=True, kw_only=True)
class Ranking:
    """How well one class is ranked before the rest."""

    auroc: Estimate
    average_precision: Estimate


@final
@dataclass(frozen=True, kw_only=True)
class Rankings:
    """That of every class, and the mean.

    Attributes:
        by_class: None for a class of which there is no example, or nothing else.
        auroc: mean over the classes; None where there is none.
    """

    by_class: tuple[Ranking | None, ...]
    auroc: Estimate | None


def rank_classes(
    runs: Float64[np.ndarray, "r n k"],
    truth: Int[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"] | None,
) -> Rankings:
    """Return how well each class is ranked before the rest, mean over the runs.

    Args:
        groups: number of each example's group; None where all are independent.
    """
    num, num_classes = len(truth), runs.shape[2]
    found: list[Ranking | None] = []
    together, apart = np.zeros(num), 0.0
    for k in range(num_classes):
        own = truth == k
        if own.all() or not own.any():
            found.append(None)
            continue
        values, influence, precision = 0.0, np.zeros(num), 0.0
        for run in runs:
            value, moved = auroc(run[:, k], own)
            values += value / len(runs)
            influence += moved / len(runs)
            precision += average_precision(run[:, k], own) / len(runs)
        share = _share(influence, groups)
        num_own = int(own.sum())
        found.append(
            Ranking(
                auroc=auroc_interval(values, num_own * share, (num - num_own) * share),
                average_precision=wilson(min(precision, 1.0), num_own * share),
            )
        )
        together += influence
        apart += _variance(influence, groups)
    parts = [one.auroc for one in found if one is not None]
    if not parts:
        return Rankings(by_class=tuple(found), auroc=None)
    mean = mean_of(parts)  # as if they were independent, and they share their examples
    ratio = math.sqrt(len(parts))  # as if they were one and the same, where nothing varies
    if apart > 0:
        ratio = max(math.sqrt(_variance(together, groups) / apart), 1.0)
    return Rankings(
        by_class=tuple(found),
        auroc=Estimate.around(
            mean.value,
            max(mean.value - ratio * (mean.value - mean.low), 0.0),
            min(mean.value + ratio * (mean.high - mean.value), 1.0),
        ),
    )


def auroc(
    scores: Float64[np.ndarray, " n"], own: Bool[np.ndarray, " n"]
) -> tuple[float, Float64[np.ndarray, " n"]]:
    """Return the area under the ROC curve, and how far each example moves it.

    It is the share of pairs, one of the class and one of the rest, in which that of the class has
    the higher score; a tie counts half (DeLong, DeLong and Clarke-Pearson 1988, whose structural
    components are what each example moves it by, times their number). There must be both.
    """
    inside, outside = np.sort(scores[own]), np.sort(scores[~own])
    beats = _below(outside, scores[own]) / len(outside)
    beaten = 1 - _below(inside, scores[~own]) / len(inside)
    value = float(beats.mean())
    influence = np.empty(len(scores))
    influence[own] = (beats - value) / len(inside)
    influence[~own] = (beaten - value) / len(outside)
    return value, influence


def average_precision(scores: Float64[np.ndarray, " n"], own: Bool[np.ndarray, " n"]) -> float:
    """Return the mean precision over the recalls, without interpolation, as scikit-learn does."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(own[order])
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of those that tie
    gained = np.diff(hits[last], prepend=0)
    return float((hits[last] / (last + 1) * gained).sum() / hits[-1])


def auroc_interval(value: float, num_own: float, num_others: float) -> Estimate:
    """Return the interval of an AUROC of so many examples of the class, and of the rest.

    Newcombe 2006 ("Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2"), method 5: Hanley's and McNeil's variance at the bound itself. Unlike
    DeLong's interval it does not collapse where every pair is in order.
    """
    extra = max((num_own + num_others) / 2 - 1, 0.0)

    def beyond(bound: float) -> bool:
        spread = 1 + extra * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        variance = bound * (1 - bound) * spread / (num_own * num_others)
        return (value - bound) ** 2 > Z * Z * variance

    def bound(edge: float) -> float:
        outer, inner = edge, value
        for _ in range(HALVINGS):
            middle = (outer + inner) / 2
            outer, inner = (middle, inner) if beyond(middle) else (outer, middle)
        return inner

    return Estimate.around(value, bound(0.0), bound(1.0))


def _below(ordered: Doubles, scores: Doubles) -> Doubles:
    """Return how many of the ordered lie below each score; those that tie count half."""
    left, right = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    counts: Doubles = (left + right) / 2
    return counts


def _variance(influence: Doubles, groups: Indices | None) -> float:
    """Return the variance of what the influences add up to; groups are drawn as a whole."""
    sums = influence if groups is None else np.bincount(groups, influence)
    return float(sums @ sums)


def _share(influence: Doubles, groups: Indices | None) -> float:
    """Return how many independent examples each is worth (Obuchowski 1997)."""
    scaled = influence * len(influence)
    return effective_share(scaled, groups, variance=float(np.mean(scaled**2)))
