"""Receptive fields of blocks, measured.

One output place is traced back to the pixels by its gradient: where that is not 0 lies the
receptive field, and where nearly all of it lies the effective one (Luo et al. 2016, "Understanding
the effective receptive field in deep convolutional neural networks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from topwork.backbones.base import Network
from topwork.core.shapes import Doubles
from topwork.examples.images.preprocessing import ImageInput
from topwork.executors.block_shapes import BlockShape, block_shapes, listening

if TYPE_CHECKING:
    import torch


EFFECTIVE = 0.9
"""Share of the squared gradient, summed over rows or over columns, in the effective field. Of the
gradient itself, the field of EfficientNet-Lite0's blocks.4.2 is 120 pixels of 224, not 56."""

NUM_NOISES = 4
"""Pictures of noise that the gradient is taken on: one alone leaves units of a ReLU silent."""


@final
@dataclass(frozen=True, kw_only=True)
class Field:
    """What one place of a block sees of a picture, in pixels of the network's input.

    Attributes:
        block: its name.
        side: places on each side of the block's output.
        size: the receptive field's longer side, as far as it lies within the picture.
        effective: the side of the square that holds most of its squared gradient, at most `size`.
        stride: how far apart two neighbouring places look.
        offset: the middle of what place 0 sees; place i sees `offset + i * stride`.
    """

    block: str
    side: int
    size: int
    effective: int
    stride: float
    offset: float

    def box(self, row: int, column: int) -> tuple[int, int]:
        """Return top and left of what a place sees of its effective field; may lie outside."""
        top, left = (self.offset + at * self.stride - self.effective / 2 for at in (row, column))
        return round(top), round(left)


def receptive_fields(
    network: Network,
    preprocessing: ImageInput,
    blocks: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> tuple[Field, ...]:
    """Return the fields of blocks (None: all) whose places form a square, in their order.

    Where every place depends on every pixel (attention, a mean over the picture as in
    squeeze-and-excitation), `size` is the whole picture. A token of a transformer is taken to look
    at its own patch. What is measured is this network's: a branch whose weights are 0, as some
    random ones begin, widens no field.

    Raises BackboneError where the network does not run on its own input.
    """
    wanted = network.blocks if blocks is None else blocks
    shapes = [
        shape for shape in block_shapes(network, preprocessing, "network") if shape.block in wanted
    ]
    squares = [shape for shape in shapes if shape.side]
    traced = [shape for shape in squares if shape.layout in ("NCHW", "NHWC")]
    found = dict(
        zip((s.block for s in traced), _trace(network, preprocessing, traced, seed), strict=True)
    )
    return tuple(found.get(shape.block) or _patch(shape, preprocessing) for shape in squares)


def _patch(shape: BlockShape, preprocessing: ImageInput) -> Field:
    """Return the field of a transformer's tokens: their patches lie side by side."""
    stride = preprocessing.size / shape.side
    size = max(1, round(stride))
    return Field(
        block=shape.block, side=shape.side, size=size, effective=size, stride=stride,
        offset=stride / 2,
    )  # fmt: skip


def _trace(
    network: Network, preprocessing: ImageInput, shapes: Sequence[BlockShape], seed: int
) -> list[Field]:
    import torch

    if not shapes:
        return []
    by_name = {shape.block: shape for shape in shapes}
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randn((NUM_NOISES, 3, preprocessing.size, preprocessing.size), generator=random)
    pixels.requires_grad_()
    sums: dict[str, torch.Tensor] = {}

    def hear(block: str, output: torch.Tensor) -> None:
        shape = by_name.get(block)
        if shape is None:
            return
        # Taken at once: a later layer may change the output in place.
        middle = shape.side // 2
        place = output[:, :, middle, middle]
        if shape.layout == "NHWC":
            place = output[:, middle, middle]
        signs = torch.randint(0, 2, place.shape, generator=random) * 2 - 1
        sums[block] = (place * signs).sum()

    with torch.enable_grad(), listening(network, hear):
        network.module(pixels)
    fields = []
    for shape in shapes:
        (gradient,) = torch.autograd.grad(sums[shape.block], pixels, retain_graph=True)
        fields.append(_field(shape, preprocessing, gradient.double().square().sum((0, 1)).numpy()))
    return fields


def _field(shape: BlockShape, preprocessing: ImageInput, gradient: Doubles) -> Field:
    """Read a field from the gradient [S, S] of the middle place."""
    middle, stride = shape.side // 2, preprocessing.size / shape.side
    size, effective, centres = 1, 1, []
    for line in (gradient.sum(1), gradient.sum(0)):
        there = np.flatnonzero(line)
        if not len(there):  # nothing comes through: all units are silent
            centres.append((middle + 0.5) * stride)
            continue
        size = max(size, int(there[-1] - there[0] + 1))
        centre = (there[0] + there[-1] + 1) / 2
        touches = there[0] == 0 or there[-1] == len(line) - 1  # then its middle is not to be seen
        centre = (middle + 0.5) * stride if touches else centre
        centres.append(centre)
        effective = max(effective, _narrowest(line, centre))
    return Field(
        block=shape.block,
        side=shape.side,
        size=size,
        effective=min(effective, size),
        stride=stride,
        offset=float(np.mean(centres)) - middle * stride,
    )


def _narrowest(line: Doubles, centre: float) -> int:
    """Return the width around `centre` that holds EFFECTIVE of what the line sums to."""
    distance = np.abs(np.arange(len(line)) + 0.5 - centre)
    order = np.argsort(distance, kind="stable")
    within = np.cumsum(line[order]) >= EFFECTIVE * line.sum()
    farthest = distance[order[int(within.argmax())]]
    return max(1, round(2 * float(farthest) + 1))
