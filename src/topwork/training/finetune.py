"""Fine-tuning of what comes after the cut.

The head is fitted first, on the features that the network gives as it comes, and then trained
together with the blocks (LP-FT: Kumar et al. 2022).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.digests import digest_settings
from topwork.core.shapes import Float32, Float64, Indices, Int
from topwork.errors import TrainingError
from topwork.executors.join import join
from topwork.features.table import ArrayTable
from topwork.heads.dense import DenseHead, fresh_head
from topwork.heads.kernel import Transform
from topwork.heads.labels import Labels
from topwork.training.blend import NormOutputs, blend, fit_norms, has_norms, measure_norms
from topwork.training.cut import Cut, first_transform, head_of, with_head
from topwork.training.first_head import logistic_layer
from topwork.training.loop.lr_finder import find_lr
from topwork.training.loop.parameter_groups import (
    check_fits,
    fits,
    freeze_batch_norm,
    names_of,
)
from topwork.training.loop.task import Epoch, Plan, Task
from topwork.training.loop.trainer import fit
from topwork.training.lora import add_lora, merge_lora
from topwork.training.settings import Training
from topwork.training.source import Windows
from topwork.training.training_job import TrainingJob

if TYPE_CHECKING:
    import torch


PASS_BATCH = 64
"""Windows that run at a time where nothing is trained."""

logger = logging.getLogger(__name__)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuned:
    """What training gave.

    Attributes:
        job: what was trained.
        indices: the examples of the job that it was trained on.
        before: all tensors as training began, the head fitted.
        after: all tensors as it ended.
        head: the head as training began; of a contrast, that of the network as it came.
        history: of the epochs.
        stopped: why it ended before its time; None where it did not.
    """

    job: TrainingJob
    indices: Indices
    before: dict[str, torch.Tensor]
    after: dict[str, torch.Tensor]
    head: DenseHead
    history: tuple[Epoch, ...]
    stopped: str | None

    def network(self, alpha: float = 1.0) -> tuple[torch.nn.Module, DenseHead]:
        """Return the module of the mean weights, `alpha` of them trained, and its head."""
        module = self._mean(alpha)
        if 0 < alpha < 1 and has_norms(module):
            fit_norms(module, *self._norms, alpha)
        if self.job.contrast:  # what the blocks give now, the head has not seen yet
            body = module.get_submodule("body")
            return module, _logistic_head(self.job, body, self.indices)
        return module, head_of(module, self.head)

    def _mean(self, alpha: float) -> torch.nn.Module:
        head = None if self.job.contrast else self.head
        module = with_head(self.job.cut.body(), head, dropout=0.0)
        module.load_state_dict(blend(self.before, self.after, alpha))
        return module.eval()

    @cached_property
    def _norms(self) -> tuple[torch.Tensor, NormOutputs, NormOutputs]:
        """Some windows, and what the BatchNorms give for them before and after the training."""
        some = Windows.of(self.job.saved, self.indices).load_alike(PASS_BATCH)
        return some, measure_norms(self._mean(0.0), some), measure_norms(self._mean(1.0), some)

    def scores(
        self, indices: Int[np.ndarray, " n"], alphas: Sequence[float]
    ) -> list[Float64[np.ndarray, "n k"]]:
        """Return the logits [N, K] of some examples, for each share of trained weights."""
        found = []
        for alpha in alphas:
            module, head = self.network(alpha)
            features = features_of(module.get_submodule("body"), self.job, indices)
            probabilities = head.predict(ArrayTable(features, head.segments))
            found.append(np.log(np.maximum(probabilities, 1e-30)))
        return found


def finetune(
    job: TrainingJob,
    indices: Int[np.ndarray, " n"],
    *,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    stop_at: float | None = None,
    log: Path | None = None,
) -> FineTuned:
    """Train on these examples of the job.

    Raises:
        SettingError: a name or number of the settings does not fit the network.
        TrainingError: not even the first epoch went well.
    """
    begun = _begin(job, indices)
    fitted = fit(
        begun.task, begun.plan, checkpoint=checkpoint, on_epoch=on_epoch, stop_at=stop_at, log=log
    )
    if job.settings.lora is not None:
        merge_lora(fitted.module)
    return FineTuned(
        job=job,
        indices=indices,
        before=begun.before,
        after=_copied(fitted.module.state_dict()),
        head=begun.head,
        history=fitted.history,
        stopped=fitted.stopped,
    )


def with_found_lr(job: TrainingJob, indices: Int[np.ndarray, " n"]) -> TrainingJob:
    """Return the job with the learning rate that a range test on these examples suggests.

    Where the loss falls at no rate (the first head may be as good as can be), the job's own stays.
    """
    begun = _begin(job, indices)
    try:
        rate = find_lr(begun.task, begun.plan).lr
    except TrainingError as error:
        logger.warning("%s The learning rate is left at %g.", error, job.settings.lr)
        return job
    return replace(job, settings=job.settings.changed(lr=rate))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Begun:
    """All that a training begins with; `before` are the task's tensors, without LoRA's."""

    task: Task
    plan: Plan
    head: DenseHead
    before: dict[str, torch.Tensor]


def _begin(job: TrainingJob, indices: Indices) -> _Begun:
    settings, labels = job.settings, job.labels.take(indices)
    body = job.cut.body()
    head = _first_head(job, body, indices, labels)
    module = with_head(body, None if job.contrast else head, dropout=job.dropout)
    if settings.batch_norm != "train" or settings.lora is not None:
        freeze_batch_norm(module)
    before = _copied(module.state_dict())
    if settings.lora is not None:
        add_lora(module, settings.lora, seed=labels.seed)
    source = Windows.of(
        job.saved,
        indices,
        preprocessing=job.cut.backbone.input if job.cut.block is None else None,
        augment=settings.augment or (),
    )
    order = {int(row): place for place, row in enumerate(indices)}
    places = np.array([order[int(row)] for row in source.indices], np.intp)
    weights = np.ones(len(indices)) if labels.weights is None else labels.weights
    alpha = weights[places] / np.bincount(places)[places]  # a long example counts like a short one
    task = Task(
        module=module,
        source=source,
        targets=labels.classes[places].astype(np.int64),
        num_classes=labels.num_classes,
        weights=(alpha / alpha.mean()).astype(np.float32),
        label_smoothing=job.label_smoothing,
        blocks=job.cut.blocks,
        contrast=job.contrast,
        rows=job.cut.after.layout == "NLC" and job.cut.after.any_length,
        identity=digest_settings([job.identity, indices.tolist()]),
    )
    own = _with_own_names(job.cut, module, settings)
    plan = Plan(settings=own, device=job.device, seed=labels.seed)
    return _Begun(task=task, plan=plan, head=head, before=before)


def _with_own_names(cut: Cut, module: torch.nn.Module, settings: Training) -> Training:
    """Return the settings with names as the trained module has them.

    What lies before the cut is frozen in any case: its names are left out.

    Raises:
        SettingError: a name fits nothing of the network.
    """
    own = names_of(module)
    known = [*names_of(cut.network.module), *(one for one in own if one.startswith("head"))]
    for setting in ("freeze", "learning_rates"):
        for name in getattr(settings, setting):
            check_fits(name, known, setting=setting)

    def there(name: str) -> bool:
        return any(fits(known, cut.own_name(name)) for known in own)

    return replace(
        settings,
        freeze=tuple(cut.own_name(name) for name in settings.freeze if there(name)),
        learning_rates={
            cut.own_name(name): rate
            for name, rate in settings.learning_rates.items()
            if there(name)
        },
    )


def features_of(
    body: torch.nn.Module, job: TrainingJob, indices: Int[np.ndarray, " n"]
) -> Float32[np.ndarray, "n width"]:
    """Return what the last block's pools give for the examples, unaltered."""
    source = Windows.of(job.saved, indices)
    vectors = _run(body, source, job.device)
    segments = job.cut.last
    out, start = [], 0
    for row in indices.tolist():
        count = job.saved.num_windows(row)
        weights = [job.saved.weight(row, window) for window in range(count)]
        out.append(join(vectors[start : start + count], weights, segments))
        start += count
    return np.stack(out)


def _run(body: torch.nn.Module, source: Windows, device: str) -> list[npt.NDArray[np.float32]]:
    """Return the vector of every window, those of one shape run together."""
    import torch

    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i in range(source.num_examples):
        by_shape.setdefault(source.shape(i), []).append(i)
    body = body.to(device).eval()
    found: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * source.num_examples
    with torch.inference_mode():
        for places in by_shape.values():
            for start in range(0, len(places), PASS_BATCH):
                part = places[start : start + PASS_BATCH]
                batch = source.load(part, 0).to(device)
                if batch.ndim == 4 and batch.is_floating_point():
                    batch = batch.contiguous(memory_format=torch.channels_last)
                for place, vector in zip(part, body(batch).float().cpu().numpy(), strict=True):
                    found[place] = vector
    body.to("cpu")
    return found


def _first_head(
    job: TrainingJob, body: torch.nn.Module, indices: Indices, labels: Labels
) -> DenseHead:
    """Return the head that training begins with, fitted where it has one layer."""
    segments = job.cut.last
    if job.head_first and not job.units:
        return _logistic_head(job, body, indices)
    features = features_of(body, job, indices) if job.head_first else None
    return fresh_head(
        segments,
        Transform.identity(segments) if features is None else first_transform(features, segments),
        units=job.units,
        num_classes=labels.num_classes,
        seed=labels.seed,
    )


def _logistic_head(job: TrainingJob, body: torch.nn.Module, indices: Indices) -> DenseHead:
    """Return a logistic regression on what the body gives for these examples."""
    segments, labels = job.cut.last, job.labels.take(indices)
    features = features_of(body, job, indices)
    transform = first_transform(features, segments)
    head = fresh_head(
        segments, transform, units=(), num_classes=labels.num_classes, seed=labels.seed
    )
    vectors = transform(ArrayTable(features, segments), np.arange(len(indices)))
    return replace(head, layers=(logistic_layer(vectors, labels),))


def _copied(state: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
