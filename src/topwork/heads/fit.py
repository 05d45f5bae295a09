"""Fits a head: the search, the ridge on all the training examples, the softmax on top.

Up to `MAX_LANDMARKS` examples the kernel matrix is solved as it is. Above, a stratified sample of
that many stands for all (the Nystroem method, Williams and Seeger 2001): the examples stream past
twice in chunks, so that memory does not grow with their number.

What it does not know: where the features come from, and what the classes are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.examples.splits import stratified_sample
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.kernel import Floats, Kernel, Rows, Transform
from topwork.heads.ridge import Centring, solve
from topwork.heads.search import Choice, Labels, around, search
from topwork.heads.softmax import Softmax, best_temperature_loss, fit_softmax

MAX_LANDMARKS = 2048
"""Bounds the model's size (at 40,000 numbers in float16, 160 MB) and the cubic part of the fit."""

CHUNK = 1024

UNTESTED_TEMPERATURE = 5.0
"""Where there is nothing to leave out: a ridge score of 0.9 against 0.1 then reads as 98%."""

Doubles = npt.NDArray[np.float64]


def fit_head(
    table: FeatureTable, rows: Rows, labels: Labels, *, max_landmarks: int = MAX_LANDMARKS
) -> Head:
    """Fit a head on some rows of a table; `labels` holds theirs, in the same order."""
    choice = search(table, rows, labels)
    fit = _fit_exact if len(rows) <= max_landmarks else _fit_landmarks
    return fit(table, rows, labels, choice, max_landmarks)


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """Scores of examples left out, under one penalty."""

    penalty: float
    loss: float
    scores: Doubles

    @staticmethod
    def of(penalty: float, scores: Doubles, labels: Labels) -> _Scored:
        loss = best_temperature_loss(scores, labels.targets, labels.weights)
        return _Scored(penalty=penalty, loss=loss, scores=scores)


def _mean_target(labels: Labels) -> Doubles:
    mean: Doubles = np.average(labels.targets, axis=0, weights=labels.weights)
    return mean


def _top(labels: Labels, scores: Doubles, folds: Sequence[Rows]) -> Softmax:
    if not folds:
        identity = np.eye(labels.num_classes)
        return Softmax(matrix=UNTESTED_TEMPERATURE * identity, bias=np.zeros(labels.num_classes))
    return fit_softmax(scores, labels.targets, folds, labels.weights)


def _rounded(units: Floats, kernel: Kernel) -> Floats:
    """Round landmarks as they will be stored, so that the fit sees what prediction will see."""
    if kernel.gamma is None:
        return units
    return units.astype(np.float16).astype(np.float32)


def _fit_exact(
    table: FeatureTable, rows: Rows, labels: Labels, choice: Choice, max_landmarks: int
) -> Head:
    del max_landmarks
    kernel, folds = choice.kernel, labels.folds()
    transform = Transform.fit(table, rows, kernel)
    units = _rounded(transform(table, rows), kernel)
    values = kernel.apply(units @ units.T)
    centring = Centring.fit(values)
    centred = centring(values)
    mean = _mean_target(labels)

    def solved(penalty: float) -> tuple[Doubles, Doubles]:
        duals, scores = solve(
            centred, labels.targets - mean, penalty, folds=folds, weights=labels.weights
        )
        return duals.astype(np.float64), scores + mean

    penalties = around(choice.penalty) if folds else [choice.penalty]
    tried = [_Scored.of(penalty, solved(penalty)[1], labels) for penalty in penalties]
    best = min(tried, key=lambda scored: scored.loss)
    weights, constants = centring.fold(solved(best.penalty)[0])
    return _assemble(
        table, transform, kernel, best.penalty, units, weights, constants + mean,
        _top(labels, best.scores, folds),
    )  # fmt: skip


def _assemble(
    table: FeatureTable,
    transform: Transform,
    kernel: Kernel,
    penalty: float,
    units: Floats,
    weights: Doubles,
    constants: Doubles,
    softmax: Softmax,
) -> Head:
    if kernel.gamma is None:
        weights = units.T.astype(np.float32) @ weights.astype(np.float32)
        landmarks = None
    else:
        landmarks = units.astype(np.float16)
    return Head(
        kernel=kernel,
        penalty=penalty,
        segments=tuple(table.segments),
        transform=transform,
        landmarks=landmarks,
        weights=weights.astype(np.float32),
        constants=constants.astype(np.float32),
        softmax=softmax,
    )


class _Nystroem:
    """Examples as coordinates [M] whose inner products approximate the kernel's values."""

    def __init__(self, table: FeatureTable, rows: Rows, transform: Transform, kernel: Kernel,
                 landmarks: Floats) -> None:  # fmt: skip
        self._table, self._rows, self._kernel = table, rows, kernel
        self._transform, self._landmarks = transform, landmarks
        values = kernel.apply(landmarks @ landmarks.T).astype(np.float64)
        # Jitter well above single precision's rounding of the values, well below what matters.
        values.flat[:: len(values) + 1] += 1e-5 * np.trace(values) / len(values)
        factor = np.linalg.cholesky(values)
        self.back = np.linalg.inv(factor).T  # coordinates = kernel values @ back
        self._back_single = self.back.astype(np.float32)

    def chunks(self) -> Iterator[tuple[Rows, Doubles]]:
        """Yield positions among the rows, and their coordinates [n, M]."""
        for start in range(0, len(self._rows), CHUNK):
            positions = np.arange(start, min(start + CHUNK, len(self._rows)))
            units = self._transform(self._table, self._rows[positions])
            values = self._kernel.apply(units @ self._landmarks.T)
            yield positions, (values @ self._back_single).astype(np.float64)


class _Moments:
    """Sums over examples, weighted, from which a ridge with an intercept is solved."""

    def __init__(self, size: int, num_classes: int) -> None:
        self.count = 0.0
        self.z = np.zeros(size)
        self.y = np.zeros(num_classes)
        self.zz = np.zeros((size, size), np.float32)
        self.zy = np.zeros((size, num_classes))

    def add(self, z: Doubles, y: Doubles, w: Doubles) -> None:
        weighted = z * w[:, None]
        self.count += float(w.sum())
        self.z += weighted.sum(0)
        self.y += w @ y
        self.zz += weighted.T.astype(np.float32) @ z.astype(np.float32)
        self.zy += weighted.T @ y

    def plus(self, other: _Moments, sign: float) -> _Moments:
        out = _Moments(len(self.z), len(self.y))
        for name in ("count", "z", "y", "zz", "zy"):
            setattr(out, name, getattr(self, name) + sign * getattr(other, name))
        return out

    def solve(self, penalties: Sequence[float]) -> list[tuple[Doubles, Doubles]]:
        """Return coefficients [M, K] and constants [K] for each penalty."""
        mean, target = self.z / self.count, self.y / self.count
        scatter = self.zz.astype(np.float64) - self.count * np.outer(mean, mean)
        right = self.zy - self.count * np.outer(mean, target)
        unit = np.trace(scatter) / self.count
        out = []
        for penalty in penalties:
            system = scatter.copy()
            system.flat[:: len(system) + 1] += penalty * unit
            coefficients = np.linalg.solve(system, right)
            out.append((coefficients, target - mean @ coefficients))
        return out


def _fit_landmarks(
    table: FeatureTable, rows: Rows, labels: Labels, choice: Choice, max_landmarks: int
) -> Head:
    kernel, folds = choice.kernel, labels.folds()
    sample = stratified_sample(labels.classes, size=max_landmarks, seed=labels.seed)
    transform = Transform.fit(table, rows[sample], kernel)
    landmarks = _rounded(transform(table, rows[sample]), kernel)
    coordinates = _Nystroem(table, rows, transform, kernel, landmarks)

    fold_of = np.zeros(len(rows), np.intp)
    for number, fold in enumerate(folds):
        fold_of[fold] = number
    weights = np.ones(len(rows)) if labels.weights is None else labels.weights
    parts = [_Moments(len(landmarks), labels.num_classes) for _ in range(max(len(folds), 1))]
    for positions, z in coordinates.chunks():
        for number in np.unique(fold_of[positions]):
            own = fold_of[positions] == number
            at = positions[own]
            parts[number].add(z[own], labels.take(at).targets, weights[at])
    total = parts[0]
    for part in parts[1:]:
        total = total.plus(part, 1.0)

    penalties = around(max(choice.penalty, 1e-6)) if folds else [choice.penalty]
    left_out = [total.plus(part, -1.0).solve(penalties) if folds else [] for part in parts]
    scores = [np.zeros((len(rows), labels.num_classes)) for _ in penalties]
    for positions, z in coordinates.chunks() if folds else ():
        for number in np.unique(fold_of[positions]):
            own = fold_of[positions] == number
            for out, (coefficients, constants) in zip(scores, left_out[number], strict=True):
                out[positions[own]] = z[own] @ coefficients + constants
    tried = [_Scored.of(p, out, labels) for p, out in zip(penalties, scores, strict=True)]
    best = min(tried, key=lambda scored: scored.loss)
    coefficients, constants = total.solve([best.penalty])[0]
    return _assemble(
        table, transform, kernel, best.penalty, landmarks, coordinates.back @ coefficients,
        constants, _top(labels, best.scores, folds),
    )  # fmt: skip
