"""Judges a way of training by cross-validation, fold by fold, and finishes it on all examples.

Each fold trains anew and predicts the examples that were left out, with several shares of trained
and untrained weights; which share, and how sure the answers are, is chosen on the other folds.
What it does not know: what else could be tried (strategy.py), and the classes' names.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import final

import numpy as np

from topwork.core import files
from topwork.core.digests import digest_bytes, digest_settings
from topwork.evaluation.fold_cache import KeptFolds
from topwork.heads.calibrate import fit_temperature
from topwork.heads.dense import DenseHead
from topwork.heads.search import Labels
from topwork.heads.softmax import Softmax, log_loss, softmax
from topwork.training.finetune import Doubles, Job, Rows, Tuned, tune
from topwork.training.loop.task import Epoch

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the trained weights in their mean with those before (WiSE-FT: Wortsman et al. 2022)."""

OnEpoch = Callable[[Epoch], None]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """What training without some examples said of them.

    Attributes:
        rows: the examples left out.
        logits: [shares, len(rows), K].
        seconds: it took now; 0 where it was kept from before.
    """

    rows: Rows
    logits: Doubles
    seconds: float


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What the folds that are done say together.

    Attributes:
        rows: the examples that were left out so far, sorted.
        probabilities: of them, [len(rows), K]; share and sharpness from the other folds (of one
            fold, from its other half).
        share: of the trained weights, the best over all folds.
        sharpness: what the logits are multiplied by, the same way.
        seconds: of all folds.
    """

    rows: Rows
    probabilities: Doubles
    share: float
    sharpness: float
    seconds: float

    @staticmethod
    def of(job: Job, folds: Sequence[Fold]) -> Judged:
        """Put folds together; of one alone, with too little to halve it, all is as trained."""
        rows = np.concatenate([fold.rows for fold in folds])
        logits = np.concatenate([fold.logits for fold in folds], axis=1)
        labels = job.labels.take(rows)
        number = np.repeat(np.arange(len(folds)), [len(fold.rows) for fold in folds])
        if len(folds) == 1:  # what is chosen on one half of it is tried on the other
            for half in labels.folds(2)[1:]:
                number[half] = 1
        shares = shares_of(job)
        chances = np.empty(logits.shape[1:])
        for k in np.unique(number):
            own = number == k
            share, sharpness = len(shares) - 1, 1.0
            if not own.all():
                others = np.flatnonzero(~own)
                share, sharpness = _choose(logits[:, others], labels.take(others))
            chances[own] = softmax(sharpness * logits[share][own])
        share, sharpness = _choose(logits, labels)
        order = np.argsort(rows)
        return Judged(
            rows=rows[order],
            probabilities=chances[order],
            share=shares[share],
            sharpness=sharpness,
            seconds=sum(fold.seconds for fold in folds),
        )


def shares_of(job: Job) -> tuple[float, ...]:
    """Return the shares that are compared; of a network from random weights, all of it."""
    average = job.settings.average
    if not job.head_first:
        return (1.0,)
    return SHARES if average in (None, "auto") else (float(average),)


def judge(
    job: Job,
    folds: Sequence[Rows],
    *,
    on_epoch: OnEpoch | None = None,
    stop_at: float | None = None,
    resume: bool = True,
    log: Path | None = None,
) -> Iterator[Fold]:
    """Yield each fold as it is done; one that was done before is read from the disk.

    Args:
        stop_at: deadline, of `time.monotonic`, that each training keeps to.
        resume: take what an earlier run has kept; without it all is done anew.
        log: folder for TensorBoard.

    Raises:
        TrainingError: training went wrong from the start.
    """
    shares = shares_of(job)
    key = digest_settings([_code(), job.identity, job.settings.to_dict(), list(shares)])
    labels = job.labels
    kept = KeptFolds(key, labels.classes, labels.groups, labels.weights)
    everything = np.arange(len(labels.classes))
    for number, fold in enumerate(folds):
        shape = (len(shares) * len(fold), labels.num_classes)
        started = time.monotonic()
        found = kept.get(labels.seed, fold, shape) if resume else None
        seconds = 0.0
        if found is None:
            rows = np.setdiff1d(everything, fold)
            named = None if log is None else log / f"fold {number + 1}"
            with checkpointed(job, rows, resume=resume) as place:
                tuned = tune(
                    job, rows, checkpoint=place, on_epoch=on_epoch, stop_at=stop_at, log=named
                )
                found = np.concatenate(tuned.scores(fold, shares))
            if stop_at is None or tuned.stopped is None:
                kept.put(labels.seed, fold, found)
            seconds = time.monotonic() - started
        logits = found.reshape(len(shares), len(fold), labels.num_classes)
        yield Fold(rows=fold, logits=logits, seconds=seconds)


def finish(
    job: Job,
    judged: Judged | None,
    *,
    on_epoch: OnEpoch | None = None,
    stop_at: float | None = None,
    resume: bool = True,
    log: Path | None = None,
) -> tuple[Tuned, float, DenseHead]:
    """Train on all examples; return what came of it, the share to take, and its head, calibrated.

    Where nothing was judged, all of the trained weights are taken, as sure as they are.
    """
    rows = np.arange(len(job.labels.classes))
    with checkpointed(job, rows, resume=resume) as place:
        named = None if log is None else log / "all"
        tuned = tune(job, rows, checkpoint=place, on_epoch=on_epoch, stop_at=stop_at, log=named)
    share = shares_of(job)[-1] if judged is None else judged.share
    _, head = tuned.network(share)
    sharpness = 1.0 if judged is None else judged.sharpness
    num_classes = job.labels.num_classes
    top = Softmax(matrix=sharpness * np.eye(num_classes), bias=np.zeros(num_classes))
    return tuned, share, replace(head, softmax=top)


@contextmanager
def checkpointed(job: Job, rows: Rows, *, resume: bool = True) -> Iterator[Path]:
    """Yield a folder for a training's checkpoints; it is removed where the training ends well.

    Without `resume` it is empty, whatever an earlier run left there.
    """
    labels = digest_bytes(rows.astype("<i8").tobytes(), job.labels.classes.astype("<i8").tobytes())
    key = digest_settings([job.identity, job.settings.to_dict(), job.labels.seed, labels])
    place = files.cache_folder() / "training" / key
    if not resume:
        shutil.rmtree(place, ignore_errors=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def _choose(logits: Doubles, labels: Labels) -> tuple[int, float]:
    """Return the place of the best share, and how sharp its logits should be."""
    targets, weights = labels.targets, labels.weights
    found = []
    for own in logits:
        sharpness = fit_temperature(own, targets, weights)
        found.append((log_loss(softmax(sharpness * own), targets, weights), sharpness))
    best = int(np.argmin([loss for loss, _ in found]))
    return best, found[best][1]


@cache
def _code() -> str:
    """Return the digest of the code that decides what a training gives."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return digest_bytes(*(path.read_bytes() for path in sources))
