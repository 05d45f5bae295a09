"""Logistic regression that fine-tuning begins with."""

from __future__ import annotations

import warnings

import numpy as np

from topwork.core.shapes import Float32, Floats, Indices
from topwork.heads.dense import Layer
from topwork.heads.labels import Labels
from topwork.heads.softmax import log_loss, softmax

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""Of the first head, L2, over the sum of the examples' losses on standardised features: 1,000 hand
signs like 300, 50 like 100."""

ABSENT = -10.0
"""Log-odds of a class that none of the examples is of, below the rarest that there is."""


def logistic_layer(vectors: Float32[np.ndarray, "n width"], labels: Labels) -> Layer:
    """Fit a logistic regression, its penalty chosen on a fifth that is held out."""
    folds = labels.folds()
    penalty = PENALTIES[1]
    if folds:
        held = folds[0]
        kept = np.setdiff1d(np.arange(len(vectors)), held)
        targets = labels.targets[held]
        weights = None if labels.weights is None else labels.weights[held]
        losses = []
        for candidate in PENALTIES:
            layer = _fitted(vectors, labels, kept, candidate)
            losses.append(log_loss(softmax(_apply(layer, vectors[held])), targets, weights))
        penalty = PENALTIES[int(np.argmin(losses))]
    return _fitted(vectors, labels, np.arange(len(vectors)), penalty)


def _fitted(vectors: Floats, labels: Labels, indices: Indices, penalty: float) -> Layer:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels.classes[indices])
    weight = np.zeros((vectors.shape[1], labels.num_classes), np.float32)
    bias = np.full(labels.num_classes, ABSENT, np.float32)
    if len(present) == 1:
        bias[present] = 0.0
        return Layer(weight=weight, bias=bias)
    binary = len(present) == 2  # of two classes one vector is fitted: half of it for, half against
    model = LogisticRegression(C=(2 if binary else 1) / penalty, max_iter=100)
    weights = None if labels.weights is None else labels.weights[indices]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # training goes on from here
        warnings.filterwarnings("ignore", message="The number of unique classes")  # of few each
        model.fit(vectors[indices], labels.classes[indices], sample_weight=weights)
    coefficients, constants = model.coef_.T, model.intercept_
    if binary:
        coefficients = np.concatenate([-coefficients, coefficients], axis=1) / 2
        constants = np.concatenate([-constants, constants]) / 2
    weight[:, present] = coefficients
    bias[present] = constants
    bias[np.setdiff1d(np.arange(labels.num_classes), present)] += bias[present].min()
    return Layer(weight=weight, bias=bias)


def _apply(layer: Layer, vectors: Floats) -> Floats:
    return vectors @ layer.weight + layer.bias
