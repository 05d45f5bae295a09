"""Calibration of the softmax.

Fitted on out-of-fold scores it is calibrated by construction, and as a full matrix it corrects what
least squares does badly (classes that mask each other):

    logits = (T I + E) scores + b,   E and b ~ Normal(0, v)

T is the best single temperature (Guo et al. 2017), held fixed; how far the matrix may go from it,
v, is chosen by cross-validation on the log loss, nothing (plain temperature scaling) included. T is
held so that E is measured in logits: were it E = T D with T free and D drawn to 0, T could grow to
let D do as it likes, and cross-validation then refuses the matrix. Over the frozen
EfficientNet-Lite0, second half of the blocks, linear, that against this, errors and log loss: 200
hand signs 7.9% -> 5.2%, 0.253 -> 0.187 (5 draws); 50 of them 29.9 -> 26.4%, 0.99 -> 0.87 (6); 1,192
clothes 8.6 -> 8.1%, 0.270 -> 0.272 (1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from topwork.core.shapes import Doubles, Float64, Indices, Int
from topwork.heads.softmax import Softmax, log_loss, softmax

VARIANCES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""How far the matrix may stray, in logits squared; scores run from 0 to 1."""

MAX_CLASSES_MATRIX = 200
"""Above this many classes only b is free beside T: K^2 numbers would not be borne out by data.
Among 77 the matrix is worth having: banking77, 10,003 examples, 1,024 landmarks, without and with
it: errors 7.1% and 6.8%, log loss 0.302 and 0.278; on 3,000 cross-validation refuses it."""

CHOOSING_STEPS, STEPS = 20, 200
"""Of L-BFGS, while the variance is chosen (each start is the last result) and at the end. With 20
and 200 while choosing, those 77 classes took 6 s and 25 s, to the same errors and loss."""

MAX_EXAMPLES = 10_000
"""Of more, so many at random: the layer has few numbers beside the kernel's."""

MAX_LOG_TEMPERATURE = 8.0


def fit_softmax(
    scores: Float64[np.ndarray, "n k"],
    targets: Float64[np.ndarray, "n k"],
    folds: Sequence[Int[np.ndarray, " _"]],
    weights: Float64[np.ndarray, " n"] | None = None,
    *,
    num_views: int = 1,
) -> Softmax:
    """Choose the variance by cross-validation over the folds, then fit on all.

    Where the best temperature is below 1, the scores tell nothing, or are worse than chance: to
    leave out an example of a class makes the rest speak for the others, and a free matrix would
    learn to say the opposite. The classes' shares are then all there is to say.

    Args:
        scores: out-of-fold, [N, K].
        targets: one-hot, [N, K].
        folds: positions left out together; with fewer than two, plain temperature scaling.
        weights: of the examples, [N], or None.
        num_views: how many of the N are views of one example, which is seen once all the same.
    """
    num, num_classes = targets.shape
    weights = np.ones(num) if weights is None else weights
    smooth = _with_doubt(targets, num / num_views)
    fold_of = np.zeros(num, np.intp)
    for number, fold in enumerate(folds):
        fold_of[fold] = number
    if num > MAX_EXAMPLES:
        kept = np.random.default_rng(0).permutation(num)[:MAX_EXAMPLES]
        scores, smooth, fold_of, weights = scores[kept], smooth[kept], fold_of[kept], weights[kept]
    temperature = _best_temperature(scores, smooth, weights)
    plain = Softmax(matrix=temperature * np.eye(num_classes), bias=np.zeros(num_classes))
    if len(folds) < 2:
        return plain
    if temperature < 1:
        return Softmax(
            matrix=plain.matrix, bias=np.log(np.average(smooth, axis=0, weights=weights))
        )
    variance = _choose(scores, smooth, fold_of, weights, plain)
    if variance is None:
        return plain
    start = np.zeros(num_classes + _matrix_size(num_classes))
    return _unpack(_fit(scores, smooth, variance, weights, plain, start, steps=STEPS), plain)


def fit_temperature(
    logits: Float64[np.ndarray, "n k"],
    targets: Float64[np.ndarray, "n k"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    """Return what logits [N, K] of examples left out are best multiplied by (Guo et al. 2017)."""
    weights = np.ones(len(logits)) if weights is None else weights
    return _best_temperature(logits, _with_doubt(targets, len(targets)), weights)


def _with_doubt(targets: Doubles, num: float) -> Doubles:
    """Return one-hot targets [N, K], of so many examples, a little less sure of themselves.

    Where all are right, the likelihood asks for certainty. The rule of succession (Laplace; its
    use for calibration: Platt 1999) says that one in n + 2 is still to be expected wrong.
    """
    doubt = 1 / (num + 2)
    smooth: Doubles = targets * (1 - doubt) + doubt / targets.shape[1]
    return smooth


def _best_temperature(scores: Doubles, targets: Doubles, weights: Doubles) -> float:
    def loss(log_temperature: float) -> float:
        return log_loss(softmax(np.exp(log_temperature) * scores), targets, weights)

    bounds = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def _choose(
    scores: Doubles, targets: Doubles, fold_of: Indices, weights: Doubles, plain: Softmax
) -> float | None:
    """Return the variance of the least loss on examples left out; None: none beats plain."""
    numbers = np.unique(fold_of)
    num_classes = targets.shape[1]
    size = num_classes + _matrix_size(num_classes)
    fitted = {number: np.zeros(size) for number in numbers}  # each start is the last result
    losses = [log_loss(plain(scores), targets, weights)]
    for variance in VARIANCES:
        probabilities = np.empty_like(targets)
        for number in numbers:
            out = fold_of == number
            fitted[number] = _fit(
                scores[~out], targets[~out], variance, weights[~out], plain, fitted[number],
                steps=CHOOSING_STEPS,
            )  # fmt: skip
            probabilities[out] = _unpack(fitted[number], plain)(scores[out])
        losses.append(log_loss(probabilities, targets, weights))
        if len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]:
            break  # the loss is convex enough in the variance: past the valley it only climbs
    best = int(np.argmin(losses))
    return VARIANCES[best - 1] if best else None


def _fit(
    scores: Doubles,
    targets: Doubles,
    variance: float,
    weights: Doubles,
    plain: Softmax,
    start: Doubles,
    *,
    steps: int,
) -> Doubles:
    """Return b and E, flat: [K + K^2], or b alone where there are very many classes."""
    arguments, options = (scores, targets, variance, weights, plain), {"maxiter": steps}
    result: Doubles = minimize(
        _objective, start, args=arguments, jac=True, method="L-BFGS-B", options=options
    ).x
    return result


def _objective(
    flat: Doubles,
    scores: Doubles,
    targets: Doubles,
    variance: float,
    weights: Doubles,
    plain: Softmax,
) -> tuple[float, Doubles]:
    """Return the negative log posterior and its gradient."""
    num_classes = targets.shape[1]
    top = _unpack(flat, plain)
    logits = scores @ top.matrix + top.bias
    logits -= logits.max(1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(1)
    loss = float(weights @ (np.log(sums) - np.einsum("nk,nk->n", logits, targets)))
    wrong = exponentials
    wrong /= sums[:, None]
    wrong -= targets
    wrong *= weights[:, None]
    slope = flat / variance
    slope[:num_classes] += wrong.sum(0)
    if len(flat) > num_classes:
        slope[num_classes:] += (scores.T @ wrong).ravel()
    return loss + float(flat @ flat) / (2 * variance), slope


def _matrix_size(num_classes: int) -> int:
    return num_classes**2 if num_classes <= MAX_CLASSES_MATRIX else 0


def _unpack(flat: Doubles, plain: Softmax) -> Softmax:
    num_classes = len(plain.bias)
    free = flat[num_classes:]
    matrix = plain.matrix + free.reshape(num_classes, num_classes) if len(free) else plain.matrix
    return Softmax(matrix=matrix, bias=flat[:num_classes])
