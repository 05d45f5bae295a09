"""Softmax over scores, and its losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topwork.core.shapes import Doubles, Float, Float64

TEMPERATURES = (0.5, 400.0)
"""Least and greatest factor of the scores, which run from 0 to 1."""

KNEE = 6.0
"""Where `link` bends, in shares of the mean score, 1/K. Log loss without it, and with 1, 3, 6, 12
(negative scores cut off): 770 questions of 77 classes 0.626, 0.549, 0.540, 0.542, 0.553; 50 hand
signs of 10 classes 0.814, 0.901, 0.835, 0.796, 0.799; 300 clothes 0.448, 0.460, 0.454, 0.454,
0.455. With 6 and negative scores kept: 0.543, 0.776, 0.453, and 200 hand signs 0.216 -> 0.194."""

START, TOLERANCE, MAX_STEPS = 8.0, 0.01, 20
"""Of the search for the factor. A grid of steps of the square root of 2 was off by up to 0.01 in
the loss of 77 classes, as much as candidates differ by."""


def link(scores: Float[np.ndarray, "... k"]) -> Float64[np.ndarray, "... k"]:
    """Return scores [..., K] as the softmax takes them: bent above 0, as they are below.

    A ridge's scores are rough probabilities, and it is the logarithm of those that a softmax
    takes. Where there are many classes, 0.2 against 0.02 says as much as 0.8 against 0.08; among a
    few, nothing is so small. Monotone, with slope 1 at 0.
    """
    knee = KNEE / scores.shape[-1]
    up = np.maximum(scores, 0, dtype=np.float64)
    linked: Doubles = knee * np.log1p(up / knee) + np.minimum(scores, 0)
    return linked


@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax:
    """`probabilities = softmax(scores @ matrix + bias)`; matrix [K, K], bias [K]."""

    matrix: Doubles
    bias: Doubles

    def __call__(self, scores: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
        """Return probabilities [N, K]; every row sums to 1."""
        return softmax(scores @ self.matrix + self.bias)


def softmax(logits: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Return the softmax of each row."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    exponentials: Doubles = np.exp(shifted)
    exponentials /= exponentials.sum(1, keepdims=True)
    return exponentials


def log_loss(
    probabilities: Float64[np.ndarray, "n k"],
    targets: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean of -log p(true class) over targets [N, K], each row summing to 1."""
    losses = -(np.log(np.maximum(probabilities, 1e-15)) * targets).sum(1)
    return float(np.average(losses, weights=weights))


def best_temperature_loss(
    scores: Float[np.ndarray, "n k"],
    targets: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, " n"] | None,
) -> float:
    """Return the log loss under the best temperature: what the search compares.

    `targets` are one-hot. The loss is convex in what the scores are multiplied by; Newton's method
    finds its minimum, to 1%, where a step is worth less than 1e-4.
    """
    return float(best_temperature_losses(scores[None], targets, weights)[0])


def best_temperature_losses(
    scores: Float[np.ndarray, "p n k"],
    targets: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, " n"] | None,
) -> Float64[np.ndarray, " p"]:
    """Return `best_temperature_loss` of P candidates at once."""
    own = np.einsum("pnk,nk->pn", scores, targets)[:, :, None]
    margins = scores - own  # so that the loss of a row is log(sum(exp(t * margins)))
    num = scores.shape[1]
    weights = np.full(num, 1 / num) if weights is None else weights / weights.sum()
    at, (low, high) = np.full(len(scores), START), TEMPERATURES
    for _ in range(MAX_STEPS):
        shifted = at[:, None, None] * margins
        top = shifted.max(2, keepdims=True)
        shares = np.exp(shifted - top)
        total = shares.sum(2, keepdims=True)
        losses: Doubles = (np.log(total) + top)[:, :, 0] @ weights
        shares /= total
        means = np.einsum("pnk,pnk->pn", shares, margins)
        slope = means @ weights
        bend = (np.einsum("pnk,pnk,pnk->pn", shares, margins, margins) - means**2) @ weights
        step = np.clip(at - slope / np.maximum(bend, 1e-12), at / 4, at * 4).clip(low, high)
        if (np.abs(step - at) < TOLERANCE * at).all():
            break
        at = step
    return losses
