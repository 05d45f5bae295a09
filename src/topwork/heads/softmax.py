"""The last layer as a value: scores in, probabilities out; and the losses that judge them.

What it does not know: where the scores come from, and how the layer is fitted (calibrate.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

TEMPERATURES = 2.0 ** np.arange(-1, 9, 0.5)


@dataclass(frozen=True, kw_only=True, eq=False)
class Softmax:
    """`probabilities = softmax(scores @ matrix + bias)`; matrix [K, K], bias [K]."""

    matrix: Doubles
    bias: Doubles

    def __call__(self, scores: npt.NDArray[np.floating]) -> Doubles:
        """Return probabilities [N, K]; every row sums to 1."""
        return softmax(scores @ self.matrix + self.bias)


def softmax(logits: npt.NDArray[np.floating]) -> Doubles:
    """Return the softmax of each row."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    exponentials: Doubles = np.exp(shifted)
    exponentials /= exponentials.sum(1, keepdims=True)
    return exponentials


def log_loss(probabilities: Doubles, targets: Doubles, weights: Doubles | None = None) -> float:
    """Return the mean of -log p(true class) over targets [N, K], each row summing to 1."""
    losses = -(np.log(np.maximum(probabilities, 1e-15)) * targets).sum(1)
    return float(np.average(losses, weights=weights))


def best_temperature_loss(scores: Doubles, targets: Doubles, weights: Doubles | None) -> float:
    """Return the log loss under the best of `TEMPERATURES`: what the search compares."""
    scores = scores - scores.max(1, keepdims=True)
    own = (scores * targets).sum(1)
    losses = [
        np.average(np.log(np.exp(scores * t).sum(1)) - t * own, weights=weights)
        for t in TEMPERATURES
    ]
    return float(min(losses))
