"""Ridges on the whole kernel matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np

from topwork.core.shapes import Doubles, Floats, Indices
from topwork.features.table import FeatureTable
from topwork.heads.calibrate import fit_temperature
from topwork.heads.kernel import Transform
from topwork.heads.labels import ClassNames, Labels
from topwork.heads.ridge import Centring, smallest_penalty, solve
from topwork.heads.search import KernelChoice, around
from topwork.heads.softmax import best_temperature_loss, link, softmax

NAME_WEIGHTS = (0.3, 1.0, 3.0, 10.0)
"""Of the name of a class, in examples; that none of them is taken is one more candidate."""

SURELY = 2.0
"""Standard errors by which names must be better: they are the best of a dozen candidates. Of 48
questions of 6 kinds, whose names say little, one draw of four took names at once the standard
error, to 2 points' loss."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class FitTask:
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


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Ridge:
    """A ridge: `scores(x) = kernel(x, landmarks) @ weights + constants`.

    Attributes:
        units: the landmarks, [M, D].
        weights: [M, K].
        constants: [K].
        scores: of examples left out, linked, [N, K].
        name_weight: of each class's name among the landmarks; 0: they are not there.
    """

    choice: KernelChoice
    units: Floats
    weights: Doubles
    constants: Doubles
    scores: Doubles
    name_weight: float = 0.0


def fit_exact(task: FitTask) -> Ridge:
    """Return the ridge on all examples, and the names of the classes where that is better."""
    labels = task.labels
    best = best_of(_System(task).ridges(labels.weights, task.choice.penalty), labels)
    if task.folds and labels.names is not None:
        named = _with_names(task, labels.names, best.choice.penalty)
        if is_surely_better(named.scores, best.scores, labels):
            best = named
    return best


def best_of(candidates: Sequence[Ridge], labels: Labels) -> Ridge:
    """Return the one of the least loss."""
    targets, weights = labels.targets, labels.weights
    losses = [best_temperature_loss(fitted.scores, targets, weights) for fitted in candidates]
    return candidates[int(np.argmin(losses))]


def _losses(scores: Doubles, labels: Labels) -> Doubles:
    """Return the log loss of each example left out, under the best temperature, [N]."""
    temperature = fit_temperature(scores, labels.targets, labels.weights)
    own = softmax(temperature * scores)[np.arange(len(labels.classes)), labels.classes]
    weights = np.ones(len(own)) if labels.weights is None else labels.weights
    found: Doubles = -np.log(np.maximum(own, 1e-15)) * weights
    return found


def round_units(units: Floats) -> None:
    """Round landmarks in place to what is stored of them, so that the fit sees it too."""
    for start in range(0, len(units), 64):  # few enough for the cache
        part = slice(start, start + 64)
        units[part] = units[part].astype(np.float16)


def _with_names(task: FitTask, names: ClassNames, penalty: float) -> Ridge:
    """Return the best ridge on the examples and the names of the classes."""
    labels, system = task.labels, _System(task, names)
    base = np.ones(len(task.units)) if labels.weights is None else labels.weights
    candidates = []
    for weight in NAME_WEIGHTS:
        weights = np.concatenate([base, np.full(len(names.rows), weight)])
        found = system.ridges(weights, penalty)
        candidates += [replace(ridge, name_weight=weight) for ridge in found]
    return best_of(candidates, labels)


def is_surely_better(one: Doubles, other: Doubles, labels: Labels) -> bool:
    """Whether scores [N, K] of examples left out have surely less loss than others.

    That is by more than `SURELY` standard errors.
    """
    less: Doubles = _losses(other, labels) - _losses(one, labels)
    if (groups := labels.group_numbers) is not None:
        less = np.bincount(groups, less).astype(np.float64)
    return bool(less.mean() > SURELY * less.std(ddof=1) / np.sqrt(len(less)))


@final
class _System:
    """The kernel matrix of the examples, and of the names of the classes where these are given."""

    def __init__(self, task: FitTask, names: ClassNames | None = None) -> None:
        self._task, self._units = task, task.units
        classes, kernel = task.labels.classes, task.choice.kernel
        if names is not None:
            vectors = task.transform(task.table, names.rows)
            if kernel.gamma is not None:
                round_units(vectors)
            self._units = np.concatenate([task.units, vectors])
            classes = np.concatenate([classes, names.classes])
        values = kernel.apply(self._units @ self._units.T)
        self._centring = Centring.fit(values)
        self._centred = self._centring(values)
        self._targets = np.eye(task.labels.num_classes)[classes]

    def ridges(self, weights: Doubles | None, near: float) -> list[Ridge]:
        """Return those with a penalty and its neighbours; without folds, with it alone."""
        penalties = [near]
        if self._task.folds:
            penalties = around(near, smallest_penalty(len(self._units)))
        return [self._ridge(penalty, weights) for penalty in penalties]

    def _ridge(self, penalty: float, weights: Doubles | None) -> Ridge:
        duals, intercepts, scores = solve(
            self._centred, self._targets, penalty, folds=self._task.folds, weights=weights
        )
        own, constants = self._centring.fold(duals.astype(np.float64))
        return Ridge(
            choice=replace(self._task.choice, penalty=penalty),
            units=self._units,
            weights=own,
            constants=constants + intercepts,
            scores=link(scores[: len(self._task.units)]),
        )
