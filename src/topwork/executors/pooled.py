"""Torch module that pools every block.

It is written so that it can be traced: the compiled forms are made from it, and the torch executor
runs it as it is. Importing this file loads no torch; calling `pooled_network` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from topwork.backbones.base import Backbone, Network
from topwork.core.shapes import Float, Float32
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.windows import Input
from topwork.executors.base import WHOLE, Segment, WindowForm, order_pools
from topwork.executors.block_shapes import (
    BlockShape,
    blank_window,
    block_shapes,
    listening,
    output_shapes,
    whole_segment,
    window_form,
)
from topwork.executors.join import GRIDS

if TYPE_CHECKING:
    import torch


ROW_LENGTHS: ContextVar[torch.Tensor | None] = ContextVar("topwork_row_lengths", default=None)
"""How many places of each row of a batch are there, while rows that were padded run."""


def mean_weights(shape: BlockShape, pools: Sequence[str]) -> Float32[np.ndarray, "cells places"]:
    """Return [cells, places]: the mean over all places, then the cells of the grids asked for."""
    rows = [np.full((1, shape.num_places), 1 / max(shape.num_places, 1))]
    rows += [
        cell_weights(shape.side, grid)
        for pool, grid in GRIDS.items()
        if pool in pools and shape.side
    ]
    return np.concatenate(rows).astype(np.float32)


def cell_weights(side: int, grid: int) -> Float[np.ndarray, "cells places"]:
    """Return [grid * grid, side * side]: the share of each place in the mean of each cell.

    A cell goes from floor(k * side / grid) to ceil((k + 1) * side / grid), as adaptive average
    pooling has it; cells overlap where the side is no multiple of the grid.
    """
    line = np.zeros((grid, side))
    for k in range(grid):
        start, end = k * side // grid, -(-(k + 1) * side // grid)
        line[k, start:end] = 1 / (end - start)
    return np.kron(line, line)


def pooled_network(
    backbone: Backbone, pools: Sequence[str]
) -> tuple[torch.nn.Module, tuple[Segment, ...], WindowForm]:
    """Build the backbone with the pools behind each block.

    Returns:
        A module from a batch of windows to float32 [N, sum of segment sizes], in eval mode on the
        CPU; its segments; and what windows it takes. Of `WHOLE`, which is for a backbone of one
        block: to that block's output as it lies, float32 [N, ...].

    Raises:
        BackboneError: the network does not run on its own input, or a block is not as promised.
    """
    chosen = order_pools(pools, or_whole=True)
    network = backbone.build()
    if chosen == (WHOLE,):
        found = output_shapes(network, backbone.input, backbone.name)
        shapes, segments = [], [whole_segment(found, backbone.name)]
    else:
        shapes = block_shapes(network, backbone.input, backbone.name)
        segments = [segment for shape in shapes for segment in shape.segments(chosen)]
    form = window_form(network, backbone.input, blank_window(backbone.input))
    return pooled_module(network, shapes, backbone.input, chosen), tuple(segments), form


def pooled_module(
    network: Network,
    shapes: Sequence[BlockShape],
    preprocessing: Input | None,
    pools: Sequence[str],
) -> torch.nn.Module:
    """Return the network with the pools behind each block; without blocks, its one block's output.

    Pixels are brought to the network's scale where `preprocessing` is an image's. None: what goes
    in is not an input, but what comes out at a cut.
    """
    import torch

    class Pooled(torch.nn.Module):
        scale: torch.Tensor
        shift: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network.module
            if isinstance(preprocessing, ImageInput):
                std, mean = torch.tensor(preprocessing.std), torch.tensor(preprocessing.mean)
                self.register_buffer("scale", 1 / (255 * std))
                self.register_buffer("shift", -mean / std)
            for shape in shapes:
                if not shape.in_row:
                    weights = torch.from_numpy(mean_weights(shape, pools))
                    self.register_buffer(f"means_{shape.num_places}_{shape.side}", weights)

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            if isinstance(preprocessing, ImageInput):
                # Normalised as it lies, [N, S, S, 3]: the compiled form then never moves the
                # pixels (3% of the whole on EfficientNet-Lite0).
                windows = (windows.float() * self.scale + self.shift).permute(0, 3, 1, 2)
            parts: dict[str, torch.Tensor] = {}

            def pool(block: str, output: torch.Tensor) -> None:
                if not by_name:  # a copy: a layer after it may change it in place
                    parts[block] = output.float().clone()
                    return
                shape = by_name[block]
                # an autocast around the network must not reach the pools
                with torch.autocast(output.device.type, enabled=False):
                    if shape.in_row:
                        parts[block] = pool_row(output.float(), shape, pools)
                    else:
                        weights = getattr(self, f"means_{shape.num_places}_{shape.side}")
                        parts[block] = pool_block(output.float(), shape, pools, weights)

            own = replace(network, module=self.network)  # of a copy of this module, the copy's
            with listening(own, pool):
                self.network(windows)
            if not by_name:
                return next(iter(parts.values()))
            return torch.cat([parts[shape.block] for shape in shapes], dim=1)

    by_name = {shape.block: shape for shape in shapes}
    return Pooled().eval()


def pool_block(
    output: torch.Tensor, shape: BlockShape, pools: Sequence[str], weights: torch.Tensor
) -> torch.Tensor:
    """Pool the output of one block of a picture into [N, sum of its segments].

    Everything is done on [N, places, channels], and all means by one product with `weights`,
    [cells, places]: the compiled form keeps channels last, so that no block is moved in memory,
    and the pools cost no more than the mean alone. Measured on EfficientNet-Lite0 at 224 px, 2
    cores, batch 4, mean + std + max + grid2: 459 images/s so, 407 on [N, channels, places], and
    444 for the mean alone.
    """
    import torch

    if shape.layout is None:
        return output.flatten(1)
    tokens = output.permute(0, 2, 3, 1) if shape.layout == "NCHW" else output
    tokens = tokens if shape.layout == "NLC" and tokens.ndim == 3 else tokens.flatten(1, 2)
    places = tokens[:, shape.num_prefix_tokens :]
    means = weights @ places  # [N, cells, C]: the mean, then each grid's cells
    found: list[torch.Tensor] = []
    start = 1
    for pool in (segment.pool for segment in shape.segments(pools)):
        if pool in GRIDS:
            cells = GRIDS[pool] ** 2
            found.append(means[:, start : start + cells].transpose(1, 2).flatten(1))
            start += cells
        else:
            found.append(_pool(pool, tokens, places, means[:, :1], shape))
    return torch.cat(found, dim=1)


def pool_row(output: torch.Tensor, shape: BlockShape, pools: Sequence[str]) -> torch.Tensor:
    """Pool one block's row of places, of any length, into [N, sum of its segments]."""
    import torch

    tokens = output
    if shape.layout == "NCL":
        tokens = output.transpose(1, 2)
    elif shape.layout == "NCTF":
        tokens = output.permute(0, 2, 1, 3).flatten(2)
    places = tokens if shape.prefix_is_place else tokens[:, shape.num_prefix_tokens :]
    lengths = ROW_LENGTHS.get()
    if lengths is not None:
        return _pool_padded(tokens, places, lengths, shape, pools)
    mean = places.mean(1, keepdim=True)
    found: list[torch.Tensor] = []
    for pool in (segment.pool for segment in shape.segments(pools)):
        if pool in GRIDS:
            cells = _stretches(places, GRIDS[pool]) @ places
            found.append(cells.transpose(1, 2).flatten(1))
        else:
            found.append(_pool(pool, tokens, places, mean, shape))
    return torch.cat(found, dim=1)


def _pool_padded(
    tokens: torch.Tensor,
    places: torch.Tensor,
    lengths: torch.Tensor,
    shape: BlockShape,
    pools: Sequence[str],
) -> torch.Tensor:
    """Pool rows of which the first `lengths` places alone are there, as each would be by itself."""
    import torch

    num = lengths - (tokens.shape[1] - places.shape[1])
    there = (torch.arange(places.shape[1], device=num.device) < num[:, None])[:, :, None]
    found: list[torch.Tensor] = []
    for pool in (segment.pool for segment in shape.segments(pools)):
        if pool == "mean":
            found.append((places * there).sum(1) / num[:, None])
        elif pool == "max":
            found.append(places.masked_fill(~there, -torch.inf).amax(1))
        elif pool == "last":
            found.append(tokens[torch.arange(len(tokens), device=num.device), lengths - 1])
        elif pool == "prefix":
            found.append(tokens[:, : shape.num_prefix_tokens].flatten(1))
        else:
            raise ValueError(f"{pool} is not made of rows that are padded")
    return torch.cat(found, dim=1)


def _stretches(places: torch.Tensor, grid: int) -> torch.Tensor:
    """Return [grid, places]: the share of each place in the mean of each stretch of the row.

    With the same limits as the cells of `cell_weights`, from tensors, so that a traced network
    takes rows of any length.
    """
    import torch

    num = torch.ones_like(places[0, :, 0]).sum().long()
    at = torch.arange(places.shape[1], device=places.device)
    cell = torch.arange(grid, device=places.device)[:, None]
    start = torch.div(cell * num, grid, rounding_mode="floor")
    end = torch.div((cell + 1) * num + grid - 1, grid, rounding_mode="floor")
    inside = ((at >= start) & (at < end)).to(places.dtype)
    return inside / inside.sum(1, keepdim=True)


def _pool(
    pool: str, tokens: torch.Tensor, places: torch.Tensor, mean: torch.Tensor, shape: BlockShape
) -> torch.Tensor:
    """Pool [N, places, C], whose mean is [N, 1, C]."""
    if pool == "mean":
        return mean[:, 0]
    if pool == "std":
        # Two passes: E[x^2] - E[x]^2 loses all its digits where the mean is large.
        return (places - mean).square().mean(1).sqrt()
    if pool == "max":
        return places.amax(1)
    if pool == "last":
        return tokens[:, -1]
    return tokens[:, : shape.num_prefix_tokens].flatten(1)
