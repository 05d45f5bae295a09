"""Arrow tables, in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.example import Split
from topwork.examples.tables.cells import ArrowCells
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.tables.frame import Frame, read_frame
from topwork.examples.tables.parquet import declared_features
from topwork.examples.tables.parquet_columns import ROW_BYTES
from topwork.examples.tables.rows import TableRows
from topwork.examples.unfolding import check_unfolded_bytes

_MARK = b"ARROW1"
"""Of files for random use, which Feather is; a stream has none."""


def read_arrow(
    path: Path, given: ColumnNames, *, root: Path, split: Split | None = None
) -> TableRows:
    """Return the rows of an Arrow file, as a stream (`save_to_disk` of datasets) or for random use.

    It is mapped into memory, not read.

    Raises:
        SourceError: it is no such file, or ends early.
        ColumnError, ModalityError: as `read_frame`.
    """
    name = clean_text(path.relative_to(root).as_posix())
    frame = arrow_frame(arrow_table(path, name), name, path.parent)
    return read_frame(frame, given, split=split)


def arrow_frame(table: Any, name: str, folder: Path = Path()) -> Frame:
    """Return the frame that an Arrow table is."""
    columns = {
        column: ArrowCells(ColumnPart(table.column(place)), table.num_rows)
        for place, column in reversed(list(enumerate(table.column_names)))
    }
    return Frame(
        name=name,
        columns=dict(reversed(columns.items())),
        num_rows=table.num_rows,
        folder=folder,
        features=declared_features(table.schema),
    )


def arrow_table(path: Path, name: str) -> Any:
    """Return the Arrow table in a file. Raises SourceError where it is none."""
    import pyarrow as pa

    origin, stored_bytes = f"The table {name!r}", path.stat().st_size
    try:
        with pa.memory_map(str(path)) as source:
            schema, found = _batches(source)
            batches = []
            num_bytes = num_rows = 0
            for batch in found:
                batch.validate(full=True)  # else damage is read as addresses
                num_bytes, num_rows = num_bytes + batch.nbytes, num_rows + batch.num_rows
                need = max(num_bytes - stored_bytes, 0) + num_rows * ROW_BYTES
                what = f"{origin}: its {num_rows:,} rows unfold"
                check_unfolded_bytes(need, stored_bytes, what, "Cut it into several tables")
                batches.append(batch)
            return pa.Table.from_batches(batches, schema)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise SourceError(
            f"{origin} cannot be read as an Arrow file: {error}. It is damaged or ends early; save "
            "it again."
        ) from error


def _batches(source: Any) -> tuple[Any, Iterator[Any]]:
    """The schema of an open file of either form, and its rows in parts."""
    import pyarrow as pa

    mark = source.read(len(_MARK))
    source.seek(0)
    if mark != _MARK:
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)
    file = pa.ipc.open_file(source)
    return file.schema, (file.get_batch(place) for place in range(file.num_record_batches))


@final
class ColumnPart:
    """Gives a part of an Arrow column."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __call__(self, start: int, stop: int) -> Any:
        return self._column.slice(start, stop - start)
