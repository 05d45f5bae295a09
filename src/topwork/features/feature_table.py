"""Feature table over shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Indices, Int
from topwork.features.shards import DIGEST_BYTES, Shard, ShardLayout, Stored
from topwork.features.table import MEMORY_BYTES, FeatureTable, KeptTable

_Places = slice | npt.NDArray[np.intp]


_Piece = tuple[int, slice, slice]
"""The number of a block, a run of its columns, and the columns that it becomes."""


@final
class MemoryTable(FeatureTable):
    """Features in memory, a matrix a block, in the types in which they were stored."""

    def __init__(self, layout: ShardLayout, matrices: Sequence[Stored], num_rows: int) -> None:
        self.layout = layout
        self.segments = layout.segments
        self.num_rows = num_rows
        self._matrices = matrices

    def read(
        self, indices: Int[np.ndarray, " n"], segments: Sequence[int]
    ) -> Float32[np.ndarray, "n width"]:
        """Return float32 [len(indices), sum of the sizes of the segments], the caller's own."""
        pieces, width = _pieces(self.layout, segments)
        out = np.empty((len(indices), width), np.float32)
        places = _places(np.asarray(indices))
        for block, columns, into in pieces:
            out[:, into] = self._matrices[block][places, columns]
        return out


@final
class StoredTable(KeptTable):
    """Features on disk. Every read maps the shards one by one and copies the rows asked for."""

    def __init__(
        self,
        layout: ShardLayout,
        shards: Sequence[Shard],
        shard_of: npt.NDArray[np.int32],
        row_of: npt.NDArray[np.int32],
    ) -> None:
        """Row i is row `row_of[i]` of shard `shard_of[i]`."""
        self.layout = layout
        self.segments = layout.segments
        self.num_rows = len(shard_of)
        self._shards = shards
        self._shard_of = shard_of
        self._row_of = row_of

    @property
    def size_bytes(self) -> int:
        return self.num_rows * (self.layout.row_bytes - DIGEST_BYTES)

    def read(
        self, indices: Int[np.ndarray, " n"], segments: Sequence[int]
    ) -> Float32[np.ndarray, "n width"]:
        """Return float32 [len(indices), sum of the sizes of the segments], the caller's own.

        Raises:
            StoreError: a shard was removed meanwhile.
        """
        pieces, width = _pieces(self.layout, segments)
        out = np.empty((len(indices), width), np.float32)
        for shard, there, here in self._by_shard(np.asarray(indices)):
            blocks = shard.open()
            for block, columns, into in pieces:
                out[here, into] = blocks[block][there, columns]
        return out

    def take(self, indices: Int[np.ndarray, " n"]) -> StoredTable:
        return StoredTable(
            self.layout, self._shards, self._shard_of[indices], self._row_of[indices]
        )

    def followed_by(self, other: KeptTable) -> StoredTable:
        if not isinstance(other, StoredTable) or other.layout != self.layout:
            raise ValueError("two tables of different layouts have no rows in common")
        return StoredTable(
            self.layout,
            (*self._shards, *other._shards),
            np.concatenate([self._shard_of, other._shard_of + len(self._shards)]),
            np.concatenate([self._row_of, other._row_of]),
        )

    def in_memory(self, max_bytes: int = MEMORY_BYTES) -> FeatureTable:
        if self.size_bytes > max_bytes:
            return self
        matrices: list[Stored] = [
            np.empty((self.num_rows, block.width), np.dtype(block.dtype))
            for block in self.layout.blocks
        ]
        for shard, there, here in self._by_shard(np.arange(self.num_rows)):
            for matrix, block in zip(matrices, shard.open(), strict=True):
                matrix[here] = block[there]
        return MemoryTable(self.layout, matrices, self.num_rows)

    def _by_shard(self, indices: Indices) -> Iterator[tuple[Shard, _Places, _Places]]:
        """Yield each shard that is needed, the rows in it, and their places in what is asked."""
        shards = self._shard_of[indices]
        order = np.argsort(shards, kind="stable")
        ends = np.flatnonzero(np.diff(shards[order])) + 1
        for here in np.split(order, ends):
            if len(here):
                shard = self._shards[int(shards[here[0]])]
                there = self._row_of[indices[here]].astype(np.intp)
                yield shard, _places(there), _places(here)


def _pieces(layout: ShardLayout, segments: Sequence[int]) -> tuple[list[_Piece], int]:
    """Return what to copy where, neighbours joined, and the number of columns that come out."""
    places = [
        (number, end - size, size)
        for number, block in enumerate(layout.blocks)
        for end, (_, size) in zip(
            accumulate(size for _, size in block.pools), block.pools, strict=True
        )
    ]
    pieces: list[_Piece] = []
    width = 0
    for i in segments:
        block, start, size = places[i]
        into = width
        if pieces and pieces[-1][0] == block and pieces[-1][1].stop == start:
            _, columns, out = pieces.pop()
            start, into, size = columns.start, out.start, columns.stop - columns.start + size
        width = into + size
        pieces.append((block, slice(start, start + size), slice(into, width)))
    return pieces, width


def _places(indices: npt.NDArray[np.intp]) -> _Places:
    """Return a slice where the rows follow each other: copying it is several times faster."""
    if len(indices) and indices[0] >= 0 and bool((np.diff(indices) == 1).all()):
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
