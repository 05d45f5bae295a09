"""Reads Parquet tables whose images are inside, or named by path, a row group at a time.

What it does not know: folders of classes, and how an image is decoded.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.digests import digest_bytes
from topwork.errors import ColumnError, ExampleError, ModalityError, SourceError
from topwork.examples.columns import Columns, plain_text, read_splits
from topwork.examples.example import Skipped, Split
from topwork.examples.identity import Found, clean_text
from topwork.examples.tables import NO_LABEL, ColumnNames, check_files, file_row

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 64  # of images: some tens of MB at most
_MAX_ROW_GROUPS = 4


def read_parquet(
    path: Path,
    given: ColumnNames,
    *,
    root: Path,
    split: Split | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> tuple[list[Found], list[Skipped]]:
    """Return the rows of a Parquet table; the images are hashed in one pass, and not kept.

    The image column may be Hugging Face's `{bytes, path}`, plain binary, or a path relative to
    the table. `on_rows` is called with the number of rows just hashed.

    Raises:
        SourceError: it is not Parquet, or ends early.
        ColumnError, ModalityError: as `choose_columns`; also where the column holds no images.
    """
    import pyarrow.parquet as pq

    name = clean_text(path.relative_to(root).as_posix())
    with _parquet_errors(name), pq.ParquetFile(path) as table:
        schema = table.schema_arrow
        features = _features(schema)
        columns = _choose(schema, features, given, f"The table {name!r}")
        stored = _stored(schema.field(columns.file), f"The table {name!r}")
        others = {columns.label, columns.group, columns.split} - {None}
        values = table.read(columns=sorted(o for o in others if o)).to_pydict()
        labels = _label_names(values[columns.label], features.get(columns.label))
        values[columns.label] = labels
        column_splits = columns.split and read_splits(values[columns.split])
        splits = column_splits or [split] * len(labels)
        rows = _Rows(name=name, columns=columns, values=values, splits=splits)
        if stored == "path":
            return rows.from_paths(table.read(columns=[columns.file]), path)
        sizes = [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)]
        return rows.from_images(_images(table, columns.file, on_rows), path, sizes)


class _Rows:
    """The columns of one table, but for its images."""

    def __init__(
        self,
        *,
        name: str,
        columns: Columns,
        values: dict[str, list[object]],
        splits: list[Split | None],
    ) -> None:
        self.name = name
        self.columns = columns
        self.values = values
        self.splits = splits

    def from_paths(self, files: pa.Table, path: Path) -> tuple[list[Found], list[Skipped]]:
        found: list[Found] = []
        skipped: list[Skipped] = []
        self.values[self.columns.file] = files.column(0).to_pylist()
        prefix = self.name[: self.name.rfind("/") + 1]
        for number, split in enumerate(self.splits):
            row = {column: values[number] for column, values in self.values.items()}
            outcome = file_row(row, self.columns, path.parent, prefix, split)
            if isinstance(outcome, Found):
                found.append(outcome)
            else:
                name, reason = outcome
                skipped.append(Skipped(name=name or f"{self.name}[{number}]", reason=reason))
        check_files(f"The table {self.name!r}", self.columns.file, found, skipped)
        return found, skipped

    def from_images(
        self, images: Iterator[bytes | None], path: Path, sizes: list[int]
    ) -> tuple[list[Found], list[Skipped]]:
        found: list[Found] = []
        skipped: list[Skipped] = []
        starts = [0, *accumulate(sizes)]
        labels = self.values[self.columns.label]
        groups = self.values[self.columns.group] if self.columns.group else [None] * len(labels)
        for number, image in enumerate(images):
            try:
                label, group = plain_text(labels[number]), plain_text(groups[number])
                reason = None if label is not None else NO_LABEL
            except TypeError as error:
                label, group, reason = None, None, str(error)
            if not image:
                reason = "no image in this row" if image is None else "the image is empty (0 bytes)"
            if reason:
                skipped.append(Skipped(name=f"{self.name}[{number}]", reason=reason))
                continue
            digest = digest_bytes(image or b"")
            row_group = bisect_right(starts, number) - 1
            place = number - starts[row_group]
            found.append(
                Found(
                    name=f"{self.name}[{number}]",
                    order=(self.name, number),
                    digest=partial(str, digest),
                    read=partial(_read_image, path, self.columns.file, row_group, place),
                    label=label,
                    group=group,
                    split=self.splits[number],
                )
            )
        return found, skipped


def _images(
    table: Any, column: str, on_rows: Callable[[int], None] | None
) -> Iterator[bytes | None]:
    for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=[column]):
        for image in _binary(batch.column(0)):
            yield image.as_py()
        if on_rows is not None:
            on_rows(batch.num_rows)


class _RowGroups:
    """The row groups read last, so that neighbours in the table are read from the disk once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def get(self, path: Path, column: str, row_group: int) -> Any:
        import pyarrow.parquet as pq

        status = path.stat()  # a table that was written anew is another one
        file = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        key = (file, column, row_group)
        with self._lock:  # whoever waits here most likely waits for the same row group
            if key not in self._kept:
                while len(self._kept) >= _MAX_ROW_GROUPS:
                    self._kept.popitem(last=False)
                with pq.ParquetFile(path) as table:
                    read = table.read_row_group(row_group, columns=[column])
                self._kept[key] = _binary(read.column(0).combine_chunks())
            self._kept.move_to_end(key)
            return self._kept[key]


_row_groups = _RowGroups()


def _read_image(path: Path, column: str, row_group: int, place: int) -> bytes:
    import pyarrow as pa

    try:
        image = _row_groups.get(path, column, row_group)[place].as_py()
    except (pa.ArrowException, OSError, IndexError) as error:
        raise ExampleError(f"its table cannot be read any more: {error}") from error
    return bytes(image)


def _binary(array: Any) -> Any:
    """The bytes of an image column, whichever of its two forms it has."""
    import pyarrow as pa

    # flatten() heeds rows that are null as a whole, which field() does not.
    if pa.types.is_struct(array.type):
        return array.flatten()[array.type.get_field_index("bytes")]
    return array


def _stored(field: Any, origin: str) -> str:
    """How a column stores images: `bytes` or `path`."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        return "bytes"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "bytes"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "path"
    raise ColumnError(
        f"{origin}: its column {field.name!r} holds {kind}, not images. Accepted: encoded images "
        "(binary, or a struct with `bytes`), or paths. Give another with --file-column (in "
        "Python: file_column)."
    )


def _choose(
    schema: Any, features: dict[str, dict[str, Any]], given: ColumnNames, origin: str
) -> Columns:
    """Choose the columns; of images first the one that the file itself declares to be so."""
    declared = {name: str(feature.get("_type")) for name, feature in features.items()}
    images = [n for n in schema.names if declared.get(n) == "Image"]
    if not images and "Audio" in declared.values() and given.file_column is None:
        raise ModalityError(
            f"{origin} looks like sound: its column "
            f"{next(n for n, t in declared.items() if t == 'Audio')!r} is declared as Audio. "
            "Images are what is accepted."
        )
    chosen = given
    if images and given.file_column is None:
        chosen = ColumnNames(
            file_column=images[0],
            label_column=given.label_column,
            group_column=given.group_column,
        )
    return chosen.choose(schema.names, origin)


def _features(schema: Any) -> dict[str, dict[str, Any]]:
    """What Hugging Face's metadata declares of each column; empty where there is none."""
    try:
        text = (schema.metadata or {}).get(b"huggingface", b"{}")
        features = json.loads(text)["info"]["features"]
        return {name: one for name, one in features.items() if isinstance(one, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _label_names(values: list[object], feature: dict[str, Any] | None) -> list[object]:
    """Put names in place of numbers where the file declares them; -1 stands for no label."""
    names = (feature or {}).get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return values
    return [
        (names[value] if 0 <= value < len(names) else None) if isinstance(value, int) else value
        for value in values
    ]


@contextmanager
def _parquet_errors(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"The table {name!r} cannot be read as Parquet: {error}. It is damaged or ends early; "
            "fetch it again."
        ) from error


def count_rows(path: Path, root: Path) -> int:
    """Return how many rows a table has, from its footer. Raises SourceError as `read_parquet`."""
    import pyarrow.parquet as pq

    with _parquet_errors(clean_text(path.relative_to(root).as_posix())):
        return int(pq.read_metadata(path).num_rows)
