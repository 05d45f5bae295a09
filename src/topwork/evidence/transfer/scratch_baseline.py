"""Trains the same network from random weights, within a time limit, to say what transfer is worth.

    the examples and folds of the head -> as many folds as can be trained with care -> answers

Where the limit does not hold the usual number of epochs for every fold, fewer folds are trained,
down to one: more time for each network is kinder to the control, and it is compared with transfer
on the examples that it was asked about. For the same reason its pictures are smaller where few
epochs fit at the network's own size. What it gave is kept on disk.
What it does not know: what transfer gave (transfer.py), and how a network is trained (training/).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.digests import digest_settings
from topwork.errors import BackboneError, StoreError, TrainingError
from topwork.evaluation.fold_cache import folds_folder
from topwork.evidence.kept import code_digest, identity_of
from topwork.evidence.transfer.comparison import Answered, Compared
from topwork.examples.images.preprocessing import ImageInput
from topwork.model.model import Progress
from topwork.recipe import Recipe
from topwork.runs.job import JobMaker
from topwork.training.budget import SPARE, seconds_of_epoch
from topwork.training.cross_validate import Judged, judge
from topwork.training.finetune import Job
from topwork.training.loop.task import Epoch
from topwork.training.strategy import Way

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

LIMIT_SECONDS = 180.0
"""Where the user gives none."""

MIN_EPOCHS = 2
"""Through the examples that a limit must hold; below it nothing would be learned from them."""

SIDES = (160, 128, 96, 64)
"""Pixels that pictures are brought down to where the network's own size takes too long: an epoch
takes a time that grows with the square."""

GOOD_EPOCHS = 50
"""That should fit, or the pictures are made smaller."""

OVERTIME = 1.25
"""Of the limit, after which training stops wherever it is: the plan is by measured speed, which
another process may have taken since."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """What the network that was trained from random weights said of examples left out.

    Attributes:
        rows: these examples, positions in `Compared.labels`, sorted.
        probabilities: [len(rows), K].
        num_folds: how many folds were trained, of `of_folds`.
        epochs: of each training; `usual_epochs` are those that it would have without a limit.
        side: pixels of its pictures, where they were made smaller.
        limit_seconds: that it was given.
        seconds: that it took.
    """

    rows: Rows
    probabilities: Doubles
    num_folds: int
    of_folds: int
    epochs: int
    usual_epochs: int
    side: int | None
    limit_seconds: float
    seconds: float

    def answered(self, compared: Compared) -> Answered:
        """Return which examples it answered rightly."""
        right = self.probabilities.argmax(1) == compared.labels.classes[self.rows]
        return Answered(
            name="training from scratch",
            rows=self.rows,
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
            f"{len(self.rows):,} examples left out."
        )


def run_control(
    compared: Compared,
    *,
    limit_seconds: float = LIMIT_SECONDS,
    on_progress: Progress | None = None,
) -> Control:
    """Train it, or take what an earlier run with the same limit has kept.

    Raises:
        SettingError: the network is a module of the user's own, and cannot be built anew.
        TrainingError: the limit does not hold two passes over the examples.
        BackboneError: the network cannot be trained.
    """
    kept = _path(compared, limit_seconds)
    found = _read(kept, compared)
    if found is not None:
        return found
    started = time.monotonic()
    frozen, examples = compared.frozen, compared.examples
    own = frozen.recipe
    recipe = Recipe(train="scratch", seed=own.seed, class_weight=own.class_weight)

    def make(backbone: Backbone) -> tuple[Job, float]:
        maker = JobMaker(
            recipe=recipe,
            backbone=backbone,
            device=frozen.device,
            examples=examples,
            on_progress=on_progress,
        )
        job = maker.make(Way(kind="scratch"))
        side = getattr(backbone.input, "size", 0)
        return job, _epoch_seconds(job, kept.with_name(f"{kept.stem}-{side}.json"))

    job, epoch_seconds, side = _affordable(frozen.backbone, make, SPARE * limit_seconds)
    place = {id(example): k for k, example in enumerate(examples)}
    places = np.array([place[id(example)] for example in job.saved.examples], np.intp)
    all_folds = [np.flatnonzero(np.isin(places, fold)) for fold in compared.drawn[0]]
    usual = job.settings.epochs or 1
    num_folds, epochs = _plan(job, epoch_seconds, limit_seconds, len(all_folds))
    job = replace(job, settings=job.settings.changed(epochs=epochs))
    told = _Told(on_progress, num_folds, job.settings.epochs or 1)
    done = []
    stop_at = started + OVERTIME * limit_seconds
    for fold in judge(job, all_folds[:num_folds], on_epoch=told, stop_at=stop_at):
        done.append(fold)
        told.done = len(done)
        if time.monotonic() > stop_at:
            break
    judged = Judged.of(job, done)
    control = Control(
        rows=places[judged.rows],
        probabilities=judged.probabilities,
        num_folds=len(done),
        of_folds=len(all_folds),
        epochs=job.settings.epochs or 1,
        usual_epochs=usual,
        side=side,
        limit_seconds=limit_seconds,
        seconds=time.monotonic() - started,
    )
    _write(kept, control)
    return control


def find_control(compared: Compared, *, limit_seconds: float | None = None) -> Control | None:
    """Return what an earlier run has kept, of the longest limit where none is given."""
    if limit_seconds is not None:
        return _read(_path(compared, limit_seconds), compared)
    kept = folds_folder().glob(f"{_key(compared)}-*.npz")
    found = [one for one in (_read(path, compared) for path in kept) if one is not None]
    return max(found, key=lambda one: one.limit_seconds, default=None)


def _affordable(
    backbone: Backbone, make: Callable[[Backbone], tuple[Job, float]], seconds: float
) -> tuple[Job, float, int | None]:
    """Return the job, how long its epoch takes, and the side of its pictures where they shrink.

    The largest of which enough epochs fit, by the time of the smallest.
    """
    spec = backbone.input
    sides = [side for side in SIDES if isinstance(spec, ImageInput) and side < spec.size]
    if not isinstance(spec, ImageInput) or not sides:
        return *make(backbone), None
    with suppress(BackboneError):  # a network may be of one size alone
        least = sides[-1]
        job, taken = make(_sized(backbone, spec, least))
        for side in (spec.size, *sides):
            if GOOD_EPOCHS * taken * (side / least) ** 2 <= seconds:
                if side == spec.size:
                    return *make(backbone), None
                return *make(_sized(backbone, spec, side)), side
        return job, taken, least
    return *make(backbone), None


def _sized(backbone: Backbone, spec: ImageInput, side: int) -> Backbone:
    return replace(
        backbone,
        input=replace(spec, size=side),
        digest=digest_settings([backbone.digest, "size", side]),
    )


def _plan(job: Job, epoch_seconds: float, limit_seconds: float, most: int) -> tuple[int, int]:
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


def _epoch_seconds(job: Job, kept: Path) -> float:
    """Return how long a pass takes; it is kept, so that a run that goes on has the same epochs."""
    try:
        return max(float(json.loads(kept.read_text(encoding="utf-8"))), 1e-3)
    except (OSError, ValueError, TypeError):  # none yet, or of no use
        pass
    measured = seconds_of_epoch(job, np.arange(len(job.labels.classes)))
    with suppress(StoreError), files.disk_errors("Keeping a time"):
        files.write_bytes(kept, json.dumps(measured).encode())
    return measured


class _Told:
    """Turns epochs into progress."""

    def __init__(self, on_progress: Progress | None, num_folds: int, epochs: int) -> None:
        self.done = 0
        self._call, self._epochs, self._total = on_progress, epochs, num_folds * epochs

    def __call__(self, epoch: Epoch) -> None:
        if self._call is not None:
            self._call("train scratch", self.done * self._epochs + epoch.number, self._total)


def _key(compared: Compared) -> str:
    folds = compared.drawn[:1]
    parts = identity_of(compared.frozen, compared.places, compared.labels, folds)
    return digest_settings([code_digest(), *parts])


def _path(compared: Compared, limit_seconds: float) -> Path:
    return folds_folder() / f"{_key(compared)}-{limit_seconds:g}.npz"


def _write(path: Path, control: Control) -> None:
    """Keep it. A disk that refuses costs time later, and stops nothing now."""
    told = {
        name: getattr(control, name)
        for name in (
            "num_folds",
            "of_folds",
            "epochs",
            "usual_epochs",
            "side",
            "limit_seconds",
            "seconds",
        )
    }
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with (
        suppress(StoreError),
        files.disk_errors("Keeping a control"),
        files.replacing(path) as temporary,
        temporary.open("wb") as out,
    ):
        np.savez(out, rows=control.rows, probabilities=control.probabilities, told=text)


def _read(path: Path, compared: Compared) -> Control | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            told: Mapping[str, Any] = json.loads(kept["told"].tobytes())
            rows, chances = kept["rows"].astype(np.intp), kept["probabilities"]
        good = chances.shape == (len(rows), compared.labels.num_classes) and len(rows)
        if not good or rows.min() < 0 or rows.max() >= len(compared.places):
            return None
        return Control(rows=rows, probabilities=chances.astype(np.float64), **told)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):  # none of any use
        return None
