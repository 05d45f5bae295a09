"""95% intervals of accuracies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topwork.core.shapes import Float64, Indices, Int

Z = 1.959963984540054
"""The normal distribution's 97.5% point."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its 95% interval, `low <= value <= high`.

    >>> import topwork
    >>> print(topwork.Estimate(value=0.9, low=0.85, high=0.94))
    0.900 (0.850 to 0.940)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    @staticmethod
    def around(value: float, low: float, high: float) -> Estimate:
        """Make one whose bounds are widened, where need be, to hold the value."""
        return Estimate(value=value, low=min(low, value), high=max(high, value))


def wilson(share: float, count: float) -> Estimate:
    """Return the score interval of a share of `count` trials (Wilson 1927).

    It holds its level for small counts and does not collapse at 0 or 1, where the textbook
    interval claims certainty. With no trials it is 0 to 1.
    """
    if count <= 0:
        return Estimate.around(share, 0.0, 1.0)
    spread = Z * math.sqrt(share * (1 - share) * count + Z * Z / 4)
    centre = share * count + Z * Z / 2
    scale = count + Z * Z
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Estimate.around(share, max(low, 0.0), min(high, 1.0))


def mean_of(parts: list[Estimate]) -> Estimate:
    """Return the interval of the mean of independent shares from their own intervals.

    The method of variance estimates recovery (Zou and Donner 2008).
    """
    value = float(np.mean([part.value for part in parts]))
    down = math.sqrt(sum((part.value - part.low) ** 2 for part in parts)) / len(parts)
    up = math.sqrt(sum((part.high - part.value) ** 2 for part in parts)) / len(parts)
    return Estimate.around(value, max(value - down, 0.0), min(value + up, 1.0))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Return how much higher the first share is, with the 95% interval of that.

    Newcombe 1998, method 10, for shares of different examples. For two models on the same examples
    it is wider than need be: it never sees a difference that is not there.
    """
    value = first.value - second.value
    down = math.hypot(first.value - first.low, second.high - second.value)
    up = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value=value, low=value - down, high=value + up)


def group_numbers(groups: Sequence[str | None] | None) -> Int[np.ndarray, " n"] | None:
    """Return the number of each example's group, [N]: one that has none is a group of its own.

    None where no example has a group.
    """
    if groups is None or all(group is None for group in groups):
        return None
    names = [f"own {i}" if group is None else f"group {group}" for i, group in enumerate(groups)]
    numbers: Indices = np.unique(names, return_inverse=True)[1].astype(np.intp)
    return numbers


def effective_share(
    right: Float64[np.ndarray, " n"],
    groups: Int[np.ndarray, " n"] | None,
    *,
    variance: float | None = None,
) -> float:
    """Return how many independent examples each example is worth, in (0, 1].

    Twenty recordings of one speaker are not twenty pieces of evidence: the variance of the mean
    is measured between groups, and set against what independent examples would give (the design
    effect, Kish 1965). Where nothing varies, each group counts once.

    Args:
        right: share of right answers of each example, [N].
        groups: number of each example's group, [N]; None where all are independent.
        variance: of an example; None: that of a share.
    """
    if groups is None:
        return 1.0
    num, num_groups = len(right), int(groups.max()) + 1
    share = float(right.mean())
    sums = np.bincount(groups, right - share, minlength=num_groups)
    between = float(sums @ sums) / num**2 * num_groups / max(num_groups - 1, 1)
    independent = (share * (1 - share) if variance is None else variance) / num
    if independent <= 0 or between <= 0:
        return num_groups / num
    return float(np.clip(independent / between, 1 / num, 1.0))


def accuracy(right: Float64[np.ndarray, " n"], groups: Int[np.ndarray, " n"] | None) -> Estimate:
    """Return the share of right answers with its 95% interval; of none, 0 (0 to 1).

    Args:
        right: how often each example was answered rightly, 0 to 1, [N].
        groups: number of each example's group, [N]; None where all are independent.
    """
    if not len(right):
        return Estimate.around(0.0, 0.0, 1.0)
    return wilson(float(right.mean()), len(right) * effective_share(right, groups))
