"""Training jobs of a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.random import with_random_weights
from topwork.core.options import RunOptions
from topwork.core.shapes import Int
from topwork.examples.example import Example, sort_labels
from topwork.executors.choose import training_device
from topwork.features.activations import save_activations
from topwork.heads.labels import Labels
from topwork.recipe import Recipe
from topwork.training.cross_validate import MIN_CHOOSING
from topwork.training.cut import Cut
from topwork.training.finetune import with_found_lr
from topwork.training.hyperparameters import hyperparameters
from topwork.training.settings import Training
from topwork.training.strategy import Strategy, block_before
from topwork.training.training_job import TrainingJob


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class JobMaker:
    """Makes the jobs of one run: one backbone, one set of examples."""

    recipe: Recipe
    backbone: Backbone
    options: RunOptions
    examples: Sequence[Example]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the examples, in the order of the labels' numbers."""
        return sort_labels({example.label or "" for example in self.examples})

    def make(self, strategy: Strategy) -> TrainingJob:
        """Return the job of all examples. Raises as `prepare` does."""
        job = self.prepare(strategy)
        return self.settle(job, strategy, np.arange(len(job.saved.examples)))

    def settle(
        self, job: TrainingJob, strategy: Strategy, indices: Int[np.ndarray, " n"]
    ) -> TrainingJob:
        """Return the job with the hyperparameters for so many of its examples."""
        settings = hyperparameters(
            self._given, strategy, len(indices), job.cut.backbone.modality, job.cut.network,
            device=job.device,
        )  # fmt: skip
        job = replace(job, settings=settings)
        return with_found_lr(job, indices) if settings.find_lr else job

    @property
    def _given(self) -> Training:
        """What the user said; weights that are random have no statistics to keep."""
        given = self.recipe.training
        if self.recipe.fresh and given.batch_norm == "auto":
            given = given.changed(batch_norm="train")
        return given

    def prepare(self, strategy: Strategy) -> TrainingJob:
        """Return the job; what comes out at its cut is computed, if it is not on the disk.

        Raises:
            SettingError: the network has too few blocks, or cannot be had with random weights.
            BackboneError: it cannot be cut there.
            ExampleError: the recipe is strict, and an example cannot be read.
        """
        recipe, backbone = self.recipe, self.backbone
        from_random = strategy.kind == "scratch"
        if from_random:
            backbone = with_random_weights(backbone, recipe.seed)
        network = backbone.build()
        block = block_before(tuple(network.blocks), strategy, name=backbone.name)
        fresh = with_random_weights(backbone, recipe.seed) if recipe.fresh else None
        device = training_device(self.options.device)
        settings = hyperparameters(
            self._given, strategy, len(self.examples), backbone.modality, network, device=device
        )
        cut = Cut.of(backbone, block, fresh=fresh, network=network)  # before work: it may refuse
        saved = save_activations(
            self.examples,
            backbone,
            block,
            device=self.options.device,
            augment=() if block is None else settings.augment or (),
            num_views=1 if block is None else settings.num_views or 1,
            strict=self.options.strict,
        )
        head = recipe.head_settings()
        return TrainingJob(
            cut=cut,
            saved=saved,
            labels=Labels.of(
                saved.examples,
                self.classes,
                class_weight=recipe.class_weight,
                seed=recipe.seed,
            ),
            settings=settings,
            units=head.units,
            dropout=head.dropout,
            label_smoothing=head.label_smoothing,
            contrast=strategy.kind == "contrast",
            head_first=not from_random and fresh is None,
            device=device,
        )


def describe(job: TrainingJob, strategy: Strategy, alpha: float, *, is_chosen: bool) -> str:
    """Say which blocks and which head were trained, and how, in a sentence."""
    settings, trained = job.settings, len(job.cut.after.blocks)
    num_blocks = len(job.cut.network.blocks)
    blocks = f"All {num_blocks} blocks"
    if strategy.last_blocks:
        blocks = f"The last {trained} of {num_blocks} blocks" if trained > 1 else "The last block"
    head = " and a linear head were trained"
    if job.units:
        units = ", ".join(map(str, job.units))
        head = f" and a head with hidden layers of {units} units were trained"
    if job.contrast:
        was = "was" if trained == 1 else "were"
        head = (
            f" {was} trained by pairs of examples, alike or not, and a linear head fitted on them,"
        )
    start = "the backbone's own" if job.head_first else "random"
    message = [
        f"{blocks}{head} from {start} weights: "
        f"{count_epochs(settings.epochs or 1)} of {settings.optimiser}, learning rate "
        f"{settings.lr:g}, batches of {settings.batch_size}"
    ]
    if settings.lora is not None:
        message.append(f"by low-rank updates of rank {settings.lora}")
    if settings.augment:
        message.append(f"views altered by {', '.join(settings.augment)}")
    if alpha == 0:
        message.append("none of these weights was taken, only the head that training began with")
    elif alpha < 1:
        message.append(f"{alpha:.0%} of the weights as trained, the rest as before it (WiSE-FT)")
    elif job.head_first and settings.average in (None, "auto") and not is_chosen:
        message.append(
            f"all weights as trained, since fewer than {MIN_CHOOSING} examples left out cannot "
            "tell whether a mean with those before (WiSE-FT) is better"
        )
    return "; ".join(message) + "."


def count_epochs(count: int) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{count} epoch" if count == 1 else f"{count} epochs"
