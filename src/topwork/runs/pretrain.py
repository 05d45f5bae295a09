"""Pre-training of a backbone.

examples -> decoded windows on disk -> epochs of training, a checkpoint after each -> backbone
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import numpy as np

from topwork.backbones.base import Backbone, Card
from topwork.backbones.named_architecture import architecture as architecture_of
from topwork.backbones.saved.folder import check_place, write_backbone
from topwork.backbones.small import PREFIX
from topwork.core import files
from topwork.core.extras import need
from topwork.core.options import RunOptions
from topwork.core.progress import Listener, listening
from topwork.core.units import parse_seconds
from topwork.errors import SettingError
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.arrays.array import array_shape
from topwork.examples.example import ExampleSet, Modality, Skipped
from topwork.examples.sources import labelled_examples
from topwork.examples.tables.columns import ColumnNames
from topwork.runs.hold_out import HoldOut
from topwork.runs.source import announce, examined
from topwork.training.budget import AGREED, agree_epochs
from topwork.training.epoch_progress import EpochProgress
from topwork.training.finetune import finetune
from topwork.training.loop.task import Epoch
from topwork.training.settings import Training

OnEpoch = Callable[[Epoch, int], None]
"""Called with an epoch, and how many there will be."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Pretrained:
    """What pre-training gave.

    Attributes:
        backbone: as it lies in its folder.
        evaluation: on the examples held out; None where there were too few to hold any out.
        history: of all epochs.
        settings: what it was trained with.
        classes: of task A.
        num_train: examples it was trained on.
        skipped: inputs that could not be used, with the reasons.
        notes: what a person should know of this run, in sentences.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> made = topwork.pretrain(
    ...     pictures, digits.target[:60].tolist(), architecture="topwork/conv2d:8", size=8,
    ...     epochs=1, out="backbone",
    ... )
    >>> made.evaluation.method
    'a tenth of the examples, held out: 6 examples'
    """

    backbone: Backbone
    evaluation: Evaluation | None
    history: tuple[Epoch, ...]
    settings: Training
    classes: tuple[str, ...]
    num_train: int
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Of all epochs together."""
        return sum(epoch.seconds for epoch in self.history)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the card and for `--json`."""
        score = self.evaluation
        held_out: dict[str, Any] = {}
        if score is not None:
            near = {name: getattr(score.accuracy, name) for name in ("value", "low", "high")}
            held_out = {
                "score": {"name": "accuracy", **near},
                "scored_on": score.method,
                "baseline": score.baseline.value,
            }
        return {
            "num_classes": len(self.classes),
            "num_trained_on": self.num_train,
            **held_out,
            "epochs": len(self.history),
            "seconds": round(self.seconds, 1),
            "final_loss": self.history[-1].loss,
            "settings": {
                name: value
                for name, value in self.settings.to_dict().items()
                if name == "augment" or value not in ([], {})
            },
            **({"notes": list(self.notes)} if self.notes else {}),
            "topwork": version("topwork"),
        }


def pretrain(
    data: str | Path | Sequence[object],
    labels: Sequence[object] | None = None,
    *,
    architecture: str,
    out: str | Path,
    groups: Sequence[object] | None = None,
    input_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    time_columns: str | None = None,
    size: int | None = None,
    overwrite: bool = False,
    settings: Training | None = None,
    time_limit: float | str | None = None,
    resume: bool = True,
    device: str = "auto",
    seed: int = 0,
    on_progress: Listener | None = None,
    on_epoch: OnEpoch | None = None,
    log: str | Path | None = None,
    **overrides: Any,
) -> Pretrained:
    """Train a network on labelled examples from random weights; write it as a backbone.

    The data's own test part (or validation part) is held out for the score; where it has none, a
    tenth of the examples. Killed, or stopped with Ctrl-C, it goes on from the last finished epoch
    when it is called again in the same way: `OUT.checkpoint` lies beside `out` until the end.

    Args:
        data, labels, groups: as `train` takes them.
        architecture: as `topwork.backbones.named_architecture.architecture` takes it.
        out: the folder to write the backbone into.
        input_column, label_column, group_column, time_columns: of a table, where they have
            unusual names.
        size: pixels on each side, of images.
        settings: None, or what is None in it: chosen by the data and the network.
        time_limit: seconds, or `10m`, `1h30m`, for each call; without `epochs`, as many epochs as
            go into it. Scoring and writing come after.
        resume: False: begin anew, whatever there is.
        seed: of the weights, of what is held out, and of the order of the examples.
        on_epoch: called after each epoch, when its checkpoint is on the disk.
        log: folder for TensorBoard.
        overrides: fields of `Training`: epochs, lr, batch_size, augment, ...

    Raises:
        DataError: the data cannot be used, or is too little to learn from.
        BackboneError: the folder is taken, or there is no such architecture.
        SettingError: a setting has a value that is not accepted.
        TrainingError: not even the first epoch went well.
        StoreError: the disk is full, or cannot be written to.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> made = topwork.pretrain(
    ...     pictures, labels, architecture="topwork/conv2d:8", size=8, epochs=1, out="backbone"
    ... )
    >>> made.num_train, len(made.history)
    (54, 1)
    """
    need("torch", "Pre-training")
    stop_at = None if time_limit is None else time.monotonic() + parse_seconds(time_limit)
    place = Path(out).absolute()
    check_place(place, overwrite=overwrite)
    given = _given(settings, overrides)
    options = RunOptions(device=device, resume=resume, log=None if log is None else Path(log))
    columns = ColumnNames(
        input_column=input_column,
        label_column=label_column,
        group_column=group_column,
        time_columns=time_columns,
    )
    with listening(on_progress), files.held(place):
        found, backbone = _prepare((data, labels, groups), columns, architecture, size, seed)
        plan = _plan(found, backbone, given, seed, options, place, stop_at)
        write = partial(write_backbone, place, backbone, overwrite=overwrite)
        card = partial(_card, data, architecture)
        return _train(plan, place, stop_at, options, on_epoch, write, card)


def _plan(
    found: ExampleSet,
    backbone: Backbone,
    given: Training,
    seed: int,
    options: RunOptions,
    place: Path,
    stop_at: float | None,
) -> HoldOut:
    """Return what is trained; with as many epochs as go into the time, where none were given."""
    plan, folder = HoldOut.of(found, backbone, given, seed, options), _checkpoints(place)
    if not options.resume:
        _clear(folder)
    if stop_at is None or given.epochs is not None:
        return plan
    job = agree_epochs(plan.job, plan.train, stop_at=stop_at, folder=folder)
    return replace(plan, job=job)


def _train(
    plan: HoldOut,
    place: Path,
    stop_at: float | None,
    options: RunOptions,
    on_epoch: OnEpoch | None,
    write: Callable[..., Backbone],
    card: Callable[[Pretrained], Card],
) -> Pretrained:
    """Train, and write what it gave."""
    job, planned = plan.job, plan.job.settings.epochs or 0
    progress = EpochProgress("train", epochs=planned, num_trainings=1)

    def told(epoch: Epoch) -> None:
        progress(epoch)
        if on_epoch is not None:
            on_epoch(epoch, planned)

    fine_tuned = finetune(
        job,
        plan.train,
        checkpoint=_checkpoints(place),
        on_epoch=told,
        stop_at=stop_at,
        log=options.log,
    )
    evaluation = None
    if len(plan.held):
        (scores,) = fine_tuned.scores(plan.held, [1.0])
        evaluation = evaluate(
            np.exp(scores),
            job.labels.classes[plan.held],
            plan.classes,
            method=plan.method,
            groups=[job.saved.examples[i].group for i in plan.held],
        )
    made = Pretrained(
        backbone=job.cut.backbone,
        evaluation=evaluation,
        history=fine_tuned.history,
        settings=job.settings,
        classes=plan.classes,
        num_train=len(plan.train),
        skipped=plan.skipped,
        notes=(*plan.notes, *([fine_tuned.stopped] if fine_tuned.stopped else [])),
    )
    state = job.cut.state(fine_tuned.network()[0])
    written = write(state, card=card(made), report=made.to_dict())
    _clear(_checkpoints(place))
    return replace(made, backbone=written)


def _given(settings: Training | None, overrides: Mapping[str, Any]) -> Training:
    """Return what the call says of the training. Raises SettingError where it makes no sense."""
    base = settings or Training()
    known = {field.name for field in fields(Training)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise SettingError(
            f"pretrain() got {', '.join(unknown)}; accepted beside its arguments: "
            f"{', '.join(sorted(known))}."
        )
    given = base.changed(**overrides)
    given.check_from_scratch()
    return given


def _prepare(
    source: tuple[object, Sequence[object] | None, Sequence[object] | None],
    columns: ColumnNames,
    architecture: str,
    size: int | None,
    seed: int,
) -> tuple[ExampleSet, Backbone]:
    """Return the examples, and a network of random weights that takes them."""
    call, has_shape = "pretrain(inputs, labels, ...)", size is not None or "size=" in architecture
    if not architecture.startswith(PREFIX) or has_shape or "shape=" in architecture:
        backbone = architecture_of(architecture, size=size, seed=seed)
        found = labelled_examples(*source, columns=columns, modality=backbone.modality, call=call)
    else:  # the network depends on the arrays' shape; one of conv2d takes images too
        modality: Modality | None = None if architecture.startswith(f"{PREFIX}conv2d") else "array"
        found = labelled_examples(*source, columns=columns, modality=modality, call=call)
        shape = array_shape(found.examples[0].read()) if found.modality == "array" else None
        backbone = architecture_of(architecture, input_shape=shape, seed=seed)
    found, backbone = examined(found, backbone)
    announce(found)
    return found, backbone


def _card(data: object, architecture: str, made: Pretrained) -> Card:
    named = Path(data).name if isinstance(data, str | Path) else ""
    kind = made.backbone.modality
    return Card(
        licence="unknown",
        pretrained_on=named or f"{kind}s of the user's own, {len(made.classes)} classes",
        num_pretraining_examples=made.num_train,
        source=f"pre-trained with Topwork from random weights: {architecture}",
    )


def _checkpoints(place: Path) -> Path:
    """Beside the result, on its disk: a machine that is lent may lose its cache with a kill."""
    return place.with_name(f"{place.name}.checkpoint")


def _clear(folder: Path) -> None:
    """Remove checkpoints, and the folder if nothing else lies in it."""
    for path in [*folder.glob("epoch-*"), *folder.glob(".epoch-*")]:
        shutil.rmtree(path, ignore_errors=True)
    (folder / AGREED).unlink(missing_ok=True)
    with suppress(OSError):  # there is none, or it holds something that is not ours
        folder.rmdir()
