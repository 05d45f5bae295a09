"""Shapes of blocks' outputs.

Importing this file loads no torch; calling `block_shapes` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from topwork.backbones.base import Layout, Network, Outline
from topwork.core.shapes import Shaped
from topwork.errors import BackboneError
from topwork.examples.sounds.sound import Sound
from topwork.examples.windows import Input, decode
from topwork.executors.base import WHOLE, Segment, WindowForm
from topwork.executors.join import GRIDS

MAX_BATCH = 32
"""Of networks that take any length: see batches.py for what larger and smaller ones give."""


@dataclass(frozen=True, kw_only=True)
class BlockShape:
    """How the output of one block is read.

    Attributes:
        block: its name.
        layout: where its places are; None where it has none, [N, C] or [N, C, 1, 1].
        num_channels: numbers at each place.
        num_places: how many places there are; of a row of any length, how many there were.
        side: places along each side where they form a square, else 0.
        in_row: whether the places follow each other in time, so that grids are stretches of it.
        num_prefix_tokens: leading tokens that are features of their own.
        prefix_is_place: whether these count as places too.
        causal: whether the last token is a feature of its own.
    """

    block: str
    layout: Layout | None
    num_channels: int
    num_places: int
    side: int = 0
    in_row: bool = False
    num_prefix_tokens: int = 0
    prefix_is_place: bool = False
    causal: bool = False

    def segments(self, pools: Sequence[str]) -> list[Segment]:
        """The pools that this block has, of those asked for, in the order of storage."""
        if self.layout is None:
            return [Segment(block=self.block, pool="mean", size=self.num_channels)]
        times = {"mean": 1, "std": 1, "max": 1, "prefix": self.num_prefix_tokens}
        times["last"] = int(self.causal)
        # no grid on places that form no square, nor a row
        times |= {
            pool: grid if self.in_row else grid**2 if self.side else 0
            for pool, grid in GRIDS.items()
        }
        return [
            Segment(block=self.block, pool=pool, size=times[pool] * self.num_channels)
            for pool in pools
            if times[pool]
        ]


def blank_window(preprocessing: Input) -> Shaped[np.ndarray, "..."]:
    """Return the window of an empty image, of silence, of a few words, or of zeros."""
    content: object
    if preprocessing.modality == "image":
        return np.zeros((preprocessing.size, preprocessing.size, 3), np.uint8)
    if preprocessing.modality == "sound":
        content = Sound(
            samples=np.zeros(preprocessing.min_samples, np.float32), rate_hz=preprocessing.rate_hz
        )
    elif preprocessing.modality == "text":
        content = "a few words, to see what comes out"
    else:
        content = np.zeros(preprocessing.shape, np.float32)
    return next(iter(decode(content, preprocessing)))


def block_shapes(network: Network, preprocessing: Input, name: str) -> list[BlockShape]:
    """Run the network once on one empty window, and read how each block's output lies in memory."""
    return read_shapes(output_shapes(network, preprocessing, name), network, preprocessing, name)


def read_shapes(
    found: Mapping[str, tuple[int, ...]], outline: Outline, preprocessing: Input, name: str
) -> list[BlockShape]:
    """Read how each block's output lies in memory, from its shape [1, ...] for one window.

    Raises BackboneError where it does not lie as the outline says.
    """
    in_row = preprocessing.modality != "image"
    return [_read_shape(b, found[b], outline, name, in_row=in_row) for b in outline.blocks]


def whole_segment(found: Mapping[str, tuple[int, ...]], name: str) -> Segment:
    """Return the segment of `WHOLE`. Raises BackboneError unless there is one block."""
    if len(found) != 1:
        raise BackboneError(
            f"The whole output of one block is wanted, and the backbone {name!r} has "
            f"{len(found)} blocks; accepted: one. Cut it first: until(backbone, block)."
        )
    ((block, shape),) = found.items()
    return Segment(block=block, pool=WHOLE, size=math.prod(shape))


def window_form(
    outline: Outline, preprocessing: Input, window: Shaped[np.ndarray, "..."]
) -> WindowForm:
    """Return what windows a network takes, of which `window` is one."""
    return WindowForm(
        dtype=window.dtype.name,
        shape=(None, *window.shape[1:]) if outline.any_length else window.shape,
        max_batch=MAX_BATCH if outline.any_length and preprocessing.modality == "text" else 1,
    )


def output_shapes(network: Network, preprocessing: Input, name: str) -> dict[str, tuple[int, ...]]:
    """Run the network once on one empty window; return the shape [1, ...] that each block gives.

    Raises:
        BackboneError: it does not run, or a block takes no part or gives more than a tensor.
    """
    import torch

    found: dict[str, tuple[int, ...]] = {}

    def note(block: str, output: object) -> None:
        if not isinstance(output, torch.Tensor):
            raise BackboneError(
                f"Block {block!r} of backbone {name!r} gives {type(output).__name__}, not one "
                "tensor. Choose other blocks: topwork.from_module(..., blocks=[...])."
            )
        found[block] = tuple(output.shape)

    batch = torch.from_numpy(blank_window(preprocessing)[None])
    batch = batch.float().permute(0, 3, 1, 2) if preprocessing.modality == "image" else batch
    with listening(network, note), torch.inference_mode():
        try:
            network.module(batch)
        except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
            hint = "Give the size that it was made for (?size=...)."
            if preprocessing.modality != "image":
                hint = "Give the input that it was made for."
            raise BackboneError(
                f"Backbone {name!r} does not run on an input of {list(batch.shape)}: {error}. "
                f"{hint}"
            ) from error
    silent = [block for block in network.blocks if block not in found]
    if silent:
        raise BackboneError(
            f"Block {silent[0]!r} of backbone {name!r} does not take part in the forward pass. "
            "Choose other blocks: topwork.from_module(..., blocks=[...])."
        )
    return found


def _read_shape(
    block: str, shape: tuple[int, ...], network: Outline, name: str, *, in_row: bool
) -> BlockShape:
    layout: Layout | None = network.layout
    prefix = side = 0
    if len(shape) == 2 or (len(shape) == 4 and math.prod(shape) == max(shape) and layout != "NCTF"):
        # [N, C], or a single place, whose mean is all there is to say
        return BlockShape(block=block, layout=None, num_channels=max(shape[1:]), num_places=0)
    if len(shape) == 3 and layout in ("NLC", "NCL"):
        prefix = 0 if block in network.without_prefix else network.num_prefix_tokens
        places, channels = (shape[1], shape[2]) if layout == "NLC" else (shape[2], shape[1])
        if not network.prefix_is_place:
            places -= prefix
    elif len(shape) == 4 and layout == "NCTF":
        places, channels = shape[2], shape[1] * shape[3]
    elif len(shape) == 4 and layout != "NCL":
        layout = "NHWC" if layout == "NLC" else layout  # patches that are not yet a row of tokens
        height, width, channels = shape[1:] if layout == "NHWC" else (*shape[2:], shape[1])
        places, side, in_row = height * width, height if height == width else 0, False
    else:
        known = {"NLC": "[N, L, C] or [N, H, W, C]", "NCL": "[N, C, L]"}
        accepted = known.get(str(layout), f"{layout}, four dimensions")
        raise BackboneError(
            f"Block {block!r} of backbone {name!r} gives a tensor of shape {list(shape)}; accepted "
            f"with layout {layout!r}: {accepted}, or [N, C]. Choose other blocks, or another "
            "layout: topwork.from_module(..., blocks=[...], layout=...)."
        )
    if layout == "NLC" and not in_row and math.isqrt(places) ** 2 == places:
        side = math.isqrt(places)
    return BlockShape(
        block=block,
        layout=layout,
        num_channels=channels,
        num_places=places,
        side=side,
        in_row=in_row,
        num_prefix_tokens=prefix,
        prefix_is_place=network.prefix_is_place,
        causal=network.causal,
    )


@contextmanager
def listening(network: Network, hear: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `hear` with every block's output; the hooks are gone when the block ends.

    The output is to be used at once, before a later layer changes it in place.
    """

    def hook(block: str) -> Callable[[Any, Any, Any], None]:
        return lambda _module, _inputs, output: hear(block, output)

    modules = dict(network.module.named_modules())
    handles = [modules[b].register_forward_hook(hook(b)) for b in network.blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
