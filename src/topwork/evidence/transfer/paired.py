"""Paired gain with its interval."""

from __future__ import annotations

import math

import numpy as np

from topwork.core.shapes import Float64, Int
from topwork.evaluation.intervals import Estimate, effective_share


def gain(more: Float64[np.ndarray, " n"], groups: Int[np.ndarray, " n"] | None) -> Estimate:
    """Return the mean of `more` with its 95% interval.

    The interval of Bonett and Price 2012 ("Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data"): two examples are added, one that speaks for each
    model. Where both are right everywhere it still has a width. Groups are counted by how many
    independent examples they are worth, and Student's distribution takes the place of the normal.

    Args:
        more: how much more often the first model was right on each example, -1 to 1, [N].
        groups: as of `accuracy`.
    """
    from scipy.special import stdtrit

    num = len(more)
    num_units = num if groups is None else len(np.unique(groups))
    if num_units < 2:
        value = float(more.mean()) if num else 0.0
        return Estimate.around(value, -1.0, 1.0)
    numbers = None if groups is None else np.unique(groups, return_inverse=True)[1]
    count = num * effective_share(more, numbers, variance=float(more.var()))
    centre = count * float(more.mean()) / (count + 2)
    second = (count * float((more**2).mean()) + 2) / (count + 2)
    spread = float(stdtrit(num_units - 1, 0.975)) * math.sqrt((second - centre**2) / (count + 2))
    low, high = max(centre - spread, -1.0), min(centre + spread, 1.0)
    return Estimate.around(float(more.mean()), low, high)
