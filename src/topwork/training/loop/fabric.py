"""Device and precision, by Lightning Fabric."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from topwork.executors.torch import check_device
from topwork.training.loop.task import Plan

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric


def make_fabric(plan: Plan) -> Fabric:
    """Return a Fabric for the plan's device and precision.

    Raises SettingError where there is no such device here.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # no line for each precision
    device = check_device(plan.device)
    numbered = device.index is not None and device.type == "cuda"
    return Fabric(
        accelerator=device.type,
        devices=[device.index] if numbered else 1,
        precision=fabric_precision(plan.settings.precision, device.type),
    )


FEW_CHANNELS = 16
"""With PyTorch 2.15, two threads and a network whose first convolution has 8 channels, the backward
pass ends in a segmentation fault within seconds; without oneDNN, with one thread, or with 32
channels it does not."""


def fabric_precision(wanted: str, kind: str) -> Literal["bf16-mixed", "32-true"]:
    """Return Fabric's word: bfloat16 on an NVIDIA GPU, and elsewhere only where it is asked for."""
    auto = "bf16" if kind == "cuda" else "f32"
    return "bf16-mixed" if (auto if wanted == "auto" else wanted) == "bf16" else "32-true"


@contextmanager
def repeatable(fabric: Fabric, num_threads: int | None = None) -> Iterator[None]:
    """Make the same seed give the same weights, where PyTorch can; put all back after.

    On a CPU to the last bit, with as many threads: sums in another order round otherwise.
    """
    import torch

    threads = torch.get_num_threads()
    algorithms = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    own = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=own), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a deterministic impl")
        warnings.filterwarnings("ignore", message=".*[Dd]eterministic behavior was enabled")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(algorithms, warn_only=lenient)
            torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


@contextmanager
def sound_convolutions(module: torch.nn.Module) -> Iterator[None]:
    """Keep oneDNN from training convolutions of fewer than `FEW_CHANNELS` channels."""
    import torch

    kinds = torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d
    convolutions = [part for part in module.modules() if isinstance(part, kinds)]
    few = any(one.out_channels < FEW_CHANNELS for one in convolutions)
    onednn: Any = torch.backends.mkldnn
    before = onednn.enabled
    onednn.enabled = before and not few
    try:
        yield
    finally:
        onednn.enabled = before
