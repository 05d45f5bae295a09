"""Features of several networks, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import final

import numpy as np

from topwork.core.shapes import Float32, Int
from topwork.executors.base import Segment
from topwork.features.table import MEMORY_BYTES, FeatureTable, KeptTable


class JoinedTable(FeatureTable):
    """Tables of the same rows; the columns of one come after those of the other."""

    def __init__(self, tables: Sequence[FeatureTable], segments: Sequence[Segment]) -> None:
        """Join them under these segments, which name what theirs are."""
        self.segments = tuple(segments)
        self.num_rows = tables[0].num_rows
        self._tables = tables
        self._places = [
            (number, i) for number, table in enumerate(tables) for i in range(len(table.segments))
        ]

    def read(
        self, indices: Int[np.ndarray, " n"], segments: Sequence[int]
    ) -> Float32[np.ndarray, "n width"]:
        """Return float32 [len(indices), sum of the sizes of the segments], the caller's own."""
        runs = groupby((self._places[i] for i in segments), key=lambda place: place[0])
        parts = [self._tables[number].read(indices, [i for _, i in run]) for number, run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)


@final
class JoinedStoredTable(JoinedTable, KeptTable):
    """The same on disk."""

    def __init__(self, tables: Sequence[KeptTable], segments: Sequence[Segment]) -> None:
        super().__init__(tables, segments)
        self._kept = tables

    @property
    def size_bytes(self) -> int:
        return sum(table.size_bytes for table in self._kept)

    def take(self, indices: Int[np.ndarray, " n"]) -> JoinedStoredTable:
        return JoinedStoredTable([table.take(indices) for table in self._kept], self.segments)

    def followed_by(self, other: KeptTable) -> JoinedStoredTable:
        if not isinstance(other, JoinedStoredTable) or other.segments != self.segments:
            raise ValueError("two tables of different layouts have no rows in common")
        pairs = zip(self._kept, other._kept, strict=True)
        return JoinedStoredTable([one.followed_by(two) for one, two in pairs], self.segments)

    def in_memory(self, max_bytes: int = MEMORY_BYTES) -> FeatureTable:
        if self.size_bytes > max_bytes:
            return self
        return JoinedTable([table.in_memory(max_bytes) for table in self._kept], self.segments)
