"""Kernel ridge probe, cross-validated in closed form.

Kernel ridge, linear or RBF, as the product's head; penalty and form are chosen for each fold by the
log loss on the others. The k-fold predictions follow from one factor (heads/ridge.py), so a probe
of 500 examples takes a tenth of a second where ten heads would have to be fitted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Doubles, Float, Float64, Floats, Indices, Int
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels
from topwork.heads.ridge import Centring, smallest_penalty, solve
from topwork.heads.softmax import best_temperature_loss, link

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""In shares of the kernel's mean diagonal: every second one of those that the head's search has."""

GAMMAS = (None, 1.0)
"""Linear, and the RBF that the search takes most often."""


def probe(
    similarity: Float[np.ndarray, "n n"],
    labels: Labels,
    drawn: Sequence[Sequence[Int[np.ndarray, " _"]]],
) -> Float64[np.ndarray, " n"]:
    """Return how often each example was answered rightly when it was left out, 0 to 1, [N].

    Args:
        similarity: of all pairs, of unit vectors, [N, N].
        labels: of the examples.
        drawn: the folds of each repeat.
    """
    floor = smallest_penalty(len(similarity))
    penalties = [p for p in PENALTIES if p > floor * 0.99]
    kernels = [_centred(similarity, gamma) for gamma in GAMMAS]
    right = np.zeros(len(similarity))
    for folds in drawn:
        scores = [
            link(solve(kernel, labels.targets, p, folds=folds, weights=labels.weights)[2])
            for kernel in kernels
            for p in penalties
        ]
        for fold in folds:
            answers = scores[_best(scores, labels, fold)][fold].argmax(1)
            right[fold] += answers == labels.classes[fold]
    return right / len(drawn)


def _centred(similarity: Floats, gamma: float | None) -> npt.NDArray[np.floating]:
    values = Kernel(blocks=(), pools=(), gamma=gamma).apply(similarity)
    return Centring.fit(values)(values)


def _best(scores: Sequence[Doubles], labels: Labels, fold: Indices) -> int:
    """Return the candidate of the least log loss on all but the fold."""
    others = np.setdiff1d(np.arange(len(labels.classes)), fold)
    targets = labels.targets[others]
    weights = None if labels.weights is None else labels.weights[others]
    losses = [best_temperature_loss(one[others], targets, weights) for one in scores]
    return int(np.argmin(losses))
