"""One optimiser step on a batch."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from topwork.core.shapes import Indices, Int
from topwork.errors import TrainingError
from topwork.training.loop.batches import BatchPart
from topwork.training.loop.contrast import contrast_loss, num_beside_own
from topwork.training.loop.padding import hiding, padded
from topwork.training.loop.parameter_groups import make_optimiser, parameter_groups, put_in_training
from topwork.training.loop.task import Plan, Task

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
"""What the allocators say: CUDA's and Apple's the first, PyTorch's on the CPU the others."""

TOLERANCE, ROUGH = 1e-4, 2e-2
"""Between rows that are padded and by themselves, as a share of the greatest number; in float32,
and where half as many bits are computed with."""

logger = logging.getLogger(__name__)


@final
class Learner:
    """A module on its device with its optimiser."""

    def __init__(self, fabric: Fabric, task: Task, plan: Plan) -> None:
        """Freeze what is frozen, and put the module on the device. Raises SettingError."""
        import torch

        self.micro_batch = plan.micro_batch or plan.batch_size
        self._fabric, self._task = fabric, task
        self._clip = plan.settings.clip or float("inf")
        groups = parameter_groups(
            task.module, task.blocks, plan.settings, lr=plan.lr, head_prefix=task.head_prefix
        )
        self._joins_rows, self._has_joined = task.rows, False
        # convolutions run faster with a pixel's channels side by side (EfficientNet-Lite0 on 2
        # cores: 33 images/s against 23; tensor cores want it too)
        self._channels_last = fabric.device.type != "mps" and any(
            isinstance(part, torch.nn.Conv2d) for part in task.module.modules()
        )
        if self._channels_last:
            task.module.to(memory_format=torch.channels_last)
        self._module = fabric.setup_module(task.module)
        self._plain = make_optimiser(groups, plan.settings)
        self._optimiser: Any = fabric.setup_optimizers(self._plain)
        self._base_rates = [group["lr"] for group in self._plain.param_groups]
        self._trained = [p for group in self._plain.param_groups for p in group["params"]]

    def train(self) -> None:
        """Put the module in training mode, but for what keeps its statistics."""
        put_in_training(self._task.module)
        self._module.training = True  # Fabric's wrapper's own flag; its children are set above

    def set_rates(self, factor: float) -> float:
        """Set every group's learning rate to its own times `factor`; return the highest."""
        for group, rate in zip(self._plain.param_groups, self._base_rates, strict=True):
            group["lr"] = rate * factor
        return float(max(self._base_rates) * factor)

    def step(self, parts: Sequence[BatchPart], batch: Int[np.ndarray, " n"]) -> torch.Tensor:
        """Take one step on `batch`, which `parts` make up by shape.

        The gradient is that of the whole batch's weighted mean loss, however it is cut up. Where
        memory runs out, half as many examples run at a time, now and from here on.

        Returns:
            float64 [3], on the device: the loss, how many were right, the gradient's norm.

        Raises:
            TrainingError: there is no memory for one example.
        """
        parts = self._together(parts)
        if self._task.contrast:
            return self._finish(self._contrast(parts, batch))
        weights = self._task.weights
        total = float(len(batch) if weights is None else weights[batch].sum(dtype=np.float64))
        largest = max((len(part.indices) for part in parts), default=1)
        self._optimiser.zero_grad()
        while (sums := self._accumulate(parts, total)) is None:
            self._halve(largest)
            self._optimiser.zero_grad()
        return self._finish(sums)

    def _finish(self, sums: torch.Tensor) -> torch.Tensor:
        """Clip the gradient, and step; return the sums with its norm."""
        import torch

        norm: Any = self._fabric.clip_gradients(
            self._module, self._optimiser, max_norm=self._clip, error_if_nonfinite=False
        )
        self._move()
        return torch.cat([sums, norm.to(sums.dtype).reshape(1)])

    def _move(self) -> None:
        """Let the optimiser take its step; at the first it makes numbers of its own."""
        try:
            self._optimiser.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            name = type(self._plain).__name__
            raise TrainingError(
                f"Memory runs out for what the optimiser keeps of each weight ({name}). Use "
                "optimiser = 'sgd', which keeps half as much as Adam, freeze more of the network, "
                "or use a machine with more memory."
            ) from error

    def _accumulate(self, parts: Sequence[BatchPart], total: float) -> torch.Tensor | None:
        """Add up the gradient in micro-batches; None where memory ran out."""
        import torch

        device = self._fabric.device
        sums = torch.zeros(2, dtype=torch.float64 if device.type != "mps" else torch.float32)
        sums = sums.to(device)
        try:
            for part in parts:
                for start in range(0, len(part.indices), self.micro_batch):
                    cut = slice(start, start + self.micro_batch)
                    lengths = None if part.lengths is None else part.lengths[cut]
                    own = BatchPart(
                        indices=part.indices[cut], inputs=part.inputs[cut], lengths=lengths
                    )
                    sums += self._run(own, total)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        return sums

    def _contrast(self, parts: Sequence[BatchPart], batch: Indices) -> torch.Tensor:
        """Add up the gradient of the batch's pairs: all of its vectors are there at once."""
        import torch

        task, device = self._task, self._fabric.device
        self._optimiser.zero_grad()
        indices = np.concatenate([part.indices for part in parts])
        targets = torch.from_numpy(task.targets[indices]).to(device)
        weights = None
        if task.weights is not None:
            weights = torch.from_numpy(task.weights[indices]).to(device)
        try:
            vectors = torch.cat([self._forward(part) for part in parts])
            loss = contrast_loss(vectors.float(), targets, weights)
            self._fabric.backward(loss)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                f"Memory runs out with {len(batch)} examples at a time ({device}), whose pairs are "
                "compared. Use a smaller batch_size, smaller inputs, or fewer of the last blocks."
            ) from error
        loss = loss.detach().double() if device.type != "mps" else loss.detach()
        return torch.stack([loss, num_beside_own(vectors.detach(), targets).to(loss.dtype)])

    def _on_device(self, inputs: torch.Tensor) -> torch.Tensor:
        import torch

        inputs = inputs.to(self._fabric.device, non_blocking=True)
        # (pictures, as bytes, have them so already: they lie [N, H, W, C])
        if self._channels_last and inputs.ndim == 4 and inputs.is_floating_point():
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def _forward(self, part: BatchPart) -> torch.Tensor:
        lengths = part.lengths
        with hiding(None if lengths is None else lengths.to(self._fabric.device)):
            found: torch.Tensor = self._module(self._on_device(part.inputs))
        return found

    def _together(self, parts: Sequence[BatchPart]) -> Sequence[BatchPart]:
        """Return rows of like length as one batch, where that was seen to change nothing."""
        if not self._joins_rows or len(parts) == 1:
            return parts
        joined = padded(parts)
        if not self._has_joined:
            self._has_joined = True
            self._joins_rows = self._agree(parts, joined)
        return joined if self._joins_rows else parts

    def _agree(self, parts: Sequence[BatchPart], joined: Sequence[BatchPart]) -> bool:
        """Whether rows give the same padded as by themselves, but for rounding."""
        import torch

        self._task.module.eval()
        try:
            with torch.no_grad():
                alone, together = (
                    torch.cat([self._forward(part).float() for part in own])[
                        np.argsort(np.concatenate([part.indices for part in own]))
                    ]
                    for own in (parts, joined)
                )
        except (RuntimeError, ValueError, TypeError):
            return False
        finally:
            self.train()
        share = TOLERANCE if self._fabric.strategy.precision.precision == "32-true" else ROUGH
        return bool((alone - together).abs().max() <= share * alone.abs().max())

    def _run(self, part: BatchPart, total: float) -> torch.Tensor:
        import torch

        task, device, indices = self._task, self._fabric.device, part.indices
        targets = torch.from_numpy(task.targets[indices]).to(device, non_blocking=True)
        logits = self._forward(part)
        if logits.shape != (len(indices), task.num_classes):
            raise TrainingError(
                f"The network gives {tuple(logits.shape)} for {len(indices)} examples; accepted: "
                f"{(len(indices), task.num_classes)}, a number for each class. Correct its head."
            )
        losses = torch.nn.functional.cross_entropy(
            logits.float(), targets, reduction="none", label_smoothing=task.label_smoothing
        )
        if task.weights is not None:
            losses = losses * torch.from_numpy(task.weights[indices]).to(device)
        loss = losses.sum() / total
        self._fabric.backward(loss)
        return torch.stack([loss.detach(), (logits.detach().argmax(1) == targets).sum()])

    def _halve(self, largest: int) -> None:
        """Halve the micro-batch. BatchNorms that learn have seen the failed ones too: no harm."""
        import torch

        tried = min(self.micro_batch, largest)
        if tried == 1:
            raise TrainingError(
                f"Memory runs out with one example at a time ({self._fabric.device}). Use smaller "
                "inputs (size= in the backbone's name), a smaller backbone, freeze more of it, or "
                "a machine with more memory."
            )
        self.micro_batch = tried // 2
        gc.collect()
        if self._fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        logger.warning(
            "Memory ran out with %d examples at a time; going on with %d. The optimiser's batch "
            "stays the same.",
            tried,
            self.micro_batch,
        )

    def tensors(self, *, optimiser: bool) -> dict[str, torch.Tensor]:
        """Return copies on the CPU: trained weights, buffers and, if asked for, the optimiser's."""
        import torch

        found = {f"module/{name}": tensor for name, tensor in self._own_tensors()}
        if optimiser:
            for index, state in self._plain.state_dict()["state"].items():
                for key, value in state.items():
                    if value is not None:
                        found[f"optimiser/{index}/{key}"] = value
        plain = torch.contiguous_format
        return {
            name: tensor.detach().to("cpu", copy=True).contiguous(memory_format=plain)
            for name, tensor in found.items()
        }

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Undo `tensors`. The optimiser is left as it is where they say nothing of it."""
        import torch

        with torch.no_grad():
            for name, tensor in self._own_tensors():
                tensor.copy_(tensors[f"module/{name}"])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, saved in tensors.items():
            if name.startswith("optimiser/"):
                _, index, key = name.split("/")
                parameter = self._trained[int(index)]
                if saved.shape == parameter.shape:  # laid out in memory as before, to the last bit
                    saved = torch.empty_like(parameter, dtype=saved.dtype).copy_(saved)
                state.setdefault(int(index), {})[key] = saved
        if state:
            groups = self._plain.state_dict()["param_groups"]
            self._plain.load_state_dict({"state": state, "param_groups": groups})

    def is_finite(self) -> bool:
        """Whether all trained weights are numbers."""
        import torch

        return all(bool(torch.isfinite(parameter).all()) for parameter in self._trained)

    def release(self) -> None:
        """Bring the module back to the CPU, in eval mode, laid out in memory as usual."""
        import torch

        module = self._task.module.to("cpu")
        if self._channels_last:
            module.to(memory_format=torch.contiguous_format)
        module.eval()

    def _own_tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield what training changes: weights that are trained, and buffers that are saved."""
        module = self._task.module
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield name, parameter
        kept = module.state_dict()
        for name, buffer in module.named_buffers():
            if name in kept:
                yield name, buffer


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocator refused, on a GPU or on the CPU."""
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    return any(phrase in str(error) for phrase in OUT_OF_MEMORY)
