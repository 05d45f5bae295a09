"""CSV, TSV and JSON lines."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.example import Split
from topwork.examples.kinds import DOCUMENT_SUFFIXES, modality_of, suffix_of
from topwork.examples.tables.columns import ColumnNames, Columns
from topwork.examples.tables.named_files import file_rows
from topwork.examples.tables.rows import TableColumns, TableRows, text_rows

_DELIMITERS = ",;\t"
_SAMPLE = 200
_MAX_NAME = 4096

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Called with the names of all columns; returns those that are wanted."""


def read_table(
    path: Path, given: ColumnNames, *, root: Path, split: Split | None = None
) -> TableRows:
    """Return the rows of a .csv, .tsv or .jsonl table. Paths are relative to its own folder.

    Args:
        path: of the table.
        given: the columns that the user named, and what for.
        root: names are given relative to it; the table's folder, or one above.
        split: the part that the whole table is, where its place says so.

    Raises:
        SourceError: it cannot be parsed (the message names the line), or no file is there.
        ColumnError: as `ColumnNames.choose`.
        ModalityError: the files are of several kinds.
    """
    origin = f"The table {clean_text(path.name)!r}"
    chosen: list[Columns] = []

    def choose(names: Sequence[str]) -> Sequence[str]:
        chosen[:] = [given.choose(names, origin)]
        return (*chosen[0].inputs, *chosen[0].others)

    values = read_columns(path, choose)
    table = TableColumns(
        name=clean_text(path.relative_to(root).as_posix()),
        folder=path.parent,
        given=given,
        columns=chosen[0],
        values=values,
        num_rows=len(values[chosen[0].inputs[0]]),
        split=split,
    )
    return string_rows(table)


def string_rows(table: TableColumns) -> TableRows:
    """Return the rows of a table whose inputs are strings: names of files, or texts."""
    column, held = _choose_strings(table)
    if held == "files":
        return file_rows(table, column, table.values[column])
    return TableRows(modality="text", outcomes=text_rows(table, column))


def _choose_strings(table: TableColumns) -> tuple[str, Literal["files", "texts"]]:
    """Which column of strings is the input, and whether it names files or holds texts."""
    columns, meant = table.columns, table.given.meant
    if columns.given is not None:
        some = _name_files(table, columns.given)
        return columns.given, "files" if some else "texts"
    if columns.text is None:
        return columns.inputs[0], "files"
    file = columns.file if columns.file in table.values and meant != "text" else None
    # Beside texts, a column of files must name one in most rows: tickets have attachments.
    if file is not None and _name_files(table, file, every_row=True):
        return file, "files"
    some = _name_files(table, columns.text, there=True)
    return columns.text, "files" if some else "texts"


def _name_files(
    table: TableColumns, column: str, *, there: bool = False, every_row: bool = False
) -> bool:
    """Whether most of a column's values, of a sample, are names of files.

    Such a name is that of a file that exists, or (unless `there`) has a suffix that is known.
    Blanks do not count and web addresses do, but the other way about with `every_row`.
    """
    given = [value if isinstance(value, str) else "" for value in table.values[column]]
    values = [value for value in given if every_row or value.strip()]
    sample = values[:: max(1, len(values) // _SAMPLE)]
    names = [value for value in sample if not (every_row and "://" in value)]
    num = sum(_names_file(table.folder, value, there) for value in names)
    return num > len(sample) / 2


def _names_file(folder: Path, value: str, there: bool) -> bool:
    if not value or len(value) > _MAX_NAME or "\n" in value:
        return False
    suffix = suffix_of(value)
    if not there and (modality_of(value) or suffix in DOCUMENT_SUFFIXES):
        return True
    return os.path.isfile(folder / value)


def read_columns(path: Path, choose: Choose) -> dict[str, list[object]]:
    """Return the wanted columns of a .csv, .tsv or .jsonl table, by name; None where one is short.

    Raises:
        SourceError: it cannot be read or parsed; the message names the line.
    """
    origin = f"The table {clean_text(path.name)!r}"
    try:
        if path.suffix.lower() == ".jsonl":
            return _read_json_lines(path, choose)
        if path.suffix.lower() == ".tsv":
            return _read_tsv(path, choose)
        return _read_delimited(path, choose)
    except OSError as error:
        raise SourceError(f"{origin} cannot be read: {error.strerror}. Check its path.") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{origin} is not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8'."
        ) from error


def _read_tsv(path: Path, choose: Choose) -> dict[str, list[object]]:
    """Read a .tsv. Many are written without quoting: a quotation mark is then a letter like any."""
    try:
        return _read_delimited(path, choose)
    except SourceError as error:
        try:
            return _read_delimited(path, choose, quoting=csv.QUOTE_NONE)
        except SourceError:
            raise error from None


def _read_delimited(
    path: Path, choose: Choose, *, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> dict[str, list[object]]:
    with path.open(encoding="utf-8-sig", newline="") as file, _fields_of_any_length():
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True, quoting=quoting)
        try:
            header = [name.strip() for name in next(reader, [])]
            names = list(dict.fromkeys(header))
            wanted = choose(names)
            # The first of two columns of the same name is the one that counts.
            places = [(header.index(name), name) for name in dict.fromkeys(wanted)]
            columns: dict[str, list[object]] = {name: [] for _, name in places}
            for row in reader:
                if not any(row):
                    continue
                if len(row) > len(header):
                    raise _bad_line(
                        path,
                        reader.line_num,
                        f"{len(row)} fields, where the first line names {len(header)} columns; put "
                        "fields that hold the delimiter in double quotes",
                    )
                for place, name in places:
                    columns[name].append(row[place] if place < len(row) else None)
        except csv.Error as error:
            raise _bad_line(path, reader.line_num, str(error)) from error
    return columns


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """A text may be longer than the 131,072 characters that Python allows a field by itself."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _sniff(first_line: str) -> str:
    """The delimiter that splits the header into most columns, outside its quotes."""
    outside = "".join(first_line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)  # the first of equals: the comma


def _read_json_lines(path: Path, choose: Choose) -> dict[str, list[object]]:
    """Read it twice: first the names, so that only the columns that are wanted are kept."""
    names: dict[str, None] = {}
    for row in _json_rows(path):
        names.update(dict.fromkeys(row))
    columns: dict[str, list[object]] = {name: [] for name in choose(list(names))}
    for row in _json_rows(path):
        for name, values in columns.items():
            values.append(row.get(name))
    return columns


def _json_rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _bad_line(path, number, f"not JSON ({error})") from error
            if not isinstance(row, dict):
                raise _bad_line(path, number, f"a {type(row).__name__}, not an object {{...}}")
            yield row


def _bad_line(path: Path, number: int, what: str) -> SourceError:
    return SourceError(
        f"The table {clean_text(path.name)!r}, line {number}: {what}. Correct the line."
    )
