"""All columns of a table, as they are."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.kinds import SHEET_SUFFIXES, TABLE_SUFFIXES, suffix_of
from topwork.examples.table_folders import TableFile, whole_tables
from topwork.examples.tables.arrow import arrow_table
from topwork.examples.tables.delimited import read_columns
from topwork.examples.tables.parquet_columns import check_unfolded
from topwork.examples.tables.sheet import sheet_rows

_PLAIN = (str, bool, int, float, bytes, datetime.date, datetime.time, datetime.timedelta, Decimal)


def own_columns(source: str | os.PathLike[str]) -> Any | None:
    """Return a table in a file or folder as an Arrow table, with the rows of `read_inputs`.

    None where it is no table, or one of arrays in a .npz, which has no columns.

    Raises SourceError where it cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        pieces, _ = whole_tables(path)
    else:
        pieces = [TableFile(path=path)] if suffix_of(path.name) in TABLE_SUFFIXES else []
    tables = [_piece(piece) for piece in pieces]
    if not tables:
        return None
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise SourceError(
            f"The tables in {clean_text(str(path))!r} have columns of one name and several types: "
            f"{error}. Predict of one table at a time."
        ) from error


def _piece(piece: TableFile) -> Any:
    import pyarrow as pa

    path, suffix = piece.path, suffix_of(piece.path.name)
    name = clean_text(path.name)
    if suffix == ".arrow":
        table = arrow_table(path, name)
    elif suffix == ".parquet":
        table = _parquet(path, name)
    else:
        every: dict[str, Sequence[object]] = {}
        every.update(_sheet(path) if suffix in SHEET_SUFFIXES else read_columns(path, list))
        table = pa.table({column: _array(values) for column, values in every.items()})
    for key, value in piece.partition.items():
        if key not in table.column_names:
            table = table.append_column(key, pa.array([value] * table.num_rows, pa.string()))
    return table


def _parquet(path: Path, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_unfolded(file, names, f"The table {name!r}", stored_bytes=path.stat().st_size)
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"The table {name!r} cannot be read: {error}. Fetch it again.") from error


def _sheet(path: Path) -> Mapping[str, Sequence[object]]:
    names, rows = sheet_rows(path, [])
    columns: dict[str, list[object]] = {name: [] for name in names if name}
    places = {name: place for place, name in reversed(list(enumerate(names))) if name}
    for row in rows:
        for name, values in columns.items():
            value = row[places[name]]
            whole = isinstance(value, float) and value.is_integer()
            values.append(None if value == "" else int(value) if whole else value)
    return columns


def _array(values: Sequence[object]) -> Any:
    """An Arrow array; of values that are of several types, their texts."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return pa.array([None if value is None else _as_text(value) for value in values])


def _as_text(value: object) -> str:
    text = str(value) if isinstance(value, _PLAIN) else json.dumps(value, default=str)
    return clean_text(text)
