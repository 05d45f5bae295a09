"""Logistic regression that fine-tuning begins with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32
from topwork.heads.dense import Layer
from topwork.heads.kernel import Floats, Rows
from topwork.heads.labels import Labels
from topwork.heads.softmax import log_loss, softmax

Doubles = npt.NDArray[np.float64]

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""Of the first head, L2, over the sum of the examples' losses on standardised features: 1,000 hand
signs like 300, 50 like 100."""


def logistic_layer(vectors: Float32[np.ndarray, "n width"], labels: Labels) -> Layer:
    """Fit a logistic regression, its penalty chosen on a fifth that is held out."""
    folds = labels.folds()
    penalty = PENALTIES[1]
    if folds:
        held = folds[0]
        kept = np.setdiff1d(np.arange(len(vectors)), held)
        targets = labels.targets[held]
        weights = None if labels.weights is None else labels.weights[held]
        losses = [
            log_loss(
                softmax(_apply(_fitted(vectors, labels, kept, p), vectors[held])), targets, weights
            )
            for p in PENALTIES
        ]
        penalty = PENALTIES[int(np.argmin(losses))]
    return _fitted(vectors, labels, np.arange(len(vectors)), penalty)


def _fitted(vectors: Floats, labels: Labels, rows: Rows, penalty: float) -> Layer:
    from scipy.optimize import minimize

    x, targets = vectors[rows], labels.targets[rows].astype(np.float32)
    weights = np.ones(len(rows)) if labels.weights is None else labels.weights[rows]
    width, num_classes = x.shape[1], labels.num_classes

    def objective(flat: Doubles) -> tuple[float, Doubles]:
        matrix = flat.reshape(width + 1, num_classes)
        logits = x @ matrix[:-1].astype(np.float32) + matrix[-1]
        chances = softmax(logits)
        loss = weights @ -np.log(np.maximum((chances * targets).sum(1), 1e-15))
        wrong = (chances - targets) * weights[:, None]
        slope = np.empty_like(matrix)
        slope[:-1] = x.T @ wrong.astype(np.float32) + penalty * matrix[:-1]
        slope[-1] = wrong.sum(0)
        return float(loss + penalty / 2 * (matrix[:-1] ** 2).sum()), slope.ravel()

    start = np.zeros((width + 1) * num_classes)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    matrix = found.x.reshape(width + 1, num_classes).astype(np.float32)
    return Layer(weight=np.ascontiguousarray(matrix[:-1]), bias=matrix[-1].copy())


def _apply(layer: Layer, vectors: Floats) -> Floats:
    return vectors @ layer.weight + layer.bias
