"""Feature tables, wherever they lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Int
from topwork.executors.base import Segment, by_network

MEMORY_BYTES = 2**30
"""Up to here a table is taken into memory: 14,000 examples of EfficientNet-Lite0 with all pools."""


class FeatureTable(ABC):
    """Rows of features, one an example; columns are runs named by `segments`."""

    segments: Sequence[Segment]
    num_rows: int

    @abstractmethod
    def read(
        self, indices: Int[np.ndarray, " n"], segments: Sequence[int]
    ) -> Float32[np.ndarray, "n width"]:
        """Return float32 [len(indices), sum of the sizes of the segments], in the orders asked for.

        `segments` are positions in `self.segments`. What is returned is the caller's own.
        """

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks, in the order in which they run."""
        return tuple(dict.fromkeys(segment.block for segment in self.segments))

    @property
    def networks(self) -> tuple[tuple[str, ...], ...]:
        """The blocks of each network, where there are several."""
        return by_network(self.blocks)


class KeptTable(FeatureTable):
    """Features on disk, of which a table can be made of other rows."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """What `in_memory` would take."""

    @abstractmethod
    def take(self, indices: Int[np.ndarray, " n"]) -> KeptTable:
        """Return a table of some of the rows."""

    @abstractmethod
    def followed_by(self, other: KeptTable) -> KeptTable:
        """Return the rows of this table, and then those of another of the same layout."""

    @abstractmethod
    def in_memory(self, max_bytes: int = MEMORY_BYTES) -> FeatureTable:
        """Return the same features in memory, or this table where they would take more.

        For whoever reads them many times over: training does, embedding does not.
        """


class ArrayTable(FeatureTable):
    """Features that fit in memory: float16 or float32 [num rows, sum of segment sizes]."""

    def __init__(self, matrix: npt.NDArray[np.floating], segments: Sequence[Segment]) -> None:
        self.matrix = matrix
        self.segments = tuple(segments)
        self.num_rows = len(matrix)
        ends = np.cumsum([segment.size for segment in self.segments])
        self._slices = [
            slice(int(end) - segment.size, int(end))
            for end, segment in zip(ends, self.segments, strict=True)
        ]

    def read(
        self, indices: Int[np.ndarray, " n"], segments: Sequence[int]
    ) -> Float32[np.ndarray, "n width"]:
        widths = [self.segments[i].size for i in segments]
        out = np.empty((len(indices), sum(widths)), np.float32)
        start = 0
        for i, width in zip(segments, widths, strict=True):
            out[:, start : start + width] = self.matrix[indices, self._slices[i]]
            start += width
        return out
