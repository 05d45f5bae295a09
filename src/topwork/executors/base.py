"""What every executor promises: images in, one vector of pooled features each out, in order.

What it does not know: where the images come from, and where the vectors go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.errors import BackboneError, SettingError

POOLS = ("mean", "std", "max", "grid2", "grid3", "prefix")
"""Ways of turning a block's output into numbers, in the order in which they are stored.

`mean`, `std`, `max` over all places (C numbers each); `grid2`, `grid3`: means over the cells of a
2x2 or 3x3 grid (4C, 9C; channel-major: all cells of channel 0, then of channel 1, ...); `prefix`:
the tokens that stand for no place (class token first), for transformers. A block whose output has
no places, [N, C] or [N, C, 1, 1], is taken as it is and called `mean`, whatever pools are asked
for. A block whose places form no square has no grids, one without such tokens no `prefix`.
"""


def order_pools(pools: Sequence[str]) -> tuple[str, ...]:
    """Return the pools once each, in the order of `POOLS`. Raises SettingError on another."""
    unknown = sorted(set(pools) - set(POOLS))
    if unknown or not pools:
        raise SettingError(
            f"The pools are {list(pools)!r}; accepted: one or more of {', '.join(POOLS)}. "
            f"{'Remove ' + repr(unknown[0]) if unknown else 'Name at least one'}."
        )
    return tuple(pool for pool in POOLS if pool in pools)


def check_pixels(image: npt.NDArray[np.uint8], shape: Sequence[int]) -> None:
    """Raise BackboneError unless the image is uint8 of this shape, [S, S, 3]."""
    if image.shape != tuple(shape) or image.dtype != np.uint8:
        raise BackboneError(
            f"The network takes uint8 {list(shape)}, and got {image.dtype} {list(image.shape)}. "
            "Decode the image with the backbone's own input."
        )


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A run of `size` numbers in a feature vector: one pool of one block."""

    block: str
    pool: str
    size: int


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
    def run(self, inputs: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield a vector [sum of segment sizes] for every input [S, S, 3], in their order.

        Inputs are pulled only as fast as the network takes them, from the calling thread.
        An input's vector does not depend on its neighbours, nor on their number.
        """

    @property
    def width(self) -> int:
        """The numbers in one vector."""
        return sum(segment.size for segment in self.segments)
