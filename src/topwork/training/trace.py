"""Trace of one run of a network.

Where inputs may be of any length it is run on two, and every shape is known at all lengths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from topwork.backbones.base import Network
from topwork.examples.windows import Input
from topwork.executors.block_shapes import blank_window

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """A tensor's shape [1, ...] with a short input, and with a longer one."""

    short: Shape
    long: Shape

    def share(self, shape: Shape) -> float:
        """Return how far a shape [N, ...] lies on the way from the short one to the long one."""
        for now, short, long in zip(shape[1:], self.short[1:], self.long[1:], strict=True):
            if short != long:
                return (now - short) / (long - short)
        return 0.0

    def at(self, share: float) -> Shape:
        """Return the shape that lies so far on the way."""
        pairs = zip(self.short, self.long, strict=True)
        return tuple(max(1, round(short + share * (long - short))) for short, long in pairs)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What was seen.

    Attributes:
        input: what went in, and its type.
        begins: when each module began for the first time, as a running number.
        ends: when each was over for the last time, of the same numbers.
        shapes: of all that a module gave, call by call; of those alone that give one tensor.
    """

    input: Shapes
    dtype: torch.dtype
    begins: Mapping[str, int]
    ends: Mapping[str, int]
    shapes: Mapping[str, list[Shapes]]

    @staticmethod
    def of(network: Network, preprocessing: Input) -> Trace:
        """Run the network on an empty window, and on one half as long again where it may vary."""
        blank = blank_window(preprocessing)
        short = _TraceRun(network, make_batch(preprocessing, [blank]))
        long = short
        if network.any_length:
            longer = np.concatenate([blank, blank[: len(blank) // 2 + 1]])
            long = _TraceRun(network, make_batch(preprocessing, [longer]))
        shapes = {}
        for name, found in short.shapes.items():
            others = long.shapes.get(name, [])
            if [len(one) for one in found] == [len(one) for one in others]:
                both = zip(found, others, strict=True)
                shapes[name] = [Shapes(short=one, long=other) for one, other in both]
        return Trace(
            input=Shapes(short=short.input, long=long.input),
            dtype=short.dtype,
            begins=short.begins,
            ends=short.ends,
            shapes=shapes,
        )

    def is_over(self, module: str, block: str) -> bool:
        """Whether the module is over when the block is, and gives one tensor."""
        return module in self.shapes and self.ends[module] <= self.ends[block]

    def begins_after(self, module: str, block: str) -> bool:
        """Whether the module takes no part before the block is over, and does so then."""
        return self.begins.get(module, -1) > self.ends[block]

    def outermost(self, block: str) -> list[str]:
        """Return the modules that are over when the block is, without what lies within them."""
        over = {name for name in self.ends if self.is_over(name, block)}

        def covered(name: str) -> bool:
            return any(name[:i] in over for i, letter in enumerate(name) if letter == ".")

        return sorted(name for name in over if not covered(name))


class _TraceRun:
    """One run on a batch of one window."""

    def __init__(self, network: Network, batch: torch.Tensor) -> None:
        import torch

        self.input, self.dtype = tuple(batch.shape), batch.dtype
        self.begins: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.shapes: dict[str, list[Shape]] = {}
        self._now = 0
        self._others: set[str] = set()
        handles = []
        for name, part in network.module.named_modules():
            if name:
                handles.append(part.register_forward_pre_hook(self._begin(name)))
                handles.append(part.register_forward_hook(self._end(name)))
        try:
            with torch.inference_mode():
                network.module(batch)
        finally:
            for handle in handles:
                handle.remove()
        for name in self._others:
            self.shapes.pop(name, None)

    def _begin(self, name: str) -> Any:
        def note(_module: Any, _inputs: Any) -> None:
            self._now += 1
            self.begins.setdefault(name, self._now)

        return note

    def _end(self, name: str) -> Any:
        import torch

        def note(_module: Any, _inputs: Any, output: Any) -> None:
            self._now += 1
            self.ends[name] = self._now
            if isinstance(output, torch.Tensor):
                self.shapes.setdefault(name, []).append(tuple(output.shape))
            else:
                self._others.add(name)

        return note


def make_batch(preprocessing: Input, windows: Sequence[Any]) -> torch.Tensor:
    """Return windows of one shape as a network takes them; of images, only about normalised."""
    import torch

    batch = torch.from_numpy(np.stack(windows))
    if preprocessing.modality != "image":
        return batch
    return (batch.float() / 128 - 1).permute(0, 3, 1, 2)
