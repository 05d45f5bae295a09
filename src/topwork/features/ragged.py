"""Shards of arrays of any shape.

A tensor is called `digest:view:window`; an example's windows of one view follow each other. Beside
them stand how much each window counts, and the examples' digests. A shard is written once, under a
name that its tensors' names decide, and never edited.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.features.shards import DIGEST_BYTES, EXAMPLES
from topwork.features.tensor_file import (
    CODES,
    SUFFIX,
    DamagedShardError,
    read_header,
    write_tensors,
)

WEIGHTS = "weights"

Array = npt.NDArray[Any]
Views = tuple[Mapping[int, Sequence[Array]], Sequence[float]]
"""Of one example: the windows of each view, and how much each window of a view counts."""

_NAME = re.compile(r"([0-9a-f]{64}):(0|[1-9][0-9]*):(0|[1-9][0-9]*)")


@final
class RaggedBuffer:
    """The arrays of a shard that is being filled."""

    def __init__(self, dtype: str, *, max_examples: int, max_bytes: int) -> None:
        """Take arrays of one type; it is full with so many examples, or so many bytes of them."""
        self._dtype = dtype
        self._max_examples = max_examples
        self._max_bytes = max_bytes
        self.clear()

    @property
    def is_full(self) -> bool:
        """Whether it is to be written now."""
        return self.num_rows >= self._max_examples or self._num_bytes >= self._max_bytes

    def add(self, digest: bytes, row: Views) -> None:
        """Take the views of one example."""
        views, weights = row
        added = {
            f"{digest.hex()}:{view}:{place}": window.astype(self._dtype, order="C", copy=False)
            for view, windows in views.items()
            for place, window in enumerate(windows)
        }
        self._tensors |= added
        self._weights += [weight for _ in views for weight in weights]
        self._digests.append(digest)
        self._num_bytes += sum(one.nbytes for one in added.values())
        self.num_rows += 1

    def clear(self) -> None:
        """Let go of what was written."""
        self.num_rows = self._num_bytes = 0
        self._tensors: dict[str, Array] = {}
        self._weights: list[float] = []
        self._digests: list[bytes] = []

    def write(self, folder: Path) -> None:
        """Write the arrays as a new shard. Raises StoreError where the disk refuses."""
        digests = np.frombuffer(b"".join(self._digests), np.uint8).reshape(-1, DIGEST_BYTES)
        first: dict[str, Array] = {WEIGHTS: np.array(self._weights), EXAMPLES: digests}
        write_tensors(folder / (ragged_name(self._tensors) + SUFFIX), first | self._tensors)


@dataclass(frozen=True, kw_only=True)
class RaggedShard:
    """A shard on disk that was found whole.

    Attributes:
        runs: an example's digest, a view of it, the place of its first window here, and how many
            windows it has.
        starts: where each window's numbers begin, in numbers from the start of the file.
        shapes: those that occur.
        shape_of: each window's, as a place in `shapes`.
        weights: how much each window counts.
    """

    path: Path
    runs: Sequence[tuple[bytes, int, int, int]] = field(repr=False)
    starts: npt.NDArray[np.int64] = field(repr=False)
    shapes: tuple[tuple[int, ...], ...] = field(repr=False)
    shape_of: npt.NDArray[np.int32] = field(repr=False)
    weights: npt.NDArray[np.float64] = field(repr=False)


def ragged_name(names: Iterable[str]) -> str:
    """Return the name that the tensors' names, in their order, decide."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def read_ragged(path: Path, dtype: str) -> RaggedShard:
    """Check a shard and say where everything in it lies.

    What is checked: the header, the length, types and extents, that each view's windows are
    complete, and that the names are those that gave the shard its own. The numbers are for
    `check_numbers`.

    Raises:
        DamagedShardError: one of these is wrong.
        OSError: the file cannot be opened.
    """
    header, data_start, size_bytes = read_header(path)
    try:
        weights_at = _extent(header.pop(WEIGHTS), "float64")
        end_of_data = max(weights_at[2], _extent(header.pop(EXAMPLES), "uint8")[2])
        if ragged_name(header) != path.name.removesuffix(SUFFIX):
            raise ValueError("its name does not fit what is in it")
        if weights_at[0] != (len(header),):
            raise ValueError("its weights are not one for each window")
        runs = _runs(header)
        shapes: dict[tuple[int, ...], int] = {}
        starts, shape_of = np.empty(len(header), np.int64), np.empty(len(header), np.int32)
        itemsize = np.dtype(dtype).itemsize
        for place, entry in enumerate(header.values()):
            shape, begin, end = _extent(entry, dtype)
            starts[place], rest = divmod(data_start + begin, itemsize)
            if rest:
                raise ValueError("a tensor is not aligned")
            shape_of[place] = shapes.setdefault(shape, len(shapes))
            end_of_data = max(end_of_data, end)
        if data_start + end_of_data != size_bytes:
            raise ValueError(f"it has {size_bytes:,} bytes, not {data_start + end_of_data:,}")
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DamagedShardError(f"The shard {path} is damaged: {error}. Remove it.") from error
    with path.open("rb") as file:
        file.seek(data_start + weights_at[1])
        weights = np.frombuffer(file.read(8 * len(header)), np.float64)
    return RaggedShard(
        path=path,
        runs=runs,
        starts=starts,
        shapes=tuple(shapes),
        shape_of=shape_of,
        weights=weights,
    )


def _extent(entry: Mapping[str, Any], dtype: str) -> tuple[tuple[int, ...], int, int]:
    """Return a tensor's shape, and where it begins and ends. Raises ValueError where it is odd."""
    shape = tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    length = math.prod(shape) * np.dtype(dtype).itemsize
    if entry["dtype"] != CODES[dtype] or begin < 0 or end - begin != length:
        raise ValueError(f"a tensor is not {CODES[dtype]} {list(shape)}")
    return shape, begin, end


def _runs(names: Iterable[str]) -> list[tuple[bytes, int, int, int]]:
    """Read the names, which come view by view. Raises ValueError where a window is missing."""
    runs: list[tuple[bytes, int, int, int]] = []
    last = ("", "")
    for place, name in enumerate(names):
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"a tensor is called {name!r}")
        digest, view, window = match.groups()
        if window == "0":
            runs.append((bytes.fromhex(digest), int(view), place, 1))
            last = (digest, view)
        elif last == (digest, view) and int(window) == place - runs[-1][2]:
            runs[-1] = (*runs[-1][:3], runs[-1][3] + 1)
        else:
            raise ValueError(f"before {name!r} a window is missing")
    return runs
