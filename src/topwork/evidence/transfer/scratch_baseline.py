"""Training from scratch, as a baseline.

    the examples and folds of the head -> as many folds as can be trained with care -> answers

Where the limit does not hold the usual number of epochs for every fold, fewer folds are trained,
down to one: more time for each network is kinder to the control, and it is compared with transfer
on the examples that it was asked about. For the same reason its pictures are smaller where few
epochs fit at the network's own size. What it gave is kept on disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.core.memo import ARRAYS, keep_arrays, kept_arrays, key_of, memo, memo_folder
from topwork.core.shapes import Doubles, Indices
from topwork.errors import BackboneError, TrainingError
from topwork.evidence.transfer.comparison import (
    ComparedPredictions,
    Comparison,
    measurement_key,
)
from topwork.examples.images.preprocessing import ImageInput
from topwork.recipe import Recipe
from topwork.runs.job import JobMaker
from topwork.training.budget import SPARE, seconds_of_epoch
from topwork.training.cross_validate import CVResult, cross_validate
from topwork.training.epoch_progress import EpochProgress
from topwork.training.strategy import Strategy
from topwork.training.training_job import TrainingJob

LIMIT_SECONDS = 180.0
"""Where the user gives none."""

MIN_EPOCHS = 2
"""Through the examples that a limit must hold; below it nothing would be learned from them."""

SIDES = (160, 128, 96, 64)
"""Pixels that pictures are brought down to where the network's own size takes too long: an epoch
takes a time that grows with the square."""

GOOD_EPOCHS = 50
"""That should fit, or the pictures are made smaller."""

FACTS = (
    "num_folds", "of_folds", "epochs", "usual_epochs", "side", "limit_seconds", "seconds",
)  # fmt: skip
"""What is kept of a baseline beside its predictions."""

OVERTIME = 1.25
"""Of the limit, after which training stops wherever it is: the plan is by measured speed, which
another process may have taken since."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ScratchBaseline:
    """What the network that was trained from random weights said of examples left out.

    Attributes:
        indices: these examples, positions in `Comparison.labels`, sorted.
        probabilities: [len(indices), K].
        num_folds: how many folds were trained, of `of_folds`.
        epochs: of each training; `usual_epochs` are those that it would have without a limit.
        side: pixels of its pictures, where they were made smaller.
        limit_seconds: that it was given.
        seconds: that it took.
    """

    indices: Indices
    probabilities: Doubles
    num_folds: int
    of_folds: int
    epochs: int
    usual_epochs: int
    side: int | None
    limit_seconds: float
    seconds: float

    def answered(self, comparison: Comparison) -> ComparedPredictions:
        """Return which examples it answered rightly."""
        right = self.probabilities.argmax(1) == comparison.labels.classes[self.indices]
        return ComparedPredictions(
            name="training from scratch",
            indices=self.indices,
            right=right.astype(np.float64),
            seconds=self.seconds,
        )

    @property
    def caveat(self) -> str:
        """What its limit means for whoever compares with it; empty where it had all its epochs.

        Of 200 hand signs 2 epochs gave 10% right, 26 gave 38%, and 81 (of larger pictures) 85%.
        """
        if self.epochs >= self.usual_epochs:
            return ""
        return (
            f"Training from scratch had {self.epochs} of its usual {self.usual_epochs} epochs: "
            "with a longer limit the gain may be smaller."
        )

    @property
    def sentence(self) -> str:
        """How it was trained, in a sentence."""
        times = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        folds = (
            f"for each of {self.of_folds} folds"
            if self.num_folds == self.of_folds
            else f"for {self.num_folds} of {self.of_folds} folds, so that each had more time"
        )
        at = ""
        if self.side is not None:
            at = f" (of pictures of {self.side} px, so that more of them fit)"
        return (
            f"The same network was trained from random weights for {self.seconds:,.0f} s of the "
            f"{self.limit_seconds:,.0f} s allowed: {times}{at} {folds}; it was asked about "
            f"{len(self.indices):,} examples left out."
        )


def run_scratch_baseline(
    comparison: Comparison,
    *,
    limit_seconds: float = LIMIT_SECONDS,
) -> ScratchBaseline:
    """Train it, or take what an earlier run with the same limit has kept.

    Raises:
        SettingError: the network is a module of the user's own, and cannot be built anew.
        TrainingError: the limit does not hold two passes over the examples.
        BackboneError: the network cannot be trained.
    """
    key = f"{_key(comparison)}-{limit_seconds:g}"
    found = _read(key, comparison)
    if found is not None:
        return found
    started = time.monotonic()
    head_run, examples = comparison.head_run, comparison.examples
    own = head_run.recipe
    recipe = Recipe(train="scratch", seed=own.seed, class_weight=own.class_weight)

    def make(backbone: Backbone) -> tuple[TrainingJob, float]:
        maker = JobMaker(
            recipe=recipe, backbone=backbone, options=head_run.options, examples=examples
        )
        job = maker.make(Strategy(kind="scratch"))
        return job, _epoch_seconds(job)

    job, epoch_seconds, side = _affordable(head_run.backbone, make, SPARE * limit_seconds)
    indices = job.saved.indices
    all_folds = [np.flatnonzero(np.isin(indices, fold)) for fold in comparison.drawn[0]]
    usual = job.settings.epochs or 1
    num_folds, epochs = _plan(job, epoch_seconds, limit_seconds, len(all_folds))
    job = replace(job, settings=job.settings.changed(epochs=epochs))
    on_epoch = EpochProgress("train scratch", epochs=epochs, num_trainings=num_folds)
    done = []
    stop_at = started + OVERTIME * limit_seconds
    for fold in cross_validate(job, all_folds[:num_folds], on_epoch=on_epoch, stop_at=stop_at):
        done.append(fold)
        on_epoch.begin(len(done))
        if time.monotonic() > stop_at:
            break
    cv_result = CVResult.of(job, done)
    control = ScratchBaseline(
        indices=indices[cv_result.indices],
        probabilities=cv_result.probabilities,
        num_folds=len(done),
        of_folds=len(all_folds),
        epochs=job.settings.epochs or 1,
        usual_epochs=usual,
        side=side,
        limit_seconds=limit_seconds,
        seconds=time.monotonic() - started,
    )
    _write(key, control)
    return control


def find_scratch_baseline(
    comparison: Comparison, *, limit_seconds: float | None = None
) -> ScratchBaseline | None:
    """Return what an earlier run has kept, of the longest limit where none is given."""
    key = _key(comparison)
    if limit_seconds is not None:
        return _read(f"{key}-{limit_seconds:g}", comparison)
    keys = (path.stem for path in memo_folder().glob(f"{key}-*{ARRAYS}"))
    found = [one for one in (_read(one, comparison) for one in keys) if one is not None]
    return max(found, key=lambda one: one.limit_seconds, default=None)


def _affordable(
    backbone: Backbone, make: Callable[[Backbone], tuple[TrainingJob, float]], seconds: float
) -> tuple[TrainingJob, float, int | None]:
    """Return the job, how long its epoch takes, and the side of its pictures where they shrink.

    The largest of which enough epochs fit, by the time of the smallest.
    """
    preprocessing = backbone.input
    sides = [
        side
        for side in SIDES
        if isinstance(preprocessing, ImageInput) and side < preprocessing.size
    ]
    if not isinstance(preprocessing, ImageInput) or not sides:
        return *make(backbone), None
    with suppress(BackboneError):  # a network may be of one size alone
        least = sides[-1]
        job, taken = make(_sized(backbone, preprocessing, least))
        for side in (preprocessing.size, *sides):
            if GOOD_EPOCHS * taken * (side / least) ** 2 <= seconds:
                if side == preprocessing.size:
                    return *make(backbone), None
                return *make(_sized(backbone, preprocessing, side)), side
        return job, taken, least
    return *make(backbone), None


def _sized(backbone: Backbone, preprocessing: ImageInput, side: int) -> Backbone:
    return replace(
        backbone,
        input=replace(preprocessing, size=side),
        digest=digest_settings([backbone.digest, "size", side]),
    )


def _plan(
    job: TrainingJob, epoch_seconds: float, limit_seconds: float, most: int
) -> tuple[int, int]:
    """Return for how many folds, and how many epochs each, the network is trained.

    As many folds as the limit holds the usual number of epochs for, at least one.
    """
    count, usual = len(job.labels.classes), job.settings.epochs or 1
    if MIN_EPOCHS * epoch_seconds > limit_seconds:
        raise TrainingError(
            f"One pass of the network over the {count:,} examples takes {epoch_seconds:,.0f} s in "
            f"training, and {limit_seconds:,.0f} s were allowed: too few to learn anything from "
            f"scratch. Allow {MIN_EPOCHS * epoch_seconds / 60 + 1:.0f} minutes or more."
        )
    in_all = SPARE * limit_seconds / epoch_seconds
    num_folds = int(np.clip(in_all // usual, 1, most))
    return num_folds, int(np.clip(in_all / num_folds, 1, usual))


def _epoch_seconds(job: TrainingJob) -> float:
    """Return how long a pass takes; it is kept, so that a run that goes on has the same epochs."""
    indices = np.arange(len(job.labels.classes))
    return memo(
        key_of("seconds of an epoch", job.identity, job.settings.to_dict(), job.labels.seed),
        lambda: seconds_of_epoch(job, indices),
        read=lambda data: max(float(data), 1e-3),
        write=float,
    )


def _key(comparison: Comparison) -> str:
    return measurement_key(
        comparison.head_run, comparison.indices, comparison.labels, comparison.drawn[:1], "scratch"
    )


def _write(key: str, baseline: ScratchBaseline) -> None:
    facts = {name: getattr(baseline, name) for name in FACTS}
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    arrays: dict[str, npt.NDArray[Any]] = {
        "rows": baseline.indices,
        "probabilities": baseline.probabilities,
        "facts": text,
    }
    keep_arrays(key, arrays)


def _read(key: str, comparison: Comparison) -> ScratchBaseline | None:
    kept = kept_arrays(key)
    if kept is None:
        return None
    with suppress(ValueError, KeyError, TypeError):  # of no use: it is trained anew
        indices, probabilities = kept["rows"].astype(np.intp), kept["probabilities"]
        good = probabilities.shape == (len(indices), comparison.labels.num_classes) and len(indices)
        if good and indices.min() >= 0 and indices.max() < len(comparison.indices):
            facts = json.loads(kept["facts"].tobytes())
            return ScratchBaseline(
                indices=indices, probabilities=probabilities.astype(np.float64), **facts
            )
    return None
