"""Scores of out-of-distribution detection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from topwork.core.plain import KEY, Plain
from topwork.core.shapes import Float64, Shaped
from topwork.evaluation.intervals import Estimate, effective_share, wilson
from topwork.heads.ood import shares_of

RATE = 0.05
"""The share of own examples rejected at which foreign ones are counted."""


@final
@dataclass(frozen=True, kw_only=True)
class OODScores(Plain):
    """How well foreign inputs are told from own ones.

    Attributes:
        auroc: the chance that a foreign one looks stranger than an own one, 0 to 1.
        false_accept: the share of foreign ones that are given a class all the same, where `rate`
            of the own ones are rejected.
        rate: of own examples rejected by mistake.
        num_own: own examples that were compared, none seen before.
        num_ood: foreign ones.
        method: what was foreign, in words.
    """

    auroc: float
    false_accept: Estimate
    rate: float
    num_own: int
    num_ood: int = field(metadata={KEY: "num_foreign"})
    method: str

    @staticmethod
    def of(
        own: Float64[np.ndarray, " m"],
        ood: Float64[np.ndarray, " n"],
        groups: Shaped[np.ndarray, " n"] | None,
        method: str,
    ) -> OODScores:
        """Compare scores; foreign ones of one group (None: each its own) are alike."""
        own = np.sort(own)
        below = np.searchsorted(own, ood, "left") + np.searchsorted(own, ood, "right")
        accepted = (shares_of(own, ood) > RATE).astype(np.float64)
        codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
        count = len(ood) * effective_share(accepted, codes)
        return OODScores(
            auroc=float(below.mean() / (2 * len(own))),
            false_accept=wilson(float(accepted.mean()), count),
            rate=RATE,
            num_own=len(own),
            num_ood=len(ood),
            method=method,
        )
