"""One torch module from uint8 pixels to the pooled features of every block: what executors run.

It is written so that it can be traced: the compiled forms are made from it, and the torch
executor runs it as it is. What it does not know: which device runs it, and how inputs are batched.
Importing this file loads no torch; calling `pooled_network` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone, Form, Network
from topwork.backbones.spec import nearest_names
from topwork.errors import BackboneError
from topwork.examples.decode import ImageInput
from topwork.executors.base import Segment, order_pools

if TYPE_CHECKING:
    import torch

CELLS = {"mean": 1, "grid2": 2, "grid3": 3}
"""Pools that are means over the cells of an n x n grid, and so one matrix product together."""


@dataclass(frozen=True, kw_only=True)
class BlockShape:
    """How the output of one block is read.

    Attributes:
        block: its name.
        form: NCHW, NHWC or NLC; None where it has no places, [N, C] or [N, C, 1, 1].
        num_channels: numbers at each place.
        side: places along each side where they form a square, else 0.
        num_prefix_tokens: leading tokens that stand for no place.
    """

    block: str
    form: Form | None
    num_channels: int
    side: int
    num_prefix_tokens: int

    def segments(self, pools: Sequence[str]) -> list[Segment]:
        """The pools that this block has, of those asked for, in the order of storage."""
        if self.form is None:
            return [Segment(block=self.block, pool="mean", size=self.num_channels)]
        times = {pool: cells**2 for pool, cells in CELLS.items()}
        times |= {"std": 1, "max": 1, "prefix": self.num_prefix_tokens}
        if not self.side:  # no grid on places that form no square
            times |= {"grid2": 0, "grid3": 0}
        return [
            Segment(block=self.block, pool=pool, size=times[pool] * self.num_channels)
            for pool in pools
            if times[pool]
        ]


def cell_weights(side: int, grid: int) -> npt.NDArray[np.float32]:
    """Return [side * side, grid * grid]: the share of each place in the mean of each cell.

    A cell goes from floor(k * side / grid) to ceil((k + 1) * side / grid), as adaptive average
    pooling has it; cells overlap where the side is no multiple of the grid.
    """
    line = np.zeros((side, grid))
    for k in range(grid):
        start, end = k * side // grid, -(-(k + 1) * side // grid)
        line[start:end, k] = 1 / (end - start)
    return np.kron(line, line).astype(np.float32)


def pooled_network(
    backbone: Backbone, pools: Sequence[str]
) -> tuple[torch.nn.Module, tuple[Segment, ...]]:
    """Build the backbone with the pools behind each block.

    Returns:
        A module from uint8 [N, S, S, 3] to float32 [N, sum of segment sizes], in eval mode on the
        CPU, and its segments.

    Raises:
        BackboneError: the network does not run on its own input, or a block is not as promised.
    """
    chosen = order_pools(pools)
    network = backbone.build()
    shapes = block_shapes(network, backbone.input, backbone.name)
    segments = [segment for shape in shapes for segment in shape.segments(chosen)]
    return _make_module(network, shapes, backbone.input, chosen), tuple(segments)


def block_shapes(network: Network, image: ImageInput, name: str) -> list[BlockShape]:
    """Run the network once on one empty image, and read how each block's output lies in memory."""
    import torch

    found: dict[str, tuple[int, ...]] = {}

    def note(block: str, output: object) -> None:
        if not isinstance(output, torch.Tensor):
            raise BackboneError(
                f"Block {block!r} of backbone {name!r} gives {type(output).__name__}, not one "
                "tensor. Choose other blocks: topwork.from_module(..., blocks=[...])."
            )
        found[block] = tuple(output.shape)

    pixels = torch.zeros(1, 3, image.size, image.size)
    with _listening(network, note, name), torch.inference_mode():
        try:
            network.module(pixels)
        except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
            raise BackboneError(
                f"Backbone {name!r} does not run on an input of [1, 3, {image.size}, "
                f"{image.size}]: {error}. Give the size that it was made for (?size=...)."
            ) from error
    silent = [block for block in network.blocks if block not in found]
    if silent:
        raise BackboneError(
            f"Block {silent[0]!r} of backbone {name!r} does not take part in the forward pass. "
            "Choose other blocks: topwork.from_module(..., blocks=[...])."
        )
    return [_read_shape(block, found[block], network, name) for block in network.blocks]


def _read_shape(block: str, shape: tuple[int, ...], network: Network, name: str) -> BlockShape:
    form: Form | None = network.form
    prefix = 0
    if len(shape) == 2 or (len(shape) == 4 and math.prod(shape) == max(shape)):
        # [N, C], or a single place, whose mean is all there is to say
        return BlockShape(
            block=block, form=None, num_channels=max(shape), side=0, num_prefix_tokens=0
        )
    if len(shape) == 3 and form == "NLC":
        prefix = 0 if block in network.without_prefix else network.num_prefix_tokens
        places, channels = shape[1] - prefix, shape[2]
        side = math.isqrt(places) if math.isqrt(places) ** 2 == places else 0
    elif len(shape) == 4:
        form = "NHWC" if form == "NLC" else form  # patches that are not yet a row of tokens
        height, width = shape[2:] if form == "NCHW" else shape[1:3]
        channels = shape[1] if form == "NCHW" else shape[3]
        side = height if height == width else 0
    else:
        raise BackboneError(
            f"Block {block!r} of backbone {name!r} gives a tensor of shape {list(shape)}; accepted "
            f"with form {form}: "
            f"{'[N, L, C] or [N, H, W, C]' if form == 'NLC' else 'four dimensions'}, or [N, C]. "
            "Choose other blocks, or name another form: topwork.from_module(..., form=...)."
        )
    return BlockShape(
        block=block, form=form, num_channels=channels, side=side, num_prefix_tokens=prefix
    )


@contextmanager
def _listening(network: Network, hear: Callable[[str, Any], None], name: str) -> Iterator[None]:
    """Call `hear` with every block's output; the hooks are gone when the block ends.

    The output is used at once, before a later layer can change it in place.
    """
    modules = dict(network.module.named_modules())
    for block in network.blocks:
        if block not in modules:
            raise BackboneError(
                f"Backbone {name!r} has no block {block!r}; nearest: "
                f"{nearest_names(block, modules)}. `module.named_modules()` lists them all."
            )

    def hook(block: str) -> Callable[[Any, Any, Any], None]:
        return lambda _module, _inputs, output: hear(block, output)

    handles = [modules[b].register_forward_hook(hook(b)) for b in network.blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _make_module(
    network: Network, shapes: Sequence[BlockShape], image: ImageInput, pools: Sequence[str]
) -> torch.nn.Module:
    import torch

    class Pooled(torch.nn.Module):
        scale: torch.Tensor
        shift: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network.module
            std = torch.tensor(image.std).view(1, 3, 1, 1)
            mean = torch.tensor(image.mean).view(1, 3, 1, 1)
            self.register_buffer("scale", 1 / (255 * std))
            self.register_buffer("shift", -mean / std)
            for number, shape in enumerate(shapes):
                for pool in (p for p in ("grid2", "grid3") if p in pools and shape.side):
                    weights = cell_weights(shape.side, CELLS[pool])
                    self.register_buffer(f"{pool}_{number}", torch.from_numpy(weights))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            pixels = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
            parts: dict[str, torch.Tensor] = {}
            numbers = {shape.block: number for number, shape in enumerate(shapes)}

            def pool(block: str, output: torch.Tensor) -> None:
                number = numbers[block]
                grids = {
                    name: getattr(self, f"{name}_{number}")
                    for name in ("grid2", "grid3")
                    if hasattr(self, f"{name}_{number}")
                }
                parts[block] = pool_block(output, shapes[number], pools, grids)

            with _listening(network, pool, "this one"):
                self.network(pixels.to(next(self.network.parameters()).dtype))
            return torch.cat([parts[shape.block] for shape in shapes], dim=1)

    return Pooled().eval()


def pool_block(
    output: torch.Tensor,
    shape: BlockShape,
    pools: Sequence[str],
    grids: dict[str, torch.Tensor],
) -> torch.Tensor:
    """Pool one block's output into [N, sum of its segments], in float32."""
    import torch

    output = output.float()
    if shape.form is None:
        return output.flatten(1)
    found: list[torch.Tensor] = []
    prefix: torch.Tensor | None = None
    if shape.form == "NCHW":
        places, axis = output.flatten(2), 2  # [N, C, P]
    else:
        tokens = output.flatten(1, 2) if shape.form == "NHWC" else output
        prefix = tokens[:, : shape.num_prefix_tokens]
        places, axis = tokens[:, shape.num_prefix_tokens :], 1  # [N, P, C]
    mean = places.mean(axis, keepdim=True)
    for pool in pools:
        if pool == "mean":
            found.append(mean.flatten(1))
        elif pool == "std":
            # Two passes: E[x^2] - E[x]^2 loses all its digits where the mean is large.
            found.append((places - mean).square().mean(axis).sqrt())
        elif pool == "max":
            found.append(places.amax(axis))
        elif pool in grids:
            weights = grids[pool]
            cells = (
                places @ weights if axis == 2 else (weights.t() @ places).transpose(1, 2)
            )  # [N, C, cells]
            found.append(cells.flatten(1))
        elif pool == "prefix" and prefix is not None and shape.num_prefix_tokens:
            found.append(prefix.flatten(1))
    return torch.cat(found, dim=1)
