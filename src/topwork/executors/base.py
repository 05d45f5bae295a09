"""Executors: what every one of them promises.

What it does not know: where the windows come from, and where the vectors go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from topwork.core.shapes import Float32, Shaped
from topwork.errors import BackboneError, SettingError

POOLS = ("mean", "std", "max", "grid2", "grid3", "prefix", "last")
"""Ways of turning a block's output into numbers, in the order in which they are stored.

`mean`, `std`, `max` over all places (C numbers each); `grid2`, `grid3`: means over the cells of a
2x2 or 3x3 grid (4C, 9C; channel-major: all cells of channel 0, then of channel 1, ...), or over 2
or 3 equal stretches of a sound or another row of places (2C, 3C); `prefix`: the tokens that are
features of their own (class token first), for transformers; `last`: the last token, where it alone
has seen all the others. A block whose output has no places, [N, C] or [N, C, 1, 1], is taken as it
is and called `mean`, whatever pools are asked for. A picture's block whose places form no square
has no grids, one without such tokens no `prefix` and no `last`.
"""

WHOLE = "whole"
"""Instead of all pools: the one block's output as it lies, for what is trained after it. No user
can ask for it."""


def order_pools(pools: Sequence[str], *, or_whole: bool = False) -> tuple[str, ...]:
    """Return the pools once each, in the order of `POOLS`. Raises SettingError on another.

    With `or_whole`, `WHOLE` alone is accepted too.
    """
    if or_whole and tuple(pools) == (WHOLE,):
        return (WHOLE,)
    unknown = sorted(set(pools) - set(POOLS))
    if unknown or not pools:
        raise SettingError(
            f"The pools are {list(pools)!r}; accepted: one or more of {', '.join(POOLS)}. "
            f"{'Remove ' + repr(unknown[0]) if unknown else 'Name at least one'}."
        )
    return tuple(pool for pool in POOLS if pool in pools)


@dataclass(frozen=True, kw_only=True)
class WindowForm:
    """What a network takes: windows of this type and shape.

    Attributes:
        dtype: `uint8`, `float32` or `int64`.
        shape: without the batch; None for a length that may vary.
        max_batch: how many of one shape are worth computing together.
    """

    dtype: str
    shape: tuple[int | None, ...]
    max_batch: int = 1

    def check(self, window: Shaped[np.ndarray, "..."]) -> None:
        """Raise BackboneError unless the window is of this form."""
        fits = len(window.shape) == len(self.shape) and all(
            want in (None, got) for got, want in zip(window.shape, self.shape, strict=True)
        )
        if not fits or window.dtype != self.dtype:
            wanted = ["any" if n is None else n for n in self.shape]
            raise BackboneError(
                f"The network takes {self.dtype} {wanted}, and got {window.dtype} "
                f"{list(window.shape)}. Decode the example with the backbone's own input."
            )


BESIDE = ": "
"""Between the name of a network and that of its block, where there are several networks."""


def by_network(blocks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the blocks of each network, which follow each other; of one, all of them."""
    return tuple(
        tuple(own) for _, own in groupby(blocks, lambda block: block.rpartition(BESIDE)[0])
    )


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A run of `size` numbers in a feature vector: one pool of one block.

    Of `WHOLE`, what the shortest window gives: the others may give more.
    """

    block: str
    pool: str
    size: int


def side_by_side(
    names: Sequence[str], segments: Sequence[Sequence[Segment]]
) -> tuple[Segment, ...]:
    """Return the segments of networks of these names, joined; of one, its own."""
    if len(segments) == 1:
        return tuple(segments[0])
    return tuple(
        replace(segment, block=f"{name}{BESIDE}{segment.block}")
        for name, own in zip(names, segments, strict=True)
        for segment in own
    )


class Executor(ABC):
    """Runs the part of a network before the cut, with the pools behind each block.

    Attributes:
        segments: what the numbers of a vector are, in order.
        precision: the arithmetic: `f32` or `bf16`. Features of different precision never mix.
        device: where it runs, in words for a person.
    """

    segments: Sequence[Segment]
    precision: str
    device: str

    @abstractmethod
    def run(
        self, windows: Iterable[Shaped[np.ndarray, "..."]]
    ) -> Iterator[Float32[np.ndarray, " width"]]:
        """Yield a vector [sum of segment sizes] for every window, in their order.

        Of `WHOLE`: the block's output for it, in its own shape.

        Windows are pulled only as fast as the network takes them (and where they are of many
        lengths some hundreds ahead), from the calling thread. A window's vector does not depend
        on its neighbours, nor on their number.
        """

    @property
    def width(self) -> int:
        """The numbers in one vector."""
        return sum(segment.size for segment in self.segments)
