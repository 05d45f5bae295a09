"""Measured points of a learning curve.

Each fold of the product's own cross-validation is left out in turn; of the rest a head learns from
stratified samples of every size, and all of them are tested on the same fold. So the sizes differ
by what was learned, and not by the luck of what was asked.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.progress import staged
from topwork.core.shapes import Doubles, Indices, Int
from topwork.errors import TooFewError
from topwork.evaluation.crossval import choose_num_repeats, draw_folds, num_workers, one_thread
from topwork.evaluation.fold_cache import FoldCache
from topwork.examples.folds import stratified_sample
from topwork.features.table import FeatureTable
from topwork.heads.fit import MAX_LANDMARKS, choose_space, fit_head
from topwork.heads.labels import Labels
from topwork.heads.search import SAMPLE, KernelChoice
from topwork.heads.settings import HeadKind, HeadSettings

MIN_EXAMPLES = 10
"""Below it the largest sample would have fewer than 8 examples, twice the smallest."""

MIN_SIZE = 4
OCTAVES = 5
"""From the smallest size to the largest, at most: what two examples a class do says little of what
a hundred will. Over fewer than `OCTAVES - 1` there are two sizes an octave. The half of each size
is then a size too, so that the curve can be asked what it would have said of twice the examples."""

MIN_REPEATS = 3
"""Of the folds, where the work allows. More moves the means by less than their noise."""

WORK, WORK_PER_FIT = 13_500, 100
"""Examples that the fits of one size learn from in all, each fit counted as so many more: how often
a size is fitted. It is a fixed plan and no clock, so that the same data gets the same curve on any
machine, however busy. Measured in seconds of one core, fits of 25, 50, 100, 200, 400 and 800 photos
take 0.14, 0.2, 0.3, 0.5, 0.6 and 1.3: 1.4 ms for each example counted. So 800 are fitted in all 15
folds that there are, 1,600 in 7 and 4,096 in 3."""

FRESH_UP_TO = 250
"""Examples up to which each fit searches for its own kernel, at 0.2 s or less. One search for all
fits of a size left its luck in their mean: clothes, 41 examples, 49.9%, and 54.5% with 28."""

FEW_GROUPS = 20
"""Groups up to which a sample takes some examples of each; with more, it takes some of the groups.
Whole groups are what more data would bring, but of six speakers they make a curve of five
points, with a bend where the first speaker is used up."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What one head said of a fold left out.

    Attributes:
        size: position in the sizes.
        unit: number of the fold, over all repeats.
        test: positions of the examples it was tested on, [n].
        right: which of them it answered rightly, [n].
    """

    size: int
    unit: int
    test: Indices
    right: npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """All fits of a learning curve.

    Attributes:
        sizes: examples learned from, ascending.
        fits: at least one of every size.
        clusters: number of each example's group, [N]; each its own where there are none.
        thins_groups: whether smaller samples had fewer groups, or fewer examples of each.
    """

    sizes: tuple[int, ...]
    fits: tuple[Fit, ...]
    clusters: Indices
    thins_groups: bool

    @property
    def num_repeats(self) -> tuple[int, ...]:
        """Heads that were fitted, of each size."""
        counts = np.bincount([fit.size for fit in self.fits], minlength=len(self.sizes))
        return tuple(int(count) for count in counts)


def measure(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    *,
    settings: HeadSettings | None = None,
    features: str | None = None,
) -> Points:
    """Fit heads on samples of the rows, each size as often as `WORK` says.

    Args:
        indices: of the table, [N]; `labels` holds theirs, in the same order.
        features: digest of their features; given, folds that cross-validation has kept on disk are
            the largest size, at no cost. Without it no sample is larger than `MAX_LANDMARKS`.

    Raises:
        TooFewError: no fold could teach anything about its test examples, or too few examples.
    """
    num = len(indices)
    if num < MIN_EXAMPLES:
        raise TooFewError(
            f"{num} examples are too few for a learning curve; accepted: {MIN_EXAMPLES} or more. "
            "Label more examples."
        )
    run = _CurveRun(table, indices, labels, settings, features)
    report = staged("learning curve")
    fits: list[Fit] = []
    first, rest = run.plan()
    total = len(first) + len(rest)
    with one_thread(), ThreadPoolExecutor(num_workers(num)) as pool:
        for one in first:
            fits.append(run.fit(*one))
            report(len(fits), total)
        for fit in pool.map(lambda one: run.fit(*one), rest):  # all begin here, and not before
            fits.append(fit)
            report(len(fits), total)
    return Points(
        sizes=run.sizes, fits=tuple(fits), clusters=run.clusters, thins_groups=run.thins_groups
    )


def plan_settings() -> tuple[int, ...]:
    """Return what the plan of the fits depends on, beside the data."""
    return WORK, WORK_PER_FIT, MIN_REPEATS


def choose_sizes(largest: int, num_classes: int) -> tuple[int, ...]:
    """Return 3 to 8 geometric sizes up to the largest, and down to two a class if there are."""
    smallest = max(MIN_SIZE, largest / 2**OCTAVES, min(2 * num_classes, largest / 4))
    octaves = np.log2(largest / smallest) + 1e-9
    step = 1.0 if octaves >= OCTAVES - 1 else 0.5
    halvings = np.arange(0, octaves, step)[::-1]
    return tuple(sorted({round(largest * 2.0**-h) for h in halvings}))


class _CurveRun:
    """The sizes, the folds, and how a head is fitted on one of the former outside of the latter."""

    def __init__(
        self,
        table: FeatureTable,
        indices: Indices,
        labels: Labels,
        settings: HeadSettings | None,
        features: str | None,
    ) -> None:
        self._table, self._indices, self._labels = table, indices, labels
        self._settings = settings
        self._kept = FoldCache(
            features, labels.classes, labels.groups, labels.weights, settings=settings
        )
        num = len(indices)
        usual = choose_num_repeats(num)
        drawn, _ = draw_folds(labels, num_repeats=max(usual, MIN_REPEATS))
        self._num_crossed = 0 if features is None else sum(map(len, drawn[:usual]))
        self.units = [(repeat, fold) for repeat, folds in enumerate(drawn) for fold in folds]
        self._choices: dict[int, KernelChoice] = {}
        self.clusters = np.arange(num)
        if labels.groups is not None:
            self.clusters = np.unique(labels.groups, return_inverse=True)[1]
        self.thins_groups = labels.groups is not None and self.clusters.max() >= FEW_GROUPS
        largest = round(float(np.mean([num - len(fold) for _, fold in self.units])))
        self._whole = features is not None or largest <= MAX_LANDMARKS
        self.sizes = choose_sizes(
            largest if self._whole else MAX_LANDMARKS, len(np.unique(labels.classes))
        )

    def plan(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return sizes and units to fit: those to begin with, in order, and the rest, in any.

        The first of each size chooses for the others of its size, and for larger ones.
        """
        sizes = range(len(self.sizes))
        planned = {size: self._num_fits(size) for size in sizes}
        first = []
        for size in sizes:
            own = self._is_whole(size) and planned[size] > self._num_crossed
            first.append((size, self._num_crossed if own else 0))
        everything = [(size, unit) for unit in range(len(self.units)) for size in reversed(sizes)]
        rest = [one for one in everything if one[1] < planned[one[0]] and one not in first]
        return first, rest

    def _num_fits(self, size: int) -> int:
        """Return in how many of the units a size is fitted; what cross-validation fits is free."""
        planned = max(1, WORK // (self.sizes[size] + WORK_PER_FIT))
        if self._is_whole(size):
            planned = max(planned, self._num_crossed)
        return min(planned, len(self.units))

    def fit(self, size: int, unit: int) -> Fit:
        """Fit a head on so many of the examples outside of a fold, and ask it about the fold."""
        repeat, fold = self.units[unit]
        labels = self._labels
        seed = labels.seed + repeat
        rest = np.setdiff1d(np.arange(len(self._indices)), fold)
        crossed = self._is_whole(size) and unit < self._num_crossed
        if crossed:
            kept = self._kept.get(seed, fold, (len(fold), labels.num_classes))
            if kept is not None:
                return Fit(size=size, unit=unit, test=fold, right=self._is_right(kept, fold))
        if not self._is_whole(size):
            sample = stratified_sample(
                labels.classes[rest],
                min(self.sizes[size], len(rest)),
                seed=seed * 1000 + unit,
                groups=self.clusters[rest] if self.thins_groups else None,
            )
            rest = rest[sample]
        taken, own = replace(labels.take(rest), seed=seed), self._indices[rest]
        # what is not on the disk is fitted as cross-validation does: it makes no difference
        choose = None if crossed else partial(self._choose, size)
        head = fit_head(self._table, own, taken, settings=self._settings, choose=choose)
        found = head.predict(self._table, self._indices[fold])
        return Fit(size=size, unit=unit, test=fold, right=self._is_right(found, fold))

    def _choose(
        self, size: int, table: FeatureTable, indices: Indices, labels: Labels, kind: HeadKind
    ) -> KernelChoice:
        """Search once for each size; above `SAMPLE`, what the size below chose is taken.

        The fit still tries the neighbouring penalties on all that it learns from. Searching anew in
        each fold gave on clothes, with 477 and 954 examples, -0.8 (+-0.4) and -0.1 (+-0.6) points,
        on hand signs, with 412 and 825, none and -0.2 (+-0.2).
        """
        if self.sizes[size] <= FRESH_UP_TO:
            return choose_space(table, indices, labels, kind)
        if size not in self._choices:
            below = self._choices.get(size - 1)
            if below is not None and self.sizes[size] > SAMPLE * 1.2:
                self._choices[size] = below
            else:
                self._choices[size] = choose_space(table, indices, labels, kind)
        return self._choices[size]

    def _is_whole(self, size: int) -> bool:
        return self._whole and size == len(self.sizes) - 1

    def _is_right(self, probabilities: Doubles, fold: Indices) -> npt.NDArray[np.bool_]:
        return np.asarray(probabilities.argmax(1) == self._labels.classes[fold], np.bool_)
