"""Choice of the executor and device.

It does not load torch merely to ask for a GPU: where no NVIDIA driver and no Apple GPU is in sight,
the answer is the CPU.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from topwork.backbones.base import Backbone
from topwork.core.extras import is_installed, need
from topwork.core.telling import tell
from topwork.errors import SettingError
from topwork.executors.base import Executor

DEVICES = ("auto", "cpu", "openvino", "torch", "cuda", "mps")
DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
"""Any of these is there where an NVIDIA driver is loaded on Linux (`/dev/dxg` under WSL)."""

log = logging.getLogger(__name__)


def open_executor(backbone: Backbone, *, pools: Sequence[str], device: str = "auto") -> Executor:
    """Return an executor for the backbone.

    Args:
        device: `auto`: CUDA where it works, else `cpu`. `cpu`: OpenVINO, or PyTorch where OpenVINO
            is not installed or cannot convert the network (the log says why). `openvino`, `torch`
            (on the CPU), `cuda`, `cuda:1`, `mps`: this and nothing else.

    Raises:
        SettingError: the device is not known, or not here.
        BackboneError: the network cannot be built, or not run there.
    """
    device = resolve_device(device)
    if device == "cpu":
        return _on_cpu(backbone, pools)
    if device == "openvino":
        from topwork.executors.openvino import open_compiled

        return open_compiled(backbone, pools)
    from topwork.executors.torch import TorchExecutor

    return TorchExecutor(backbone, pools=pools, device="cpu" if device == "torch" else device)


def open_executors(
    backbone: Backbone, *, pools: Sequence[str], device: str = "auto"
) -> tuple[Executor, ...]:
    """Return an executor for each of the backbone's networks. Raises as `open_executor` does."""
    return tuple(open_executor(one, pools=pools, device=device) for one in backbone.networks)


def resolve_device(device: str) -> str:
    """Return the device with `auto` decided: `cuda` or `cpu`. Raises SettingError on another."""
    if device.split(":")[0] not in DEVICES:
        raise SettingError(f"The device is {device!r}; accepted: {', '.join(DEVICES)}, cuda:<n>.")
    if device.split(":")[0] in ("torch", "cuda", "mps"):
        need("torch", f"The device {device!r}")
    if device == "auto":
        return "cuda" if _cuda_works() else "cpu"
    return device


def on_cpu(device: str) -> bool:
    """Whether OpenVINO is what runs on this device; False where PyTorch was asked for."""
    return resolve_device(device) in ("cpu", "openvino")


def training_device(device: str) -> str:
    """Return where to train: OpenVINO only runs networks."""
    kind = resolve_device(device)
    return "cpu" if kind in ("openvino", "torch") else kind


def precision_of(device: str, backbone: Backbone) -> str:
    """Return the precision in which a backbone runs on a resolved device, without opening it."""
    if device.startswith("cuda"):
        return "bf16"
    if device not in ("cpu", "openvino") or not is_installed("openvino"):
        return "f32"
    from topwork.executors.openvino import cpu_precision

    return cpu_precision(backbone.precision)


def _on_cpu(backbone: Backbone, pools: Sequence[str]) -> Executor:
    from topwork.executors.openvino import ConversionError, open_compiled

    if is_installed("openvino"):
        try:
            return open_compiled(backbone, pools)
        except ConversionError as error:
            log.warning("%s PyTorch runs it, several times slower.", error)
    else:
        log.warning("OpenVINO is not installed; PyTorch runs the backbone, several times slower.")
    from topwork.executors.torch import TorchExecutor

    return TorchExecutor(backbone, pools=pools)


def _cuda_works() -> bool:
    """Whether torch can use an NVIDIA GPU; torch is loaded only where a driver is in sight."""
    if platform.system() == "Windows":
        driver = Path(r"C:\Windows\System32\nvcuda.dll").exists()
    else:
        driver = any(Path(path).exists() for path in DRIVERS)
    if not driver:
        return False
    if not is_installed("torch"):
        _tell_of_gpu()
        return False
    import torch

    return torch.cuda.is_available()


@cache
def _tell_of_gpu() -> None:
    """Say once what is not used."""
    tell(['There is an NVIDIA GPU; it would be used with: pip install "topwork[torch]"'])
