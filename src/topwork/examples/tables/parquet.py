"""Parquet tables."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from topwork.core.digests import digest_bytes
from topwork.errors import ColumnError, SourceError
from topwork.examples.contents import array_digest, part_digest
from topwork.examples.deduplicate import RawExample, clean_text
from topwork.examples.example import Modality, Skipped, Split
from topwork.examples.kinds import PREFIX_BYTES, sniff, with_article
from topwork.examples.modality import as_meant, most, refuse_mixture
from topwork.examples.remarks.forms import check_label_values
from topwork.examples.tables.columns import ColumnNames, Columns, Stored
from topwork.examples.tables.delimited import string_rows
from topwork.examples.tables.guess import GUESSED, guessed
from topwork.examples.tables.named_files import file_rows
from topwork.examples.tables.parquet_cells import (
    numbers,
    plain_cells,
    read_bytes,
    read_numbers,
    read_sound,
)
from topwork.examples.tables.parquet_columns import (
    batch_rows,
    check_unfolded,
    may_be_label,
    read_values,
    refuse_too_large,
    stored_kinds,
)
from topwork.examples.tables.rows import Outcome, TableColumns, TableRows, part_name
from topwork.examples.tables.times import check_parts, settle_times

OnRows = Callable[[int], None]


def read_parquet(
    path: Path,
    given: ColumnNames,
    *,
    root: Path,
    split: Split | None = None,
    partition: Mapping[str, str | None] | None = None,
    on_rows: OnRows | None = None,
) -> TableRows:
    """Return the rows of a Parquet table; what is inside is hashed in one pass, and not kept.

    The input column may hold Hugging Face's `{bytes, path}` or plain binary (images, sounds),
    paths relative to the table, texts, or lists of numbers (arrays), also lists of lists.
    `partition` are columns of one value each, which its folders name. `on_rows` is called with the
    number of rows just hashed.

    Raises:
        SourceError: it is not Parquet, or ends early.
        ColumnError: as `ColumnNames.choose`; also where the column holds none of these.
        ModalityError: the inputs are of several kinds.
    """
    import pyarrow.parquet as pq

    name = clean_text(path.relative_to(root).as_posix())
    with _parquet_errors(name), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        features = declared_features(schema)
        stored = stored_kinds(file, features, given.meant)
        declared = [n for n, f in features.items() if f.get("_type") in ("Image", "Audio")]
        origin = f"The table {name!r}"
        more = {n: value for n, value in (partition or {}).items() if n not in schema.names}
        stored |= dict.fromkeys(more, "other")
        given, columns, said = _chosen(file, path, given, origin, stored, declared)
        others = [n for n in columns.others if n not in more]
        column = columns.input_for(given.meant)
        held = stored[column]
        if held == "other":
            kind = "a partition" if column in more else str(schema.field(column).type)
            raise not_inputs(origin, column, kind)
        strings = [n for n in columns.inputs if stored[n] == "text"] if held == "text" else []
        by_groups = [] if strings else [column]
        check_unfolded(
            file,
            [*others, *strings],
            origin,
            stored_bytes=path.stat().st_size,
            by_groups=by_groups,
        )
        values = read_values(path, [*others, *strings], origin, texts=strings)
        num_rows = file.metadata.num_rows
        values |= {n: [more[n]] * num_rows for n in columns.others if n in more}
        if columns.label:
            label = features.get(columns.label)
            values[columns.label] = label_names(values[columns.label], label)
            check_label_values(values[columns.label])
        table = TableColumns(
            name=name,
            folder=path.parent,
            given=given,
            columns=columns,
            values=values,
            num_rows=num_rows,
            split=split,
            names=[*schema.names, *more],
            decided=said,
        )
        if held == "text":
            return string_rows(table)
        cells = _InputColumn(file=file, path=path, column=column, table=table, on_rows=on_rows)
        if held == "array":
            return cells.arrays()
        return cells.encoded(str(features.get(column, {}).get("_type")))


def _chosen(
    file: Any,
    path: Path,
    given: ColumnNames,
    origin: str,
    stored: Mapping[str, Stored],
    declared: Sequence[str],
) -> tuple[ColumnNames, Columns, tuple[str, ...]]:
    """The columns to use: those given, or of usual names, or else told by what they hold."""
    names = list(stored)
    try:
        return given, given.choose(names, origin, stored=stored, declared=declared), ()
    except ColumnError as error:
        within = file.schema_arrow.names
        plain = [name for name in within if may_be_label(file, name) or stored[name] == "text"]
        check_unfolded(file, plain, origin, stored_bytes=path.stat().st_size)
        texts = [name for name in plain if stored[name] == "text"]
        values = read_values(path, plain, origin, texts=texts)
        # Those that hold inputs of another kind have names, too: they are found as ever.
        every: dict[str, Sequence[object]] = {name: values.get(name, []) for name in names}
        given = guessed(given, every, path.parent, error)
        return given, given.choose(names, origin, stored=stored, declared=declared), (GUESSED,)


class _InputColumn:
    """The column of inputs of one table, read from start to end."""

    def __init__(
        self, *, file: Any, path: Path, column: str, table: TableColumns, on_rows: OnRows | None
    ) -> None:
        self._file = file
        self._path = path
        self._column = column
        self._table = table
        self._on_rows = on_rows
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        self._starts = [0, *accumulate(sizes)]

    def arrays(self) -> TableRows:
        """The rows of lists of numbers."""
        outcomes: list[Outcome] = []
        for number, cell in enumerate(self._cells()):
            try:
                digest = array_digest(numbers(cell))
                outcomes.append(self._found(number, digest, read_numbers))
            except ValueError as error:  # an ExampleError, too
                outcomes.append(self._table.skipped(number, str(error)))
        modality = as_meant("array", self._table.given.meant)
        return self._table.rows(modality, outcomes, self._column)

    def encoded(self, declared: str) -> TableRows:
        """The rows of encoded images or sounds; or of files, where there is nothing but paths."""
        outcomes: list[Outcome] = []
        kinds: list[Modality | None] = []
        for number, cell in enumerate(self._cells()):
            data: bytes | None = cell.as_py()
            kinds.append(None)
            if not data:
                # What kind it is, is known at the end only.
                outcomes.append(
                    self._table.skipped(number, _NOTHING if data is None else _NO_BYTES)
                )
                continue
            kind = sniff(data[:PREFIX_BYTES])
            kinds[-1] = kind if kind in ("image", "sound") else None
            try:
                outcomes.append(self._found(number, digest_bytes(data), read_bytes))
            except ValueError as error:
                outcomes.append(self._table.skipped(number, str(error)))
        paths = (
            self._paths() if {getattr(o, "reason", "") for o in outcomes} == {_NOTHING} else None
        )
        if paths is not None:
            return file_rows(self._table, self._column, paths)
        main = self._main_kind(kinds, declared)
        remarks: list[str] = []
        if main == "sound":
            self._table = settle_times(self._table, self._column)
            sounds = [(n, one.name, one.read) for n, one in enumerate(outcomes)
                      if isinstance(one, RawExample) and kinds[n] in (None, main)]  # fmt: skip
            remarks = check_parts(self._table, sounds)
        for number, (one, kind) in enumerate(zip(outcomes, kinds, strict=True)):
            if isinstance(one, Skipped):
                if one.reason in (_NOTHING, _NO_BYTES):
                    outcomes[number] = self._table.skipped(number, one.reason.format(kind=main))
            elif kind not in (None, main):
                outcomes[number] = self._table.skipped(number, f"it is not {with_article(main)}")
            elif main == "sound":
                outcomes[number] = self._sound(number, one)
        return self._table.rows(main, outcomes, self._column, remarks=remarks)

    def _main_kind(self, kinds: Sequence[Modality | None], declared: str) -> Modality:
        counts = Counter(kind for kind in kinds if kind is not None)
        first = {kind: self._table.row_name(kinds.index(kind)) for kind in counts}
        refuse_mixture(counts, self._table.origin, first=first)
        if counts:
            return most(counts)
        meant = self._table.given.meant
        return "sound" if declared == "Audio" or meant == "sound" else "image"

    def _sound(self, number: int, one: RawExample) -> Outcome:
        try:
            start, end = self._table.part(number)
        except ValueError as error:
            return self._table.skipped(number, str(error))
        digest = part_digest(str(one.digest), start, end)
        found = self._found(number, digest, read_sound, start, end)
        if (start is None and end is None) or not self._table.given.need_label:
            return found
        return replace(found, name=one.name + part_name(start, end))

    def _found(
        self, number: int, digest: str, read: Callable[..., object], *more: object
    ) -> RawExample:
        row_group = bisect_right(self._starts, number) - 1
        place = number - self._starts[row_group]
        read = partial(read, self._path, self._column, row_group, place, *more)
        return self._table.found(number, digest, read)

    def _cells(self) -> Iterator[Any]:
        rows = batch_rows(self._file, self._column)
        stored_bytes = self._path.stat().st_size
        group, num_rows, num_bytes = 0, 0, 0
        for batch in self._file.iter_batches(batch_size=rows, columns=[self._column]):
            # One of its row groups is held whole when a row of it is wanted.
            now = bisect_right(self._starts, num_rows) - 1
            num_bytes = batch.nbytes + (num_bytes if now == group else 0)
            group, num_rows = now, num_rows + batch.num_rows
            refuse_too_large(num_bytes, num_rows, self._table.origin, stored_bytes)
            yield from plain_cells(batch.column(0))
            if self._on_rows is not None:
                self._on_rows(batch.num_rows)

    def _paths(self) -> list[object] | None:
        """The paths of a column that holds no bytes; None where it holds no paths either."""
        import pyarrow as pa

        kind = self._file.schema_arrow.field(self._column).type
        if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
            return None
        cells = self._file.read(columns=[self._column]).column(0).to_pylist()
        paths = [cell and cell["path"] for cell in cells]
        return paths if any(paths) else None


_NOTHING = "no {kind} in this row"
_NO_BYTES = "the {kind} is empty (0 bytes)"


def not_inputs(origin: str, column: str, kind: str) -> ColumnError:
    """The refusal of a column that holds no inputs."""
    return ColumnError(
        f"{origin}: its column {column!r} holds {kind}. Accepted: encoded images or "
        "sounds (binary, or a struct with `bytes`), paths, texts, or lists of numbers. Give "
        "another with --input-column (in Python: input_column)."
    )


def declared_features(schema: Any) -> dict[str, dict[str, Any]]:
    """Return what Hugging Face's metadata declares of each column; empty where there is none."""
    try:
        text = (schema.metadata or {}).get(b"huggingface", b"{}")
        features = json.loads(text)["info"]["features"]
        return {name: one for name, one in features.items() if isinstance(one, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def label_names(values: Sequence[object], feature: dict[str, Any] | None) -> Sequence[object]:
    """Put names in place of numbers where the table declares them; -1 stands for no label."""
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
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The table {name!r} holds text that is not UTF-8 (0x{error.object[error.start]:02X} "
            f"after {error.object[:20]!r}). Write it again from text that was decoded with its "
            "encoding."
        ) from error
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
