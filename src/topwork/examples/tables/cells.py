"""Columns of tables in memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, final

import numpy as np
from PIL import Image

from topwork.errors import ExampleError
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.tables.columns import Stored
from topwork.examples.tables.parquet_cells import numbers
from topwork.examples.tables.parquet_columns import column_values, stored_kind

_BATCH_ROWS = 64  # as of Parquet: of images some tens of MB
_LOOKED_AT = 100
_DAMAGED = "__damaged__"


class CellColumn(ABC):
    """The cells of one column.

    Attributes:
        stored: what it holds.
        is_lazy: whether a cell is made anew each time that it is read.
        type_name: of what it holds, for messages.
    """

    stored: Stored
    is_lazy: bool
    type_name: str

    @abstractmethod
    def values(self, name: str, origin: str, *, is_text: bool = False) -> Sequence[object]:
        """Return all cells as plain values; None where one is missing."""

    @abstractmethod
    def cells(self) -> Iterator[object]:
        """Yield all cells as what `kind_of_object` knows; errors in place of damaged ones."""

    @abstractmethod
    def cell(self, number: int) -> object:
        """Return one of them. Raises ExampleError where it is damaged."""


@final
class ObjectCells(CellColumn):
    """Python objects; with a function to read them, one that makes each anew."""

    def __init__(
        self, objects: Sequence[object], read: Callable[[int], object] | None = None
    ) -> None:
        self._objects = objects
        self._read = read
        self.is_lazy = read is not None
        there = list(islice((one for one in self._objects if one is not None), _LOOKED_AT))
        kinds = {_kind_of(one) for one in there}
        self.stored = kinds.pop() if len(kinds) == 1 else "other" if not kinds else _mixed(kinds)
        names = dict.fromkeys(type(one).__name__ for one in there)
        self.type_name = " and ".join(list(names)[:3]) or "nothing"

    def values(self, name: str, origin: str, *, is_text: bool = False) -> Sequence[object]:
        return list(self._objects)

    def cells(self) -> Iterator[object]:
        yield from self._objects

    def cell(self, number: int) -> object:
        return self._objects[number] if self._read is None else self._read(number)


@final
class ArrowCells(CellColumn):
    """Arrow arrays, a slice of which is fetched when it is wanted.

    Args:
        slice_of: gives the rows from one number to another, as an Arrow array or chunked array.
    """

    is_lazy = True

    def __init__(self, slice_of: Callable[[int, int], Any], num_rows: int) -> None:
        self._slice_of = slice_of
        self._num_rows = num_rows
        kind = _storage_type(slice_of(0, 0).type)
        self.stored = "media" if _names(kind) & {"array", "path"} else stored_kind(kind)
        self.type_name = str(kind)

    def values(self, name: str, origin: str, *, is_text: bool = False) -> Sequence[object]:
        import pyarrow as pa

        column = self._slice_of(0, self._num_rows)
        column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
        return column_values(column, name, origin, is_text)

    def cells(self) -> Iterator[object]:
        for start in range(0, self._num_rows, _BATCH_ROWS):
            for scalar in self._slice_of(start, min(start + _BATCH_ROWS, self._num_rows)):
                try:
                    yield _plain(scalar)
                except ExampleError as error:
                    yield error

    def cell(self, number: int) -> object:
        return _plain(self._slice_of(number, number + 1)[0])


def _kind_of(value: object) -> Stored:
    """What a Python object is, as the cell of a column."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(value, os.PathLike | Image.Image | Sound | SoundFile):
        return "media"
    if isinstance(value, Mapping):
        return "media" if value.keys() & {"bytes", "path", "array"} else "other"
    if isinstance(value, np.ndarray) and value.ndim:
        return "array" if value.ndim == 1 else "media"
    is_list = isinstance(value, list | tuple) and len(value) > 0
    return "array" if is_list and isinstance(value[0], int | float | list) else "other"  # type: ignore[index]


def _mixed(kinds: set[Stored]) -> Stored:
    """Of several kinds: inputs where some are; the rest are then refused one by one."""
    return "media" if kinds & {"media", "bytes", "array"} else "other"


def _storage_type(kind: Any) -> Any:
    import pyarrow as pa

    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _names(kind: Any) -> set[str]:
    import pyarrow as pa

    return {kind.field(place).name for place in range(kind.num_fields)} if pa.types.is_struct(
        kind
    ) else set()  # fmt: skip


def _plain(scalar: Any) -> object:
    """An Arrow scalar as a Python object, lists of numbers as arrays. Raises ExampleError."""
    import pyarrow as pa

    if isinstance(scalar, pa.ExtensionScalar):
        scalar = scalar.value
    if scalar is None or not scalar.is_valid:
        return None
    if pa.types.is_struct(scalar.type):
        return {name: _plain(scalar[name]) for name in _names(scalar.type)}
    if stored_kind(scalar.type) == "array":
        return numbers(scalar)
    return scalar.as_py()
