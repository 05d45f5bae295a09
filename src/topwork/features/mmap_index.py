"""Memory-mapped index of saved activations."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Shaped
from topwork.errors import StoreError
from topwork.features.ragged import Array, RaggedShard

_VIEWS = ("_first", "_count", "_shape_of", "_starts", "_weights", "_shard_of")
"""What is held as memoryviews, which no other process can be given."""


@final
class Located:
    """The windows of examples, by the place of the example, the view, and the window.

    It takes some 40 bytes a window, and a mapping for every shard that was read from: pages that
    the system takes back when it needs the memory.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Iterable[RaggedShard], Container[int]]],
        wanted: Mapping[bytes, int],
        *,
        num_views: int,
        dtype: str,
    ) -> None:
        """Look up examples in shards, of which each source has some of the views.

        `wanted` gives each digest its place, 0 to n - 1. Of a view that is there twice, the first
        counts.
        """
        first = np.full((len(wanted), num_views), -1, np.int64)
        count = np.zeros(len(wanted), np.int32)
        used: list[RaggedShard] = []
        total = 0
        for shards, views in sources:
            for shard in shards:
                before = total
                for digest, view, begin, num in shard.runs:
                    place = wanted.get(digest)
                    if place is not None and view in views and first[place, view] < 0:
                        first[place, view] = before + begin
                        count[place] = num
                        total = before + len(shard.starts)
                if total > before:
                    used.append(shard)
        self.missing: npt.NDArray[np.bool_] = first < 0
        """[examples, views]: of which there is nothing."""
        self.incomplete: npt.NDArray[np.bool_] = np.any(self.missing, axis=1)
        """[examples]: of which some view is missing."""
        self._dtype = np.dtype(dtype)
        self._paths = [shard.path for shard in used]
        self._open: list[Array | None] = [None] * len(used)
        known: dict[tuple[int, ...], int] = {}
        shape_of = [
            np.array([known.setdefault(shape, len(known)) for shape in shard.shapes], np.int32)
            for shard in used
        ]
        self._shapes = [(shape, math.prod(shape)) for shape in known]
        # Memoryviews: they give a Python number in half the time that an array takes for its own.
        self._first, self._count = first.data, count.data
        self._shape_of = _joined(
            [own[shard.shape_of] for own, shard in zip(shape_of, used, strict=True)], np.int32
        )
        self._starts = _joined([shard.starts for shard in used], np.int64)
        self._weights = _joined([shard.weights for shard in used], np.float64)
        self._shard_of = _joined(
            [np.full(len(shard.starts), i, np.int32) for i, shard in enumerate(used)], np.int32
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process takes: arrays in place of views of them, and no maps."""
        state = dict(vars(self))
        state |= {name: np.asarray(state[name]) for name in _VIEWS}
        return {**state, "_open": [None] * len(self._paths)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Undo `__getstate__`."""
        vars(self).update(state)
        vars(self).update({name: state[name].data for name in _VIEWS})

    def num_windows(self, place: int) -> int:
        """How many windows each view of an example has."""
        return self._count[place]

    def shape(self, place: int, window: int) -> tuple[int, ...]:
        """The shape of a window, in every view."""
        return self._shapes[self._shape_of[self._entry(place, 0, window)]][0]

    def weight(self, place: int, window: int) -> float:
        """How much a window counts beside the others of its example."""
        return self._weights[self._entry(place, 0, window)]

    def read(self, place: int, view: int, window: int) -> Shaped[np.ndarray, "..."]:
        """Return a window, mapped and read-only.

        Raises:
            StoreError: its shard was removed meanwhile.
            IndexError: there is no such example, view or window.
        """
        entry = self._entry(place, view, window)
        shard = self._shard_of[entry]
        numbers = self._open[shard]
        if numbers is None:
            numbers = self._open[shard] = self._map(shard)
        shape, size = self._shapes[self._shape_of[entry]]
        start = self._starts[entry]
        return numbers[start : start + size].reshape(shape)

    def _entry(self, place: int, view: int, window: int) -> int:
        return self._first[place, view] + range(self._count[place])[window]

    def _map(self, shard: int) -> Array:
        # Arrow's map lives on when the file is closed; Python's keeps a descriptor for each, and
        # a process may have 1,024 of these.
        import pyarrow as pa

        path = self._paths[shard]
        try:
            with pa.memory_map(str(path)) as file:
                mapped = file.read_buffer()
        except OSError as error:
            raise StoreError(
                f"The activations in {path} can no longer be read: {error.strerror or error}. "
                "Was the cache cleaned meanwhile? Run again: what is missing is computed anew."
            ) from error
        return np.frombuffer(mapped, self._dtype, mapped.size // self._dtype.itemsize)


def _joined(parts: Sequence[Array], dtype: type) -> memoryview:
    return (np.concatenate(parts) if parts else np.zeros(0, dtype)).data
