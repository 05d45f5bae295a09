"""Fitting of a head.

Up to some thousand examples (`choose_max_landmarks`) the kernel matrix is solved as it is; above, a
stratified sample of that many are landmarks for the rest (nystroem.py). Other heads than ridges
have files of their own, and begin with the same vectors (nearest.py, mlp.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Doubles, Floats, Indices, Int
from topwork.examples.folds import stratified_sample
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.calibrate import fit_softmax, fit_temperature
from topwork.heads.kernel import Transform, width_of
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import Labels
from topwork.heads.mlp import fit_mlp
from topwork.heads.nearest import choose_nearest, fit_nearest
from topwork.heads.nystroem import Coordinates, RidgeSums
from topwork.heads.ridge import MIN_PENALTY_SINGLE, Centring, smallest_penalty, solve
from topwork.heads.search import GAMMAS, KernelChoice, around, search
from topwork.heads.settings import HeadKind, HeadSettings
from topwork.heads.softmax import Softmax, best_temperature_loss, link, softmax

MAX_LANDMARKS = 4096
"""Bounds the cubic part of the fit, and its memory: 1.8 GB for 10,003 examples of 77 classes.
banking77, last layer, RBF: 94.1% on all of them, on these landmarks too."""

MODEL_BYTES = 160_000_000
"""Bounds what the landmarks of an RBF kernel take in the model, and as much again twice in memory:
2,000 landmarks of 40,000 numbers, or 4,096 of up to 19,500."""

NAME_WEIGHTS = (0.3, 1.0, 3.0, 10.0)
"""Of the name of a class, in examples; that none of them is taken is one more candidate."""

UNTESTED_TEMPERATURE = 5.0
"""Where there is nothing to leave out: a ridge score of 0.9 against 0.1 then reads as 98%."""

Choose = Callable[[FeatureTable, Indices, Labels, HeadKind], KernelChoice]


def fit_head(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    *,
    settings: HeadSettings | None = None,
    max_landmarks: int | None = None,
    choice: KernelChoice | None = None,
    choose: Choose | None = None,
) -> Head:
    """Fit a head on some rows of a table; `labels` holds theirs, in the same order.

    Args:
        settings: which head; None: a kernel, linear or RBF.
        max_landmarks: takes the place of `choose_max_landmarks`.
        choice: of kernel and penalty, takes the place of the search.
        choose: what remembers a search; None: `choose_space`.
    """
    settings = HeadSettings() if settings is None else settings
    given = choice is not None
    if choice is None:
        choice = (choose or choose_space)(table, indices, labels, settings.kind)
    if max_landmarks is None:
        max_landmarks = choose_max_landmarks(width_of(table, choice.kernel))
    marks = indices
    if len(indices) > max_landmarks:
        marks = indices[stratified_sample(labels.classes, size=max_landmarks, seed=labels.seed)]
    transform, units = Transform.fit(table, marks, choice.kernel)
    if settings.kind == "nearest":
        return fit_nearest(table, indices, labels, transform)
    if settings.kind == "mlp":
        return fit_mlp(table, indices, labels, transform, units, settings)
    task = _FitTask(table=table, indices=indices, labels=labels, transform=transform, units=units,
                 choice=choice)  # fmt: skip
    return _fit_kernel(task, given=given)


def _with_names(task: _FitTask, fitted: _Ridge) -> tuple[_Ridge, Floats]:
    """Return the better of a ridge and those that learn from the names too, and its landmarks."""
    names, labels = task.labels.names, task.labels
    if names is None or not task.folds:
        return fitted, task.units
    vectors = task.transform(task.table, names.rows)
    if task.choice.kernel.gamma is not None:
        _round(vectors)
    everything = np.concatenate([task.units, vectors])
    values = fitted.choice.kernel.apply(everything @ everything.T)
    centring = Centring.fit(values)
    centred = centring(values)
    targets = np.concatenate([labels.targets, np.eye(labels.num_classes)[names.classes]])
    base = np.ones(len(task.units)) if labels.weights is None else labels.weights
    candidates = []
    for weight in NAME_WEIGHTS:
        weights = np.concatenate([base, np.full(len(names.rows), weight)])
        for penalty in around(fitted.choice.penalty, smallest_penalty(len(values))):
            candidates.append(
                _solved(task, centring, centred, targets, weights, penalty, name_weight=weight)
            )
    best = _best(candidates, labels)
    if _is_surely_better(best, fitted, labels):
        return best, everything
    return fitted, task.units


def _is_surely_better(one: _Ridge, other: _Ridge, labels: Labels) -> bool:
    """Whether the log loss of examples left out is lower by more than twice its standard error.

    Twice, since `one` is the best of a dozen: of 48 questions of 6 kinds, whose names say little,
    one draw of four took names at once the standard error, to 2 points' loss.
    """
    less: Doubles = _losses(other, labels) - _losses(one, labels)
    if (groups := labels.group_numbers) is not None:
        less = np.bincount(groups, less).astype(np.float64)
    return bool(less.mean() > 2 * less.std(ddof=1) / np.sqrt(len(less)))


def _losses(ridge: _Ridge, labels: Labels) -> Doubles:
    """Return the log loss of each example left out, under the best temperature, [N]."""
    temperature = fit_temperature(ridge.scores, labels.targets, labels.weights)
    own = softmax(temperature * ridge.scores)[np.arange(len(labels.classes)), labels.classes]
    weights = np.ones(len(own)) if labels.weights is None else labels.weights
    losses: Doubles = -np.log(np.maximum(own, 1e-15)) * weights
    return losses


def choose_space(
    table: FeatureTable, indices: Int[np.ndarray, " n"], labels: Labels, kind: HeadKind
) -> KernelChoice:
    """Return the kernel and penalty that a kind of head takes; others than ridges, its vectors."""
    if kind == "nearest":
        return choose_nearest(table, indices, labels)
    return search(table, indices, labels, () if kind == "linear" else GAMMAS)


def _fit_kernel(task: _FitTask, *, given: bool) -> KernelHead:
    choice = task.choice
    landmarks = None if choice.kernel.gamma is None else _round(task.units)
    fit = _fit_exact if len(task.units) == len(task.indices) else _fit_landmarks
    candidates = [fit(task)]
    if fit is _fit_landmarks and landmarks is not None and not given:
        candidates.append(fit(replace(task, choice=_smoother(choice))))
    fitted, units = _best(candidates, task.labels), task.units
    if fit is _fit_exact:
        fitted, units = _with_names(task, fitted)
        if landmarks is not None and fitted.name_weight:
            landmarks = units.astype(np.float16)  # rounded already
    weights = fitted.weights.astype(np.float32)
    return KernelHead(
        kernel=fitted.choice.kernel,
        penalty=fitted.choice.penalty,
        segments=tuple(task.table.segments),
        transform=task.transform,
        landmarks=landmarks,
        weights=units.T @ weights if landmarks is None else weights,
        name_weight=fitted.name_weight,
        constants=fitted.constants.astype(np.float32),
        softmax=_top(task.labels, fitted.scores),
    )


def _smoother(choice: KernelChoice) -> KernelChoice:
    """Return the same with a wider RBF, which landmarks that are not all the examples carry better.

    banking77, 10,003 examples on 4,096 landmarks, last three blocks: errors and log loss are 6.4%
    and 0.259 with gamma 1, 5.9% and 0.248 with 0.3. It wants a smaller penalty, too.
    """
    kernel = replace(choice.kernel, gamma=(choice.kernel.gamma or 1.0) * 0.3)
    return replace(choice, kernel=kernel, penalty=choice.penalty * 0.3)


def choose_max_landmarks(width: int) -> int:
    """Return how many landmarks of so many numbers may be kept."""
    return int(np.clip(MODEL_BYTES // (2 * max(width, 1)), 1, MAX_LANDMARKS))


@dataclass(frozen=True, kw_only=True, eq=False)
class _FitTask:
    """What is to be fitted: `units` [M, D] are the landmarks as prediction will see them."""

    table: FeatureTable
    indices: Indices
    labels: Labels
    transform: Transform
    units: Floats
    choice: KernelChoice

    @cached_property
    def folds(self) -> list[Indices]:
        """Those of the labels: rows to leave out in turn."""
        return self.labels.folds()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ridge:
    """A ridge: `scores(x) = kernel(x, landmarks) @ weights + constants`.

    Attributes:
        weights: [M, K].
        constants: [K].
        scores: of examples left out, linked, [N, K].
        name_weight: of each class's name among the examples; then M counts these too.
    """

    choice: KernelChoice
    weights: Doubles
    constants: Doubles
    scores: Doubles
    name_weight: float = 0.0


def _round(units: Floats) -> npt.NDArray[np.float16]:
    """Return landmarks as they are stored, and round `units` so that the fit sees them too."""
    landmarks = np.empty(units.shape, np.float16)
    for start in range(0, len(units), 64):  # few enough for the cache
        part = slice(start, start + 64)
        landmarks[part] = units[part]
        units[part] = landmarks[part]
    return landmarks


def _fit_exact(task: _FitTask) -> _Ridge:
    labels, penalty = task.labels, task.choice.penalty
    values = task.choice.kernel.apply(task.units @ task.units.T)
    centring = Centring.fit(values)
    centred, targets = centring(values), labels.targets
    penalties = around(penalty, smallest_penalty(len(values))) if task.folds else [penalty]
    candidates = [_solved(task, centring, centred, targets, labels.weights, p) for p in penalties]
    return _best(candidates, labels)


def _solved(
    task: _FitTask,
    centring: Centring,
    centred: Floats,
    targets: Doubles,
    weights: Doubles | None,
    penalty: float,
    *,
    name_weight: float = 0.0,
) -> _Ridge:
    """Solve for one penalty; rows after the examples are learned from, and never left out."""
    duals, intercepts, scores = solve(centred, targets, penalty, folds=task.folds, weights=weights)
    own, constants = centring.fold(duals.astype(np.float64))
    return _Ridge(
        choice=replace(task.choice, penalty=penalty),
        weights=own,
        constants=constants + intercepts,
        scores=link(scores[: len(task.units)]),
        name_weight=name_weight,
    )


def _fit_landmarks(task: _FitTask) -> _Ridge:
    labels, kernel, folds = task.labels, task.choice.kernel, task.folds
    coordinates = Coordinates(task.table, task.indices, task.transform, kernel, task.units)
    fold_of = np.zeros(len(task.indices), np.intp)
    for number, fold in enumerate(folds):
        fold_of[fold] = number
    parts = _moments(coordinates, labels, fold_of, max(len(folds), 1))
    total = sum(parts[1:], start=parts[0])
    penalty = task.choice.penalty
    penalties = around(penalty, MIN_PENALTY_SINGLE) if folds else [penalty]
    solved = [[(total - part).solve(p) for p in penalties] for part in parts] if folds else []
    scores = np.zeros((len(penalties), len(task.indices), labels.num_classes))
    for positions, z in coordinates.chunks() if folds else ():
        for number in np.unique(fold_of[positions]):
            own = fold_of[positions] == number
            for out, (coefficients, constants) in zip(scores, solved[number], strict=True):
                out[positions[own]] = z[own] @ coefficients + constants
    candidates = []
    for candidate, out in zip(penalties, scores, strict=True):
        coefficients, constants = total.solve(candidate)
        candidates.append(
            _Ridge(choice=replace(task.choice, penalty=candidate),
                    weights=coordinates.back @ coefficients, constants=constants, scores=link(out))
        )  # fmt: skip
    return _best(candidates, labels)


def _moments(
    coordinates: Coordinates, labels: Labels, fold_of: Indices, num_folds: int
) -> list[RidgeSums]:
    """Return the sums over each fold."""
    weights = np.ones(len(fold_of)) if labels.weights is None else labels.weights
    identity = np.eye(labels.num_classes)
    parts = [RidgeSums(coordinates.size, labels.num_classes) for _ in range(num_folds)]
    # Fold after fold: to add to a fold's sums costs as much as to multiply a few hundred rows.
    for positions, z in coordinates.chunks(np.argsort(fold_of, kind="stable")):
        for number in np.unique(fold_of[positions]):
            own = fold_of[positions] == number
            at = positions[own]
            parts[number].add(z[own], identity[labels.classes[at]], weights[at])
    return parts


def _best(candidates: Sequence[_Ridge], labels: Labels) -> _Ridge:
    """Return the one of the least loss."""
    targets, weights = labels.targets, labels.weights
    losses = [best_temperature_loss(fitted.scores, targets, weights) for fitted in candidates]
    return candidates[int(np.argmin(losses))]


def _top(labels: Labels, scores: Doubles) -> Softmax:
    folds = labels.folds()
    if not folds:
        identity = np.eye(labels.num_classes)
        return Softmax(matrix=UNTESTED_TEMPERATURE * identity, bias=np.zeros(labels.num_classes))
    return fit_softmax(scores, labels.targets, folds, labels.weights)
