"""Tables of every form, by their suffix."""

from __future__ import annotations

from pathlib import Path

from topwork.examples.arrays.npz import read_npz
from topwork.examples.kinds import ARCHIVE_SUFFIX, suffix_of
from topwork.examples.table_folders import TableFile
from topwork.examples.tables.arrow import read_arrow
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.tables.delimited import read_table
from topwork.examples.tables.parquet import OnRows, read_parquet
from topwork.examples.tables.rows import TableRows


def read_any_table(
    table: TableFile, given: ColumnNames, *, root: Path, on_rows: OnRows | None = None
) -> TableRows:
    """Return the rows of a table in a file. Raises as the reader of its form does.

    Args:
        given: the columns that the user named, and what for.
        root: names are given relative to it.
        on_rows: called with the number of rows that were just read, of a Parquet table.
    """
    path, suffix = table.path, suffix_of(table.path.name)
    if suffix == ".parquet":
        return read_parquet(path, given, root=root, split=table.split,
                            partition=table.partition, on_rows=on_rows)  # fmt: skip
    if suffix == ARCHIVE_SUFFIX:
        return read_npz(path, given, root=root)
    read = read_arrow if suffix == ".arrow" else read_table
    return read(path, given, root=root, split=table.split)
