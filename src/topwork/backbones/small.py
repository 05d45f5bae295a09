"""Small networks for arrays and small pictures.

Each is a row of modules, each taking what the one before gives, so that it can be cut anywhere.
They have no published weights: they are named to be trained from nothing.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from topwork.backbones.base import Layout, Network
from topwork.core.extras import need
from topwork.errors import SettingError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput

if TYPE_CHECKING:
    import torch

PREFIX = "topwork/"

MODELS: Mapping[str, tuple[int, ...]] = {
    "mlp": (256, 128),
    "conv1d": (64, 128, 128),  # the widths of Wang, Yan and Oates 2017, section II.C
    "conv2d": (32, 64, 128),
}
"""Their names, and the units of each block where none are said."""

DIMENSIONS = {"mlp": range(1, 9), "conv1d": range(1, 3), "conv2d": range(2, 4)}
"""How many dimensions an array may have, without the batch; of the last two, the channels come
first, and may be left out."""

KERNELS = {"conv1d": (7, 5, 3), "conv2d": (3, 3)}
"""Of a block. conv1d's are those of Wang, Yan and Oates 2017, 'Time series classification from
scratch with deep neural networks', but 7 for their 8, so that a row keeps its length; conv2d's
those of He et al. 2016, 'Deep residual learning for image recognition', section 4.2."""

MAX_UNITS, MAX_BLOCKS, MAX_WEIGHTS = 8192, 128, 2**28
"""Far above what a small network is for: a slip of the finger shall not take all the memory."""


def check_architecture(architecture: Mapping[str, Any], input: ArrayInput | ImageInput) -> None:
    """Raise SettingError where no such network can be built for this input."""
    model, units = str(architecture["model"]), architecture.get("units")
    whole = isinstance(units, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= MAX_UNITS for n in units
    )
    if not whole or not units or len(units) > MAX_BLOCKS:
        raise SettingError(
            f"The architecture {PREFIX}{model} has the units {units!r}; accepted: 1 to "
            f"{MAX_BLOCKS} whole numbers from 1 to {MAX_UNITS}, one for each block."
        )
    if isinstance(input, ImageInput):
        if model != "conv2d":
            raise SettingError(
                f"The architecture {PREFIX}{model} takes arrays, not images; for small images: "
                f"{PREFIX}conv2d. For larger ones, take a network of timm."
            )
        return
    if len(input.shape) not in DIMENSIONS[model]:
        accepted = DIMENSIONS[model]
        fits = [PREFIX + one for one, known in DIMENSIONS.items() if len(input.shape) in known]
        raise SettingError(
            f"The architecture {PREFIX}{model} takes arrays of {accepted[0]} to {accepted[-1]} "
            f"dimensions, and the shape is {input.shape}; for these: {', '.join(fits) or 'none'}. "
            "Bring the arrays to another shape, or take another architecture."
        )
    if model == "mlp" and math.prod(input.shape) * units[0] > MAX_WEIGHTS:
        raise SettingError(
            f"The architecture {PREFIX}{model} would have {math.prod(input.shape) * units[0]:,} "
            f"weights in its first layer for arrays of {input.shape}; accepted: up to "
            f"{MAX_WEIGHTS:,}. Take fewer units, or shorten the arrays."
        )


def build_small(
    architecture: Mapping[str, Any], input: ArrayInput | ImageInput, *, seed: int = 0
) -> Network:
    """Build one of the networks with random weights that depend on `seed` alone.

    Raises:
        SettingError: its units are not accepted, or it does not take such an input.
    """
    need("torch", "The architecture of Topwork's own")
    import torch

    check_architecture(architecture, input)
    model, units = str(architecture["model"]), list(architecture["units"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model == "mlp":
            parts = _mlp(math.prod(input.shape) if isinstance(input, ArrayInput) else 0, units)
        else:
            parts = _convolutions(model, units, input)
        module = torch.nn.Sequential(OrderedDict(parts))
        for part in module.modules():  # He et al. 2015, as timm's ResNets begin
            if isinstance(part, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    layout: Layout = "NCHW" if model == "conv2d" else "NCL"
    blocks = tuple(name for name in parts if name == "stem" or name.startswith("block"))
    return Network(module=module.eval(), blocks=blocks, layout=layout)


def _mlp(num_inputs: int, units: Sequence[int]) -> dict[str, torch.nn.Module]:
    """Layers of a linear map, a BatchNorm and a ReLU, over the numbers, each standardised."""
    from torch import nn

    parts: dict[str, nn.Module] = {
        "flat": nn.Flatten(),
        # arrays come in any unit: what each number's mean and spread is, is learned
        "standard": nn.BatchNorm1d(num_inputs, affine=False),
    }
    last = num_inputs
    for number, width in enumerate(units):
        linear = nn.Linear(last, width, bias=False)  # the norm has one
        parts[f"block{number}"] = nn.Sequential(linear, nn.BatchNorm1d(width), nn.ReLU())
        last = width
    return parts


def _convolutions(
    model: str, units: Sequence[int], input: ArrayInput | ImageInput
) -> dict[str, torch.nn.Module]:
    """A stem as wide as the first block, then the blocks; where the width changes, a stride of 2.

    `conv2d:16,16,16,32,32,32,64,64,64` is the ResNet-20 of He et al. 2016, section 4.2.
    """
    from torch import nn

    flat = model == "conv1d"
    convolution: Any = nn.Conv1d if flat else nn.Conv2d
    norm: Any = nn.BatchNorm1d if flat else nn.BatchNorm2d
    kernels = KERNELS[model]

    def row(sizes: Sequence[int], before: int, width: int, stride: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for place, size in enumerate(sizes):
            step = stride if place == 0 else 1
            layers += [
                convolution(before, width, size, stride=step, padding=size // 2, bias=False),
                norm(width),
                nn.ReLU(),
            ]
            before = width
        return layers

    class Residual(nn.Module):
        """What its convolutions give, and what it was given, added."""

        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.branch = nn.Sequential(*row(kernels, before, width, stride)[:-1])
            self.short: nn.Module = nn.Identity()
            if stride != 1 or before != width:
                self.short = nn.Sequential(*row((1,), before, width, stride)[:-1])
            self.act = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.act(self.branch(x) + self.short(x))
            return out

    parts: dict[str, nn.Module] = {}
    channels = 3  # of an image, whose pixels its input has brought to one scale
    if isinstance(input, ArrayInput):
        no_channels = len(input.shape) == DIMENSIONS[model][0]
        channels = 1 if no_channels else input.shape[0]
        if no_channels:
            parts["channel"] = nn.Unflatten(1, (1, input.shape[0]))
        parts["standard"] = norm(channels, affine=False)
    parts["stem"] = nn.Sequential(*row(kernels[:1], channels, units[0], 1))
    last = units[0]
    for number, width in enumerate(units):
        parts[f"block{number}"] = Residual(last, width, 1 if width == last else 2)
        last = width
    return parts
