"""Fitting of a head.

Up to some thousand examples (`choose_max_landmarks`) the kernel matrix is solved as it is; above, a
stratified sample of that many are landmarks for the rest (nystroem.py). Other heads than ridges
have files of their own, and begin with the same vectors (nearest.py, mlp.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from topwork.core.shapes import Doubles, Indices, Int
from topwork.examples.folds import stratified_sample
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.calibrate import fit_softmax
from topwork.heads.exact import FitTask, Ridge, best_of, fit_exact, is_surely_better, round_units
from topwork.heads.kernel import Transform, width_of
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import Labels
from topwork.heads.mlp import fit_mlp
from topwork.heads.nearest import choose_nearest, fit_nearest
from topwork.heads.nystroem import Coordinates, RidgeSums
from topwork.heads.ridge import MIN_PENALTY_SINGLE
from topwork.heads.search import GAMMAS, KernelChoice, around, search
from topwork.heads.settings import HeadKind, HeadSettings
from topwork.heads.softmax import Softmax, link

MAX_LANDMARKS = 4096
"""Bounds the cubic part of the fit, and its memory: 1.8 GB for 10,003 examples of 77 classes.
banking77, last layer, RBF: 94.1% on all of them, on these landmarks too."""

MODEL_BYTES = 160_000_000
"""Bounds what the landmarks of an RBF kernel take in the model, and as much again twice in memory:
2,000 landmarks of 40,000 numbers, or 4,096 of up to 19,500."""

SEARCH_ROWS = 200
"""Examples and views that the search looks at, where the examples are fewer. 50 clothes, 5 draws:
71.3% right with the kernel that examples and views chose, 66.5% with that of the examples alone;
50 hand signs 84.2% and 84.1%."""

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
        seen = indices, labels.with_views(0)
        if settings.kind in ("kernel", "linear") and labels.folds():
            seen = labels.with_views(SEARCH_ROWS // len(indices) - 1).expanded(indices)
        choice = (choose or choose_space)(table, *seen, settings.kind)
    if max_landmarks is None:
        max_landmarks = choose_max_landmarks(width_of(table, choice.kernel))
    task = _task(table, indices, labels.with_views(0), choice, max_landmarks)
    if settings.kind == "nearest":
        return fit_nearest(table, indices, labels, task.transform)
    if settings.kind == "mlp":
        return fit_mlp(table, indices, labels, task.transform, task.units, settings)
    fitted, num_views = _fit_ridge(task, given=given), 0
    labels = labels.with_views(max_landmarks // len(indices) - 1)
    if labels.views is not None and task.folds:
        altered = _task(table, *labels.expanded(indices), choice, max_landmarks)
        found = _fit_ridge(altered, given=given)
        if not is_surely_better(fitted.scores, found.scores[: len(indices)], labels):
            task, fitted, num_views = altered, found, labels.views.shape[1]
    return _grown(task, fitted, num_views)


def _task(
    table: FeatureTable,
    indices: Indices,
    labels: Labels,
    choice: KernelChoice,
    max_landmarks: int,
) -> FitTask:
    marks = indices
    if len(indices) > max_landmarks:
        marks = indices[stratified_sample(labels.classes, size=max_landmarks, seed=labels.seed)]
    transform, units = Transform.fit(table, marks, choice.kernel)
    return FitTask(table=table, indices=indices, labels=labels, transform=transform, units=units,
                   choice=choice)  # fmt: skip


def choose_space(
    table: FeatureTable, indices: Int[np.ndarray, " n"], labels: Labels, kind: HeadKind
) -> KernelChoice:
    """Return the kernel and penalty that a kind of head takes; others than ridges, its vectors."""
    if kind == "nearest":
        return choose_nearest(table, indices, labels)
    return search(table, indices, labels, () if kind == "linear" else GAMMAS)


def _fit_ridge(task: FitTask, *, given: bool) -> Ridge:
    choice = task.choice
    is_rbf = choice.kernel.gamma is not None
    if is_rbf:
        round_units(task.units)
    if len(task.units) == len(task.indices):
        return fit_exact(task)
    candidates = [_fit_landmarks(task)]
    if is_rbf and not given:
        candidates.append(_fit_landmarks(replace(task, choice=_smoother(choice))))
    return best_of(candidates, task.labels)


def _grown(task: FitTask, fitted: Ridge, num_views: int) -> KernelHead:
    weights, kernel = fitted.weights.astype(np.float32), fitted.choice.kernel
    is_rbf = kernel.gamma is not None
    return KernelHead(
        kernel=kernel,
        penalty=fitted.choice.penalty,
        segments=tuple(task.table.segments),
        transform=task.transform,
        landmarks=fitted.units.astype(np.float16) if is_rbf else None,
        weights=weights if is_rbf else fitted.units.T @ weights,
        name_weight=fitted.name_weight,
        num_views=num_views,
        constants=fitted.constants.astype(np.float32),
        softmax=_top(task, fitted.scores, 1 + num_views),
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


def _fit_landmarks(task: FitTask) -> Ridge:
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
            Ridge(choice=replace(task.choice, penalty=candidate), units=task.units,
                    weights=coordinates.back @ coefficients, constants=constants, scores=link(out))
        )  # fmt: skip
    return best_of(candidates, labels)


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


def _top(task: FitTask, scores: Doubles, num_views: int) -> Softmax:
    labels, folds = task.labels, task.folds
    if not folds:
        identity = np.eye(labels.num_classes)
        return Softmax(matrix=UNTESTED_TEMPERATURE * identity, bias=np.zeros(labels.num_classes))
    return fit_softmax(scores, labels.targets, folds, labels.weights, num_views=num_views)
