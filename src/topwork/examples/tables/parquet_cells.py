"""Single cells of Parquet tables."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Shaped
from topwork.errors import ExampleError
from topwork.examples.contents import check_numbers
from topwork.examples.sounds.sound import SoundFile

_MAX_ROW_GROUPS = 4


_lock = threading.Lock()


@lru_cache(maxsize=_MAX_ROW_GROUPS)
def _row_group(path: Path, column: str, row_group: int, file: tuple[int, ...]) -> Any:
    """Read a row group of a file, of which the last few are kept for neighbours in the table."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        read = table.read_row_group(row_group, columns=[column])
    return plain_cells(read.column(0).combine_chunks())


def plain_cells(array: Any) -> Any:
    """The bytes of a column of `{bytes, path}`; any other column as it is."""
    import pyarrow as pa

    # flatten() heeds rows that are null as a whole, which field() does not.
    if pa.types.is_struct(array.type):
        return array.flatten()[array.type.get_field_index("bytes")]
    return array


def read_bytes(path: Path, column: str, row_group: int, place: int) -> bytes:
    """Return the encoded input in a cell. Raises ExampleError where it is not there any more."""
    return bytes(_cell(path, column, row_group, place).as_py())


def read_sound(
    path: Path,
    column: str,
    row_group: int,
    place: int,
    start_seconds: float | None,
    end_seconds: float | None,
) -> SoundFile:
    """Return the encoded sound in a cell, or a part of it. Raises as `read_bytes`."""
    data = read_bytes(path, column, row_group, place)
    return SoundFile(source=data, start_seconds=start_seconds, end_seconds=end_seconds)


def read_numbers(path: Path, column: str, row_group: int, place: int) -> Shaped[np.ndarray, "..."]:
    """Return the list of numbers in a cell. Raises as `read_bytes` and `numbers`."""
    return numbers(_cell(path, column, row_group, place))


def numbers(cell: Any) -> Shaped[np.ndarray, "..."]:
    """Return a cell's list, which may hold lists in turn, as an array.

    Raises ExampleError where it is null, empty or ragged, or where numbers in it are null.
    """
    import pyarrow.compute as pc

    values = cell.values
    if values is None:
        raise ExampleError("no array in this row")
    shape = [len(values)]
    while hasattr(values.type, "value_type"):
        lengths = set(pc.list_value_length(values).to_pylist())
        if None in lengths:
            raise ExampleError("some of its lists are null")
        if len(lengths) > 1:
            raise ExampleError(
                f"its lists are of {len(lengths)} lengths, {min(lengths)} to {max(lengths)}: they "
                "make no array"
            )
        shape.append(lengths.pop() if lengths else 0)
        values = values.flatten()
    if values.null_count:
        raise ExampleError(f"{values.null_count} of its {len(values)} numbers are null")
    array: npt.NDArray[Any] = np.asarray(values.to_numpy(zero_copy_only=False)).reshape(shape)
    check_numbers(array)
    return array


def _cell(path: Path, column: str, row_group: int, place: int) -> Any:
    import pyarrow as pa

    try:
        status = path.stat()  # a table that was written anew is another one
        file = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        with _lock:  # whoever waits here most likely waits for the same row group
            return _row_group(path, column, row_group, file)[place]
    except (pa.ArrowException, OSError, IndexError) as error:
        raise ExampleError(f"its table cannot be read any more: {error}") from error
