"""What every executor promises: images in, one vector of pooled features each out, in order.

What it does not know: where the images come from, and where the vectors go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

POOLS = ("mean", "std", "max", "grid2", "grid3", "prefix")
"""Ways of turning a block's output into numbers, in the order in which they are stored.

`mean`, `std`, `max` over all places (C numbers each); `grid2`, `grid3`: means over the cells of a
2x2 or 3x3 grid (4C, 9C; channel-major: all cells of channel 0, then of channel 1, ...); `prefix`:
the tokens that stand for no place (class token first), for transformers. A block whose output has
no places, [N, C], has `mean` alone.
"""


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
