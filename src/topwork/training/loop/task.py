"""What the trainer takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from topwork.core.digests import digest_bytes, digest_settings
from topwork.errors import SettingError
from topwork.training.settings import Training

if TYPE_CHECKING:
    import torch


class Source(Protocol):
    """What to learn from. Any example at any time, from several threads at once."""

    @property
    def num_examples(self) -> int:
        """How many there are."""

    def shape(self, example: int) -> tuple[int, ...]:
        """Return its shape: examples of one shape run together, and nothing is padded."""

    def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
        """Return examples of one shape, [n, *shape], on the CPU; the epoch may choose a view."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is learned.

    Attributes:
        module: takes a batch [n, *shape], gives logits [n, num_classes], or vectors [n, width] for
            a contrast. It is trained in place.
        targets: int64 [N], from 0.
        num_classes: 2 or more.
        weights: of the examples, float32 [N], above 0; a step's loss is their weighted mean.
        label_smoothing: from 0 to below 1 (Szegedy et al. 2016).
        blocks: names of the module's submodules in the order they run, for `layer_decay`.
        head_prefix: where the names of the head's parameters begin.
        contrast: whether the loss is that of pairs (contrast.py), not of classes.
        rows: whether an example is a row of places of any length, [L, ...], for padding.py.
        identity: of all that the other fields do not show (the initial weights, the examples'
            content): a checkpoint goes with one identity.
    """

    module: torch.nn.Module
    source: Source
    targets: npt.NDArray[np.int64]
    num_classes: int
    weights: npt.NDArray[np.float32] | None = None
    label_smoothing: float = 0.0
    blocks: Sequence[str] = ()
    head_prefix: str = "head"
    contrast: bool = False
    rows: bool = False
    identity: str = ""

    def __post_init__(self) -> None:
        count = self.source.num_examples
        if count < 1 or len(self.targets) != count:
            raise SettingError(
                f"There are {len(self.targets):,} targets for {count:,} examples; accepted: one "
                "for each of at least one example."
            )
        if self.targets.min() < 0 or self.targets.max() >= self.num_classes:
            raise SettingError(
                f"The targets go from {self.targets.min()} to {self.targets.max()}; accepted with "
                f"{self.num_classes} classes: 0 to {self.num_classes - 1}."
            )
        weights = self.weights
        if weights is not None and not (
            len(weights) == count and np.isfinite(weights).all() and (weights > 0).all()
        ):
            raise SettingError(
                f"There are {len(weights):,} weights, the least {np.min(weights, initial=np.inf)}; "
                f"accepted: one above 0 for each of the {count:,} examples."
            )
        if not 0 <= self.label_smoothing < 1:
            raise SettingError(
                f"label_smoothing is {self.label_smoothing}; accepted: from 0 to below 1."
            )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How it is learned.

    Attributes:
        settings: with `epochs`, `batch_size` and `lr` filled in.
        device: `cpu`, `cuda`, `cuda:1` or `mps`.
        seed: of the order of the examples, of dropout, and of the like.
        micro_batch: examples that run at a time, at most; None: the batch. It is halved where
            memory is short. It moves the result by rounding alone, but where BatchNorm learns.
    """

    settings: Training
    device: str = "cpu"
    seed: int = 0
    micro_batch: int | None = None

    def __post_init__(self) -> None:
        missing = [n for n in ("epochs", "batch_size", "lr") if getattr(self.settings, n) is None]
        if missing:
            raise SettingError(
                f"The plan says nothing of {', '.join(missing)}; accepted: settings with numbers "
                "for epochs, batch_size and lr. Fill them in."
            )
        if self.micro_batch is not None and self.micro_batch < 1:
            raise SettingError(f"micro_batch is {self.micro_batch}; accepted: 1 or more, or None.")

    @property
    def epochs(self) -> int:
        """Times that every example is seen."""
        return self.settings.epochs or 1

    @property
    def batch_size(self) -> int:
        """Examples of a step, at most."""
        return self.settings.batch_size or 1

    @property
    def lr(self) -> float:
        """The learning rate at the head's side."""
        return self.settings.lr or 0.0


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the examples gave.

    Attributes:
        number: from 1.
        loss: mean over its steps, each at the weights of that moment, as trained on.
        accuracy: the same way: of the training examples, augmented and with dropout.
        lr: the highest group's rate at the last step.
        seconds: of the pass, without the checkpoint.
        examples: that were seen; fewer than there are where the time ran out.
    """

    number: int
    loss: float
    accuracy: float
    lr: float
    seconds: float
    examples: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """What training gave.

    Attributes:
        module: the task's own, on the CPU, in eval mode.
        history: of all epochs, those before a resume included.
        stopped: why it ended before its time, in a sentence; None where it did not.
        micro_batch: examples that ran at a time, at most.
    """

    module: torch.nn.Module
    history: tuple[Epoch, ...]
    stopped: str | None
    micro_batch: int


def digest_run(task: Task, plan: Plan) -> str:
    """Return the digest of all that decides the result, but for the device and rounding."""
    weights = task.weights
    return digest_settings(
        {
            "settings": plan.settings.to_dict(),
            "seed": plan.seed,
            "identity": task.identity,
            "targets": digest_bytes(np.ascontiguousarray(task.targets, "<i8").tobytes()),
            "weights": weights is not None
            and digest_bytes(np.ascontiguousarray(weights, "<f4").tobytes()),
            "num_classes": task.num_classes,
            "label_smoothing": task.label_smoothing,
            "blocks": list(task.blocks),
            "tensors": {
                name: [str(tensor.dtype), list(tensor.shape)]
                for name, tensor in task.module.state_dict().items()
            },
        }
    )
