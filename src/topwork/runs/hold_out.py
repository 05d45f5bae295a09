"""The job of `scratch` with a hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Indices
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.held_out import hold_out
from topwork.examples.split import check_readable, divide
from topwork.recipe import Recipe
from topwork.runs.job import JobMaker
from topwork.training.settings import Training
from topwork.training.strategy import Strategy
from topwork.training.training_job import TrainingJob


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HoldOut:
    """The job of `scratch` with a part held out in place of folds.

    Attributes:
        train, held: rows of the job's examples to learn from, and to score on (may be none).
        method: of the score, in words.
    """

    job: TrainingJob
    train: Indices
    held: Indices
    method: str
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @staticmethod
    def of(
        found: ExampleSet, backbone: Backbone, given: Training, seed: int, options: RunOptions
    ) -> HoldOut:
        """Decode all examples; hold out the data's own test part, or else a tenth.

        Raises:
            DataError: fewer than two classes, or a class that cannot be learned and is tested.
            BackboneError: the network cannot be built.
            StoreError: the decoded inputs cannot be written.
        """
        wanted, strategy = divide(found), Strategy(kind="scratch")
        maker = JobMaker(
            # Dropout below the output layer costs: on 1,000 hand signs and 3,000 photos, two draws
            # each, the log loss was 0.01 to 0.05 higher with 0.2.
            recipe=Recipe(train="scratch", seed=seed, dropout=0.0, training=given),
            backbone=backbone,
            options=options,
            examples=(*wanted.train, *wanted.test),
        )
        job = maker.prepare(strategy)
        examples = job.saved.examples
        in_test = job.saved.indices >= len(wanted.train)
        train, held = np.flatnonzero(~in_test), np.flatnonzero(in_test)
        learned = [examples[i] for i in train]
        check_readable(wanted.train, learned, job.saved.skipped, modality=found.modality)
        method = f"the data's own {wanted.test[0].split} part" if wanted.test else ""
        if not len(held):
            kept, left = hold_out(
                [e.label or "" for e in learned], [e.group for e in learned], seed=seed
            )
            train, held = train[kept], train[left]
            method = "a tenth of the examples, held out"
        return HoldOut(
            job=maker.settle(job, strategy, train),
            train=train,
            held=held,
            method=f"{method}: {len(held):,} examples",
            classes=maker.classes,
            skipped=(*found.skipped, *job.saved.skipped),
            notes=_notes(examples, train, held),
        )


def _notes(examples: Sequence[Example], train: Indices, held: Indices) -> tuple[str, ...]:
    if not len(held):
        return ("There is no score: there were too few examples to hold any out.",)
    shared = {examples[i].group for i in train} & {examples[i].group for i in held} - {None}
    if not shared:
        return ()
    return (
        f"{len(shared)} groups stand in the training part and in the part that was held out: the "
        "score may flatter.",
    )
