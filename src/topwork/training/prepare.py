"""Brings examples and a network of random weights together, as the job of training from nothing.

What it does not know: where the examples come from, and how long they are trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.held_out import hold_out
from topwork.examples.split import check_readable, divide
from topwork.executors.choose import resolve_device
from topwork.features.activations import save_activations
from topwork.features.progress import Progress
from topwork.heads.search import Labels
from topwork.training.cut import Cut
from topwork.training.finetune import Job, with_found_lr
from topwork.training.from_scratch import LABEL_SMOOTHING, scratch_settings
from topwork.training.settings import Training

Rows = npt.NDArray[np.intp]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What is to be learned.

    Attributes:
        job: with random weights and all settings.
        train, held: rows of the job's examples to learn from, and to score on (may be none).
        method: of the score, in words.
        classes: in the order of the labels' numbers.
        skipped: inputs that could not be used, with the reasons.
        notes: what a person should know, in sentences.
    """

    job: Job
    train: Rows
    held: Rows
    method: str
    classes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]

    @staticmethod
    def of(
        found: ExampleSet,
        backbone: Backbone,
        given: Training,
        seed: int,
        device: str,
        on_progress: Progress | None = None,
    ) -> Prepared:
        """Hold examples out and decode all: the data's own test part, or else a tenth.

        Raises:
            DataError: fewer than two classes, or a class that cannot be learned and is tested.
            BackboneError: the network cannot be built.
            StoreError: the decoded inputs cannot be written.
        """
        parts = divide(found)
        saved = save_activations(
            (*parts.train, *parts.test),
            backbone,
            None,
            on_progress=on_progress,
        )
        examples = saved.examples
        own_test = {id(example) for example in parts.test}
        tested = np.array([id(example) in own_test for example in examples], bool)
        train, held = np.flatnonzero(~tested), np.flatnonzero(tested)
        learned = [examples[i] for i in train]
        check_readable(parts.train, learned, saved.skipped, modality=found.modality)
        method = f"the data's own {parts.test[0].split} part" if parts.test else ""
        if not len(held):
            kept, left = hold_out(
                [e.label or "" for e in learned], [e.group for e in learned], seed=seed
            )
            train, held = train[kept], train[left]
            method = "a tenth of the examples, held out"
        classes = sort_labels({examples[i].label or "" for i in train})
        position = {name: k for k, name in enumerate(classes)}
        codes = np.array([position[e.label or ""] for e in examples], np.intp)
        cut = Cut.of(backbone, None)
        kind = _training_device(device)
        settings = scratch_settings(
            len(train), backbone.modality, given, network=cut.network, device=kind
        )
        job = Job(
            cut=cut,
            saved=saved,
            labels=Labels(classes=codes, num_classes=len(classes), seed=seed),
            settings=settings,
            label_smoothing=LABEL_SMOOTHING,
            head_first=False,
            device=kind,
        )
        if settings.find_lr:
            job = with_found_lr(job, train)
        return Prepared(
            job=job,
            train=train,
            held=held,
            method=f"{method}: {len(held):,} examples",
            classes=classes,
            skipped=(*found.skipped, *saved.skipped),
            notes=_notes(examples, train, held),
        )


def _training_device(device: str) -> str:
    """Return where to train: OpenVINO only runs networks."""
    kind = resolve_device(device)
    return "cpu" if kind in ("openvino", "torch") else kind


def _notes(examples: Sequence[Example], train: Rows, held: Rows) -> tuple[str, ...]:
    if not len(held):
        return ("There is no score: there were too few examples to hold any out.",)
    shared = {examples[i].group for i in train} & {examples[i].group for i in held} - {None}
    if not shared:
        return ()
    return (
        f"{len(shared)} groups stand in the training part and in the part that was held out: the "
        "score may flatter.",
    )
