"""Reliability of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topwork.core.shapes import Float64, Int
from topwork.evaluation.intervals import Estimate, wilson

MAX_BINS = 10
MIN_IN_BIN = 10
"""As many as the calibration error of `evaluation.metrics` has in a bin at least."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers of like confidence: their mean confidence, and the share of right ones."""

    confidence: float
    accuracy: Estimate
    num_examples: int


def reliability(
    probabilities: Float64[np.ndarray, "n k"], truth: Int[np.ndarray, " n"]
) -> tuple[Bin, ...]:
    """Return bins of equal count, from the least to the most sure; of one example at least."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == truth
    order = np.argsort(confidence, kind="stable")
    num_bins = min(MAX_BINS, max(len(truth) // MIN_IN_BIN, 1))
    return tuple(
        Bin(
            confidence=float(confidence[part].mean()),
            accuracy=wilson(float(right[part].mean()), len(part)),
            num_examples=len(part),
        )
        for part in np.array_split(order, num_bins)
    )
