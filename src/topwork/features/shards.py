"""Shards of features.

A shard is written once, under a name that its examples' digests decide, and never edited.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float, Float32, UInt8
from topwork.errors import StoreError
from topwork.executors.base import Segment
from topwork.features.tensor_file import (
    CODES,
    SUFFIX,
    DamagedShardError,
    read_header,
    write_tensors,
)

EXAMPLES = "examples"
BLOCK_PREFIX = "block."
"""Keeps a block that is called `examples` apart from the digests."""

DIGEST_BYTES = 32
_BYTES = {"F16": 2, "F32": 4, "U8": 1}
FLOATS = ("float16", "float32")

Stored = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class BlockLayout:
    """How one block's numbers lie in a shard: its pools side by side, in one type."""

    name: str
    dtype: str
    pools: tuple[tuple[str, int], ...]

    @property
    def width(self) -> int:
        """The numbers of one example."""
        return sum(size for _, size in self.pools)


@dataclass(frozen=True, kw_only=True)
class ShardLayout:
    """How the features of one example lie in a shard, block after block."""

    blocks: tuple[BlockLayout, ...]

    @staticmethod
    def of(segments: Sequence[Segment], dtypes: Mapping[str, str]) -> ShardLayout:
        """Join the segments, which come block by block, with each block's type."""
        return ShardLayout(
            blocks=tuple(
                BlockLayout(
                    name=name, dtype=dtypes[name], pools=tuple((s.pool, s.size) for s in own)
                )
                for name, own in groupby(segments, key=lambda segment: segment.block)
            )
        )

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in the order in which an executor gives them."""
        return tuple(
            Segment(block=block.name, pool=pool, size=size)
            for block in self.blocks
            for pool, size in block.pools
        )

    @property
    def row_bytes(self) -> int:
        """What one example takes on disk."""
        return DIGEST_BYTES + sum(block.width * _BYTES[CODES[block.dtype]] for block in self.blocks)

    def settings(self) -> list[dict[str, Any]]:
        """The same as plain data, for JSON."""
        return [
            {"name": b.name, "dtype": b.dtype, "pools": [list(pool) for pool in b.pools]}
            for b in self.blocks
        ]

    @staticmethod
    def from_settings(settings: Sequence[Mapping[str, Any]]) -> ShardLayout:
        """Read what `settings` gave. Raises ValueError, KeyError or TypeError on anything else."""
        blocks = []
        for entry in settings:
            pools = tuple((str(pool), int(size)) for pool, size in entry["pools"])
            if entry["dtype"] not in FLOATS:
                raise ValueError(f"type {entry['dtype']!r}; accepted: {', '.join(FLOATS)}")
            blocks.append(BlockLayout(name=str(entry["name"]), dtype=entry["dtype"], pools=pools))
        return ShardLayout(blocks=tuple(blocks))


class ShardBuffer:
    """The rows of a shard that is being filled, in the types in which it will be stored."""

    def __init__(self, layout: ShardLayout, num_rows: int) -> None:
        self.layout = layout
        self.capacity = num_rows
        self.num_rows = 0
        self._digests = np.empty((num_rows, DIGEST_BYTES), np.uint8)
        self._blocks = [np.empty((num_rows, b.width), np.dtype(b.dtype)) for b in layout.blocks]

    @property
    def is_full(self) -> bool:
        """Whether there is no row left."""
        return self.num_rows == self.capacity

    def add(self, digest: bytes, vector: Float32[np.ndarray, " width"]) -> None:
        """Put one example's vector into the next row; float16 is clipped at what it can hold."""
        row, start = self.num_rows, 0
        limit = float(np.finfo(np.float16).max)
        half = np.clip(vector, -limit, limit).astype(
            np.float16
        )  # at once: block by block is slower
        for matrix in self._blocks:
            end = start + matrix.shape[1]
            matrix[row] = (half if matrix.dtype == np.float16 else vector)[start:end]
            start = end
        self._digests[row] = np.frombuffer(digest, np.uint8)
        # Last, so that an interruption half-way leaves a row that does not count.
        self.num_rows = row + 1

    def clear(self) -> None:
        """Begin anew: memory that is used again need not be cleared by the system first."""
        self.num_rows = 0

    def write(self, folder: Path) -> None:
        """Write the rows as a new shard. Raises StoreError where the disk refuses."""
        count = self.num_rows
        tensors = {EXAMPLES: self._digests[:count]}
        tensors |= {
            BLOCK_PREFIX + block.name: matrix[:count]
            for block, matrix in zip(self.layout.blocks, self._blocks, strict=True)
        }
        write_tensors(folder / (shard_name(self._digests[:count]) + SUFFIX), tensors)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A shard on disk that was found whole.

    Attributes:
        offsets: where each block's numbers begin, in bytes from the start of the file.
    """

    path: Path
    num_rows: int
    layout: ShardLayout = field(repr=False)
    offsets: tuple[int, ...] = field(repr=False)

    def open(self) -> list[Float[np.ndarray, "rows _"]]:
        """Map the blocks, each [num_rows, its width], read-only; unmapped once let go of."""
        try:
            with self.path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StoreError(
                f"The features in {self.path} can no longer be read: {error.strerror or error}. "
                "Was the cache cleaned meanwhile? Run again: what is missing is computed anew."
            ) from error
        views = []
        for block, offset in zip(self.layout.blocks, self.offsets, strict=True):
            count = self.num_rows * block.width
            flat = np.frombuffer(data, np.dtype(block.dtype), count, offset)
            views.append(flat.reshape(self.num_rows, block.width))
        return views


def shard_name(digests: UInt8[np.ndarray, "n 32"]) -> str:
    """Return the name that the examples' digests [n, 32] decide."""
    return hashlib.sha256(digests.tobytes()).hexdigest()


def read_shard(path: Path, layout: ShardLayout) -> tuple[Shard, bytes]:
    """Check a shard and return it with its examples' digests, one after the other.

    What is checked: the header, the length, the shapes and types, and that the digests are those
    that gave it its name. The numbers are for `check_numbers`.

    Raises:
        DamagedShardError: one of these is wrong.
        OSError: the file cannot be opened.
    """
    header, start, size_bytes = read_header(path)
    expected: dict[str, tuple[str, int]] = {EXAMPLES: ("U8", DIGEST_BYTES)}
    for block in layout.blocks:
        expected[BLOCK_PREFIX + block.name] = (CODES[block.dtype], block.width)
    try:
        if set(header) != set(expected):
            raise ValueError("it holds other tensors than the space says")
        num_rows = int(header[EXAMPLES]["shape"][0])
        begins = {}
        end_of_data = 0
        for name, (code, width) in expected.items():
            entry = header[name]
            begin, end = entry["data_offsets"]
            length = num_rows * width * _BYTES[code]
            shape = [num_rows, width]
            wrong = entry["dtype"] != code or entry["shape"] != shape
            if wrong or begin < 0 or end - begin != length:
                raise ValueError(f"tensor {name!r} is not {code} {shape}")
            begins[name] = start + int(begin)
            end_of_data = max(end_of_data, start + int(end))
        if end_of_data != size_bytes:
            raise ValueError(f"it has {size_bytes:,} bytes instead of {end_of_data:,}")
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DamagedShardError(f"The shard {path} is damaged: {error}. Remove it.") from error
    with path.open("rb") as file:
        file.seek(begins[EXAMPLES])
        digests = file.read(num_rows * DIGEST_BYTES)
    if hashlib.sha256(digests).hexdigest() != path.name.removesuffix(SUFFIX):
        raise DamagedShardError(
            f"The shard {path} is damaged: its name does not fit its examples. Remove it."
        )
    offsets = tuple(begins[BLOCK_PREFIX + block.name] for block in layout.blocks)
    return Shard(path=path, num_rows=num_rows, layout=layout, offsets=offsets), digests


def count_rows(path: Path) -> int:
    """Return the number of examples that a shard's header claims.

    Raises:
        DamagedShardError: there is no readable header.
        OSError: the file cannot be opened.
    """
    header, _, _ = read_header(path)
    try:
        return int(header[EXAMPLES]["shape"][0])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DamagedShardError(f"The shard {path} is damaged: {error!r}. Remove it.") from error


def read_digests(path: Path) -> list[bytes]:
    """Return the digests of a shard's examples.

    Raises:
        DamagedShardError: they are not there.
        OSError: the file cannot be opened.
    """
    header, start, _ = read_header(path)
    try:
        begin, end = header[EXAMPLES]["data_offsets"]
        with path.open("rb") as file:
            file.seek(start + begin)
            digests = file.read(end - begin)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedShardError(f"The shard {path} is damaged: {error!r}. Remove it.") from error
    return cut_digests(digests)


def cut_digests(digests: bytes) -> list[bytes]:
    """Cut digests that follow one another."""
    whole = len(digests) // DIGEST_BYTES * DIGEST_BYTES
    return [digests[i : i + DIGEST_BYTES] for i in range(0, whole, DIGEST_BYTES)]
