"""PyTorch executor.

On a CPU it is the slow reference; OpenVINO is several times as fast. Importing this file loads no
torch; making an executor does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core.extras import need
from topwork.core.shapes import Float32, Shaped
from topwork.errors import BackboneError, SettingError
from topwork.executors.base import Executor, Segment
from topwork.executors.batches import Window, run_batches
from topwork.executors.pooled import pooled_network

if TYPE_CHECKING:
    import torch

BATCH = {"cuda": 128, "mps": 32, "cpu": 8}
IN_FLIGHT = 2
"""Batches given to a GPU before the first is read back: it computes one while the next is sent."""


@final
class TorchExecutor(Executor):
    """A network in PyTorch on one device.

    Windows of one shape go together. Where there is only one shape, the batch is fixed and the last
    one is filled up with zeros, so that the same kernels run on every input: a vector's place in
    the batch moves it by rounding alone.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        pools: Sequence[str],
        device: str = "cpu",
        batch_size: int | None = None,
    ) -> None:
        """Build the network and put it on `device`: `cpu`, `cuda`, `cuda:1`, `mps`.

        Raises:
            SettingError: there is no such device here.
            BackboneError: the network cannot be built.
        """
        self._device = check_device(device)
        import torch

        kind = self._device.type
        module, segments, form = pooled_network(backbone, pools)
        self.segments: Sequence[Segment] = segments
        self.precision = "bf16" if kind == "cuda" else "f32"
        name = torch.cuda.get_device_name(self._device) if kind == "cuda" else kind.upper()
        self.device = f"{name} (PyTorch, {self.precision})"
        self._module = module.to(self._device)
        if kind == "cuda":
            self._module = self._module.to(memory_format=torch.channels_last)
        self._form = replace(form, max_batch=batch_size or BATCH[kind])
        self._fixed = None not in form.shape
        self._process = os.getpid()

    def run(
        self, windows: Iterable[Shaped[np.ndarray, "..."]]
    ) -> Iterator[Float32[np.ndarray, " width"]]:
        """Yield a vector for every window, in their order.

        Raises BackboneError where this process was forked off from the one that opened a GPU.
        """
        if self._process != os.getpid():
            self._own_after_fork()
        return run_batches(
            windows,
            self._form,
            self.width,
            start=self._start,
            finish=lambda started: list(started[0].float().cpu().numpy()[: started[1]]),
            num_waiting=IN_FLIGHT + 1 if self._device.type == "cuda" else 1,
        )

    def _own_after_fork(self) -> None:
        """Do without the parent's threads, which a child process does not have.

        OpenMP waits for them for ever, even where all that is asked for is one more of them.
        """
        import torch

        if self._device.type != "cpu":
            raise BackboneError(
                f"The network was opened on {self.device} before this process was forked, and a "
                "GPU cannot be used across a fork. Load the model in the child process, and start "
                "that with multiprocessing.get_context('spawn')."
            )
        torch.set_num_threads(1)
        self._process = os.getpid()

    def _start(self, batch: Sequence[Window]) -> tuple[torch.Tensor, int]:
        """Send a batch to the device; on a GPU this returns before it is computed."""
        import torch

        on_gpu = self._device.type == "cuda"
        for window in batch:
            self._form.check(window)
        size = self._form.max_batch if self._fixed else len(batch)
        kind = getattr(torch, self._form.dtype)
        sent = torch.zeros((size, *batch[0].shape), dtype=kind, pin_memory=on_gpu)
        np.stack(batch, out=sent.numpy()[: len(batch)])
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=on_gpu),
        ):
            # the caching allocator keeps pinned memory until the copy from it is done
            output: torch.Tensor = self._module(sent.to(self._device, non_blocking=on_gpu))
        return output, len(batch)


def check_device(name: str) -> torch.device:
    """Return the device of this name. Raises SettingError where there is none here."""
    need("torch", f"The device {name!r}")
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _no_device(name) from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise _no_device(name)
    return device


def _no_device(name: str) -> SettingError:
    return SettingError(
        f"PyTorch has no device {name!r} here; accepted: cpu, or where there is one cuda (an "
        "NVIDIA GPU, with a PyTorch built for it) or mps (Apple). Use --device cpu, or install the "
        "driver and a PyTorch for it: https://pytorch.org/get-started/locally"
    )
