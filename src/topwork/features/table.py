"""Feature tables, wherever they lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Int
from topwork.executors.base import Segment


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
