"""Cross-validation of heads on frozen features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from topwork.core.progress import staged
from topwork.core.shapes import Int
from topwork.evaluation.fold_cache import FoldCache
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.folds import choose_num_folds, kfold
from topwork.features.table import FeatureTable
from topwork.heads.fit import MAX_LANDMARKS, fit_head
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadSettings

NUM_FOLDS = 5
STEADY = 500
"""Predictions to gather: below this many examples the folds are drawn anew, up to
`MAX_REPEATS` times, since with 100 examples the luck of one draw moves the score by points."""
MAX_REPEATS = 10

FEW_GROUPS = 10
"""Groups up to which each is left out in turn: of six speakers in five folds, one
fold would leave out two, and learn from a third less than the model that is judged."""

MAX_WORKERS = 8
"""Folds at a time, at most: each holds the features that its kernel looks at."""


LARGE_FIT_BYTES = 2_500_000_000
"""What a fit on more than `MAX_LANDMARKS` examples takes at most (measured: 1.8 GB)."""


def num_workers(num_examples: int) -> int:
    """Return how many folds to run side by side, beside the fit on everything."""
    workers = min(os.cpu_count() or 1, MAX_WORKERS)
    if num_examples <= MAX_LANDMARKS:
        return workers
    return max(1, min(workers, _free_bytes() // LARGE_FIT_BYTES - 1))


def _free_bytes() -> int:
    """Memory that is free; 0 where the system does not say."""
    try:
        return int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return 0


def one_thread() -> AbstractContextManager[object]:
    """Give every product of matrices one thread.

    Fits then run side by side, a core each, and give the same numbers whatever the machine has;
    several threads would gain little, and lose much where others want the cores too.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


def choose_num_repeats(num_examples: int) -> int:
    """Return how often to draw the folds."""
    return int(np.clip(-(-STEADY // max(num_examples, 1)), 1, MAX_REPEATS))


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossValPredictions:
    """What heads said of examples that they never saw.

    Attributes:
        probabilities: [repeats, N, K].
        folds: of the first repeat: rows that were left out together.
        method: how it was done, in words.
    """

    probabilities: npt.NDArray[np.float64]
    folds: tuple[npt.NDArray[np.intp], ...]
    method: str

    def evaluate(self, labels: Labels, classes: Sequence[str]) -> Evaluation:
        """Return the scores."""
        return evaluate(
            self.probabilities,
            labels.classes,
            classes,
            method=self.method,
            groups=None if labels.groups is None else labels.groups.tolist(),
            seed=labels.seed,
        )


def draw_folds(
    labels: Labels, *, num_folds: int = NUM_FOLDS, num_repeats: int | None = None
) -> tuple[list[list[Int[np.ndarray, " _"]]], str]:
    """Return the folds of each repeat, and how they are drawn, in words.

    Args:
        num_folds: fewer where there are not as many examples or groups; of `FEW_GROUPS` groups or
            fewer, each is left out in turn.
        num_repeats: how often the folds are drawn; None: more where there are fewer examples.

    Raises:
        TooFewError: no fold could teach anything about its test examples.
    """
    num = len(labels.classes)
    groups = None if labels.groups is None else labels.groups.tolist()
    num_units = num if groups is None else len(set(groups))
    each_group = groups is not None and num_units <= FEW_GROUPS
    wanted = max(num_folds, num_units) if each_group else num_folds
    folds = choose_num_folds(labels.classes, wanted=wanted, groups=groups)
    alone = folds == num_units
    # Leaving out one at a time has only one way to be drawn.
    repeats = 1 if alone else num_repeats or choose_num_repeats(num)
    drawn = [
        kfold(labels.classes, num_folds=folds, seed=labels.seed + repeat, groups=groups)
        for repeat in range(repeats)
    ]
    return drawn, _describe(folds, repeats, alone=alone, grouped=groups is not None)


def cross_val_predict(
    table: FeatureTable,
    labels: Labels,
    *,
    indices: Int[np.ndarray, " n"] | None = None,
    features: str | None = None,
    settings: HeadSettings | None = None,
    num_folds: int = NUM_FOLDS,
    num_repeats: int | None = None,
) -> CrossValPredictions:
    """Return what heads say that never saw the examples.

    Args:
        table: their features; `indices` says which rows the labels belong to; None: all.
        features: digest of these rows' features. Given, each fold's outcome is kept on disk, and
            found again by the next run that does the same.
        settings: which head; None: a kernel.
        num_folds: see `draw_folds`.
        num_repeats: see `draw_folds`.

    Raises:
        TooFewError: no fold could teach anything about its test examples.
    """
    num = len(labels.classes)
    indices = np.arange(num) if indices is None else indices
    drawn, method = draw_folds(labels, num_folds=num_folds, num_repeats=num_repeats)
    parts = [(repeat, fold) for repeat, folds in enumerate(drawn) for fold in folds]
    out = np.empty((len(drawn), num, labels.num_classes))
    fold_cache = FoldCache(
        features, labels.classes, labels.groups, labels.weights, settings=settings
    )

    def run(repeat: int, fold: npt.NDArray[np.intp]) -> None:
        seed = labels.seed + repeat
        found = fold_cache.get(seed, fold, (len(fold), labels.num_classes))
        if found is None:
            kept = np.setdiff1d(np.arange(num), fold)
            own = replace(labels.take(kept), seed=seed)
            head = fit_head(table, indices[kept], own, settings=settings)
            found = head.predict(table, indices[fold])
            fold_cache.put(seed, fold, found)
        out[repeat, fold] = found

    report = staged("cross-validate")
    report(0, len(parts))
    with one_thread(), ThreadPoolExecutor(num_workers(num)) as pool:
        futures = [pool.submit(run, repeat, fold) for repeat, fold in parts]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                report(done, len(parts))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return CrossValPredictions(probabilities=out, folds=tuple(drawn[0]), method=method)


def _describe(folds: int, repeats: int, *, alone: bool, grouped: bool) -> str:
    """Say how it was done; `alone` where each fold is one example, or one group."""
    method = f"{folds}-fold cross-validation"
    if alone and not grouped:
        method = "leave-one-out cross-validation"
    elif alone:
        method = f"each of {folds} groups left out in turn"
    elif grouped:
        method += ", groups kept together"
    return f"{method}, drawn {repeats} times" if repeats > 1 else method
