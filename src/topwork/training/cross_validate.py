"""Cross-validation of a training job.

Each fold trains anew and predicts the examples that were left out, with several shares (alphas) of
the trained weights; alpha and the temperature of the answers are chosen on the other folds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from topwork.core import files
from topwork.core.digests import digest_bytes, digest_settings
from topwork.core.options import RunOptions
from topwork.core.shapes import Doubles, Indices, Int
from topwork.evaluation.fold_cache import FoldCache
from topwork.heads.calibrate import fit_temperature
from topwork.heads.dense import DenseHead
from topwork.heads.labels import Labels
from topwork.heads.softmax import Softmax, log_loss, softmax
from topwork.training.finetune import FineTuned, finetune
from topwork.training.loop.task import Epoch
from topwork.training.training_job import TrainingJob

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the trained weights in their mean with those before (WiSE-FT: Wortsman et al. 2022); with 0
the head alone is new."""

MIN_CHOOSING = 50
"""Examples left out that alpha is chosen by, at least. On 20 of them chance chooses: one example
is worth 5 points."""

OnEpoch = Callable[[Epoch], None]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class FoldResult:
    """What training without some examples said of them.

    Attributes:
        indices: the examples left out.
        logits: [alphas, len(indices), K].
        seconds: it took now; 0 where it was kept from before.
    """

    indices: Indices
    logits: Doubles
    seconds: float


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class CVResult:
    """What the folds that are done say together.

    Attributes:
        indices: the examples that were left out so far, sorted.
        probabilities: of them, [len(indices), K]; alpha and inverse temperature from the other
            folds (of one fold, from its other half).
        alpha: share of the trained weights, the best over all folds.
        is_chosen: whether these were enough examples to choose it by; else it is as trained.
        inverse_temperature: what the logits are multiplied by, the same way.
        seconds: of all folds.
    """

    indices: Indices
    probabilities: Doubles
    alpha: float
    is_chosen: bool
    inverse_temperature: float
    seconds: float

    @staticmethod
    def of(job: TrainingJob, folds: Sequence[FoldResult]) -> CVResult:
        """Put folds together; of one alone, with too little to halve it, all is as trained.

        Where any fold would have its alpha from too few examples, none is chosen.
        """
        indices = np.concatenate([fold.indices for fold in folds])
        logits = np.concatenate([fold.logits for fold in folds], axis=1)
        labels = job.labels.take(indices)
        number = np.repeat(np.arange(len(folds)), [len(fold.indices) for fold in folds])
        if len(folds) == 1:  # what is chosen on one half of it is tried on the other
            for half in labels.folds(2)[1:]:
                number[half] = 1
        alphas = alphas_of(job)
        num_others = len(indices) - int(np.bincount(number).max())
        is_chosen = len(alphas) > 1 and num_others >= MIN_CHOOSING
        if not is_chosen:
            alphas, logits = alphas[-1:], logits[-1:]
        probabilities = np.empty(logits.shape[1:])
        for k in np.unique(number):
            own = number == k
            alpha, inverse_temperature = len(alphas) - 1, 1.0  # as trained
            if not own.all():
                others = np.flatnonzero(~own)
                alpha, inverse_temperature = _choose(logits[:, others], labels.take(others))
            probabilities[own] = softmax(inverse_temperature * logits[alpha][own])
        alpha, inverse_temperature = _choose(logits, labels)
        order = np.argsort(indices)
        return CVResult(
            indices=indices[order],
            probabilities=probabilities[order],
            alpha=alphas[alpha],
            is_chosen=is_chosen,
            inverse_temperature=inverse_temperature,
            seconds=sum(fold.seconds for fold in folds),
        )


def alphas_of(job: TrainingJob) -> tuple[float, ...]:
    """Return the shares that are compared.

    All of it of a network from random weights, and of so few examples that none could be chosen.
    """
    average = job.settings.average
    if not job.head_first:
        return (1.0,)
    if average not in (None, "auto"):
        return (float(average),)
    return ALPHAS if len(job.labels.classes) > MIN_CHOOSING else ALPHAS[-1:]


def cross_validate(
    job: TrainingJob,
    folds: Sequence[Int[np.ndarray, " _"]],
    *,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    on_epoch: OnEpoch | None = None,
    stop_at: float | None = None,
) -> Iterator[FoldResult]:
    """Yield each fold as it is done; one that was done before is read from the disk.

    Args:
        folds: rows of the job to leave out in turn.
        stop_at: deadline, of `time.monotonic`, that each training keeps to.

    Raises:
        TrainingError: training went wrong from the start.
    """
    alphas = alphas_of(job)
    key = digest_settings([job.identity, job.settings.to_dict(), list(alphas)])
    labels = job.labels
    kept = FoldCache(key, labels.classes, labels.groups, labels.weights)
    everything = np.arange(len(labels.classes))
    for number, fold in enumerate(folds):
        shape = (len(alphas) * len(fold), labels.num_classes)
        started = time.monotonic()
        found = kept.get(labels.seed, fold, shape) if options.resume else None
        seconds = 0.0
        if found is None:
            indices = np.setdiff1d(everything, fold)
            log = options.logged_in(f"fold {number + 1}").log
            with checkpointed(job, indices, resume=options.resume) as place:
                fine_tuned = finetune(
                    job, indices, checkpoint=place, on_epoch=on_epoch, stop_at=stop_at, log=log
                )
                found = np.concatenate(fine_tuned.scores(fold, alphas))
            if stop_at is None or fine_tuned.stopped is None:
                kept.put(labels.seed, fold, found)
            seconds = time.monotonic() - started
        logits = found.reshape(len(alphas), len(fold), labels.num_classes)
        yield FoldResult(indices=fold, logits=logits, seconds=seconds)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Refit:
    """What training on all examples gave.

    Attributes:
        alpha: share of the trained weights that is taken.
        is_chosen: whether it was chosen by examples left out.
        head: of the mean weights, calibrated.
    """

    fine_tuned: FineTuned
    alpha: float
    is_chosen: bool
    head: DenseHead


def refit(
    job: TrainingJob,
    cv_result: CVResult | None,
    *,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    on_epoch: OnEpoch | None = None,
    stop_at: float | None = None,
) -> Refit:
    """Train on all examples.

    Where nothing was cross-validated, all of the trained weights are taken, as sure as they are.
    """
    indices = np.arange(len(job.labels.classes))
    with checkpointed(job, indices, resume=options.resume) as place:
        log = options.logged_in("all").log
        fine_tuned = finetune(
            job, indices, checkpoint=place, on_epoch=on_epoch, stop_at=stop_at, log=log
        )
    alpha = alphas_of(job)[-1] if cv_result is None else cv_result.alpha
    _, head = fine_tuned.network(alpha)
    inverse_temperature = 1.0 if cv_result is None else cv_result.inverse_temperature
    num_classes = job.labels.num_classes
    top = Softmax(matrix=inverse_temperature * np.eye(num_classes), bias=np.zeros(num_classes))
    return Refit(
        fine_tuned=fine_tuned,
        alpha=alpha,
        is_chosen=cv_result is not None and cv_result.is_chosen,
        head=replace(head, softmax=top),
    )


@contextmanager
def checkpointed(
    job: TrainingJob, indices: Int[np.ndarray, " n"], *, resume: bool = True
) -> Iterator[Path]:
    """Yield a folder for a training's checkpoints; it is removed where the training ends well.

    Without `resume` it is empty, whatever an earlier run left there.
    """
    labels = digest_bytes(
        indices.astype("<i8").tobytes(), job.labels.classes.astype("<i8").tobytes()
    )
    key = digest_settings([job.identity, job.settings.to_dict(), job.labels.seed, labels])
    place = files.cache_folder() / "training" / key
    if not resume:
        shutil.rmtree(place, ignore_errors=True)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def _choose(logits: Doubles, labels: Labels) -> tuple[int, float]:
    """Return the place of the best alpha, and what its logits are best multiplied by."""
    targets, weights = labels.targets, labels.weights
    found = []
    for own in logits:
        inverse_temperature = fit_temperature(own, targets, weights)
        found.append(
            (log_loss(softmax(inverse_temperature * own), targets, weights), inverse_temperature)
        )
    best = int(np.argmin([loss for loss, _ in found]))
    return best, found[best][1]
