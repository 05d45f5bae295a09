"""Makes the job of a way of training: what is saved at its cut, and how it is trained.

What it does not know: how a job is done (training/), and which way is best (tuned.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.digests import digest_settings
from topwork.examples.example import Example, sort_labels
from topwork.executors.choose import resolve_device
from topwork.features.activations import save_activations
from topwork.model.model import Progress, staged
from topwork.recipe import Recipe
from topwork.runs.head import labels_of
from topwork.training.budget import AGREED, agree_epochs
from topwork.training.cut import Cut
from topwork.training.finetune import Job, with_found_lr
from topwork.training.finetuned_backbone import random_backbone
from topwork.training.from_scratch import scratch_settings
from topwork.training.policy import tuning_settings
from topwork.training.strategy import Way, block_before


@final
class JobMaker:
    """Makes the jobs of one run: one backbone, one set of examples."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        backbone: Backbone,
        device: str,
        examples: Sequence[Example],
        on_progress: Progress | None,
    ) -> None:
        self._recipe, self._backbone, self._device = recipe, backbone, device
        self._examples, self._on_progress = examples, on_progress
        self.classes = sort_labels({example.label or "" for example in examples})

    def make(self, way: Way) -> Job:
        """Return the job; what comes out at its cut is computed, if it is not on the disk.

        Raises:
            SettingError: the network has too few blocks, or cannot be had with random weights.
            BackboneError: it cannot be cut there.
            ExampleError: the recipe is strict, and an example cannot be read.
        """
        recipe, backbone = self._recipe, self._backbone
        network = backbone.build()
        block = block_before(tuple(network.blocks), way, name=backbone.name)
        count, given = len(self._examples), recipe.training
        device = training_device(self._device)
        fresh = random_backbone(backbone, recipe.seed) if recipe.fresh else None
        if fresh is not None and given.batch_norm == "auto":
            given = given.changed(batch_norm="train")  # random weights have no statistics to keep
        if way.kind == "scratch":
            backbone = random_backbone(backbone, recipe.seed)
            settings = scratch_settings(
                count, backbone.modality, given, network=network, device=device
            )
        else:
            settings = tuning_settings(
                count, backbone.modality, network, given, whole=way.kind == "all"
            )
        cut = Cut.of(backbone, block, fresh=fresh)  # before the work, for it may refuse
        saved = save_activations(
            self._examples,
            backbone,
            block,
            device=self._device,
            augment=() if block is None else settings.augment or (),
            num_views=1 if block is None else settings.num_views or 1,
            strict=recipe.strict,
            on_progress=staged(self._on_progress, "views"),
        )
        head = recipe.head_settings()
        job = Job(
            cut=cut,
            saved=saved,
            labels=labels_of(saved.examples, self.classes, recipe),
            settings=settings,
            units=head.units,
            dropout=head.dropout,
            label_smoothing=head.label_smoothing,
            head_first=way.kind != "scratch" and fresh is None,
            device=device,
        )
        return with_found_lr(job, np.arange(len(saved.examples))) if settings.find_lr else job


def training_device(device: str) -> str:
    """Return where to train: OpenVINO only runs networks."""
    kind = resolve_device(device)
    return "cpu" if kind in ("openvino", "torch") else kind


def within(job: Job, limit_seconds: float, num_trainings: int, *, resume: bool = True) -> Job:
    """Return the job with no more epochs than go into the time, in each of its trainings.

    The number is kept, so that the same run with the same limit has the same epochs, and goes on
    where it was stopped; without `resume` it is measured anew.
    """
    rows = np.arange(len(job.labels.classes))
    asked = [job.identity, job.settings.to_dict(), job.labels.seed, limit_seconds, num_trainings]
    folder = files.cache_folder() / "training" / f"limit-{digest_settings(asked)}"
    if not resume:
        (folder / AGREED).unlink(missing_ok=True)
    stop_at = time.monotonic() + limit_seconds / num_trainings
    agreed = agree_epochs(job, rows, stop_at=stop_at, folder=folder).settings.epochs or 1
    epochs = min(agreed, job.settings.epochs or agreed)
    return replace(job, settings=job.settings.changed(epochs=epochs))


def describe(job: Job, way: Way, share: float) -> str:
    """Say which blocks and which head were trained, and how, in a sentence."""
    settings, trained = job.settings, len(job.cut.after.blocks)
    num_blocks = len(job.cut.network.blocks)
    blocks = f"All {num_blocks} blocks"
    if way.kind == "last":
        blocks = f"The last {trained} of {num_blocks} blocks" if trained > 1 else "The last block"
    head = "a linear head"
    if job.units:
        head = f"a head with hidden layers of {', '.join(map(str, job.units))} units"
    start = "the backbone's own" if job.head_first else "random"
    epochs = count_epochs(settings.epochs or 1)
    said = [
        f"{blocks} and {head} were trained from {start} weights: {epochs} of "
        f"{settings.optimiser}, learning rate {settings.lr:g}, batches of {settings.batch_size}"
    ]
    if settings.lora is not None:
        said.append(f"by low-rank updates of rank {settings.lora}")
    if settings.augment:
        said.append(f"views altered by {', '.join(settings.augment)}")
    if share < 1:
        said.append(f"{share:.0%} of the weights as trained, the rest as before it (WiSE-FT)")
    return "; ".join(said) + "."


def count_epochs(count: int) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{count} epoch" if count == 1 else f"{count} epochs"
