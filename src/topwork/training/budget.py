"""Epochs that go into a time limit.

So the learning rate comes down to 0 within the limit. The number is kept beside the checkpoints: a
run that goes on after a kill keeps the number that it began with.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from topwork.core.digests import digest_settings
from topwork.core.files import cache_folder, disk_errors
from topwork.core.sealed import read_sealed, write_sealed
from topwork.core.shapes import Int
from topwork.training.finetune import finetune
from topwork.training.training_job import TrainingJob

AGREED = "epochs.json"

TRIAL_STEPS = 4
"""Of the second of two short epochs, which is timed: the first also warms up."""

SPARE = 0.9
"""Share of the time left that is planned for; the rest is for epochs that take longer."""

MAX_EPOCHS = 300
"""However much time there is: the most that pictures are trained for (Touvron et al. 2021)."""


def agree_epochs(
    job: TrainingJob, indices: Int[np.ndarray, " n"], *, stop_at: float, folder: Path
) -> TrainingJob:
    """Return the job with as many epochs as go into the time until `stop_at`, at least one.

    Args:
        stop_at: of `time.monotonic`.
        folder: of the run's checkpoints.

    Raises:
        StoreError: the number cannot be written down.
    """
    path = folder / AGREED
    request = digest_settings(
        [job.identity, indices.tolist(), job.settings.to_dict(), job.labels.seed]
    )
    epochs = _read(path, request)
    if epochs is None:
        needed = seconds_of_epoch(job, indices)
        left = SPARE * (stop_at - time.monotonic())
        epochs = int(np.clip(left / needed, 1, MAX_EPOCHS))
        with disk_errors(f"Writing {str(path)!r}"):
            text = json.dumps({"request": request, "epochs": epochs})
            write_sealed(path, text.encode())
    return replace(job, settings=job.settings.changed(epochs=epochs))


def within(
    job: TrainingJob, limit_seconds: float, num_trainings: int, *, resume: bool = True
) -> TrainingJob:
    """Return the job with no more epochs than go into the time, in each of its trainings.

    The number is kept, so that the same run with the same limit has the same epochs, and goes on
    where it was stopped; without `resume` it is measured anew.
    """
    indices = np.arange(len(job.labels.classes))
    asked = [job.identity, job.settings.to_dict(), job.labels.seed, limit_seconds, num_trainings]
    folder = cache_folder() / "training" / f"limit-{digest_settings(asked)}"
    if not resume:
        (folder / AGREED).unlink(missing_ok=True)
    stop_at = time.monotonic() + limit_seconds / num_trainings
    agreed = agree_epochs(job, indices, stop_at=stop_at, folder=folder).settings.epochs or 1
    epochs = min(agreed, job.settings.epochs or agreed)
    return replace(job, settings=job.settings.changed(epochs=epochs))


def seconds_of_epoch(job: TrainingJob, indices: Int[np.ndarray, " n"]) -> float:
    """Return how long a pass over these examples takes, measured on a few batches of them."""
    count = TRIAL_STEPS * (job.settings.batch_size or 1)
    if count >= len(indices):
        some = indices
    else:
        some = np.random.default_rng(0).choice(indices, count, replace=False)
    short = replace(job, settings=job.settings.changed(epochs=2))
    timed = finetune(short, some).history[-1]
    return max(timed.seconds, 1e-3) * len(indices) / len(some)


def _read(path: Path, request: str) -> int | None:
    kept = read_sealed(path)
    saved = None if kept is None else json.loads(kept)
    return int(saved["epochs"]) if saved and saved["request"] == request else None
