"""Feature table over shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Indices, Int
from topwork.features.shards import DIGEST_BYTES, Shard, ShardLayout, Stored
from topwork.features.table import FeatureTable

MEMORY_BYTES = 2**30
"""Up to here a table is taken into memory: 14,000 examples of EfficientNet-Lite0 with all pools."""

_Places = slice | npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A run of columns of one block, and the columns that it becomes."""

    block: int
    columns: slice
    out: slice


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
        for piece in pieces:
            out[:, piece.out] = self._matrices[piece.block][places, piece.columns]
        return out


@final
class StoredTable(FeatureTable):
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
        """What `in_memory` would take."""
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
            for piece in pieces:
                out[here, piece.out] = blocks[piece.block][there, piece.columns]
        return out

    def iter_chunks(self, rows_per_chunk: int) -> Iterator[Float32[np.ndarray, "_ width"]]:
        """Yield all rows in order, with all segments, float32 [at most rows_per_chunk, width]."""
        everything = range(len(self.segments))
        for start in range(0, self.num_rows, rows_per_chunk):
            stop = min(start + rows_per_chunk, self.num_rows)
            yield self.read(np.arange(start, stop), everything)

    def in_memory(self, max_bytes: int = MEMORY_BYTES) -> FeatureTable:
        """Return the same features in memory, or this table where they would take more.

        For whoever reads them many times over: training does, embedding does not.
        """
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
        (number, start, size)
        for number, block in enumerate(layout.blocks)
        for start, size in _starts([size for _, size in block.pools])
    ]
    pieces: list[_Piece] = []
    width = 0
    for i in segments:
        block, start, size = places[i]
        last = pieces[-1] if pieces else None
        if last is not None and last.block == block and last.columns.stop == start:
            begin, first = last.columns.start, last.out.start
            pieces.pop()
        else:
            begin, first = start, width
        pieces.append(
            _Piece(block=block, columns=slice(begin, start + size), out=slice(first, width + size))
        )
        width += size
    return pieces, width


def _starts(sizes: Sequence[int]) -> list[tuple[int, int]]:
    ends = np.cumsum(sizes).tolist()
    return [(end - size, size) for end, size in zip(ends, sizes, strict=True)]


def _places(indices: npt.NDArray[np.intp]) -> _Places:
    """Return a slice where the rows follow each other: copying it is several times faster."""
    if len(indices) and indices[0] >= 0 and bool((np.diff(indices) == 1).all()):
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices
