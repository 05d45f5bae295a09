"""Text tables: CSV, TSV, JSON; and sheets."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from topwork.errors import ColumnError, SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.example import Split
from topwork.examples.kinds import DOCUMENT_SUFFIXES, SHEET_SUFFIXES, modality_of, suffix_of
from topwork.examples.tables.columns import ColumnNames, Columns
from topwork.examples.tables.encoding import encoding_instead, encoding_of, say_encoding
from topwork.examples.tables.first_lines import find_start
from topwork.examples.tables.guess import GUESSED, guessed
from topwork.examples.tables.json_rows import read_json, read_json_lines
from topwork.examples.tables.named_files import file_rows
from topwork.examples.tables.opened import Choose, bad_line, form_of, open_text
from topwork.examples.tables.rows import TableColumns, TableRows, text_rows
from topwork.examples.tables.sheet import read_sheet

_SAMPLE = 200
_MAX_NAME = 4096


def read_table(
    path: Path, given: ColumnNames, *, root: Path, split: Split | None = None
) -> TableRows:
    """Return the rows of a text table or a sheet. Paths are relative to its own folder.

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
    all_names: list[str] = []
    said: list[str] = []

    def choose(names: Sequence[str]) -> Sequence[str]:
        all_names[:] = names
        chosen[:] = [given.choose(names, origin)]
        return (*chosen[0].inputs, *chosen[0].others)

    try:
        values = read_columns(path, choose, said)
    except ColumnError as error:
        given = guessed(given, read_columns(path, list), path.parent, error)
        said = [GUESSED]
        values = read_columns(path, choose, said)
    table = TableColumns(
        name=clean_text(path.relative_to(root).as_posix()),
        folder=path.parent,
        given=given,
        columns=chosen[0],
        values=values,
        num_rows=len(values[chosen[0].inputs[0]]),
        split=split,
        names=all_names,
        decided=tuple(said),
    )
    return string_rows(table)


def string_rows(table: TableColumns) -> TableRows:
    """Return the rows of a table whose inputs are strings: names of files, or texts."""
    column, held = _choose_strings(table)
    if held == "files":
        return file_rows(table, column, table.values[column])
    return table.rows("text", text_rows(table, column), column)


def _choose_strings(table: TableColumns) -> tuple[str, Literal["files", "texts"]]:
    """Which column of strings is the input, and whether it names files or holds texts."""
    columns, meant = table.columns, table.given.meant
    if columns.given is not None:
        # Names of files are texts like any where a backbone of texts was named to read them.
        some = _name_files(table, columns.given, there=meant == "text", texts=meant == "text")
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
    table: TableColumns,
    column: str,
    *,
    there: bool = False,
    every_row: bool = False,
    texts: bool = False,
) -> bool:
    """Whether most of a column's values, of a sample, are names of files.

    Such a name is that of a file that exists, or (unless `there`) has a suffix that is known.
    Blanks do not count and web addresses do, but the other way about with `every_row`. With
    `texts`, files of other kinds do not count.
    """
    given = [value if isinstance(value, str) else "" for value in table.values[column]]
    values = [value for value in given if every_row or value.strip()]
    sample = values[:: max(1, len(values) // _SAMPLE)]
    names = [value for value in sample if not (every_row and "://" in value)]
    if texts:
        names = [value for value in names if modality_of(value) == "text" or not suffix_of(value)]
    num = sum(_names_file(table.folder, value, there) for value in names)
    return num > len(sample) / 2


def _names_file(folder: Path, value: str, there: bool) -> bool:
    if not value or len(value) > _MAX_NAME or "\n" in value:
        return False
    suffix = suffix_of(value)
    if not there and (modality_of(value) or suffix in DOCUMENT_SUFFIXES):
        return True
    return os.path.isfile(folder / value)


def read_columns(
    path: Path, choose: Choose, said: list[str] | None = None
) -> dict[str, list[object]]:
    """Return the wanted columns of a text table or sheet, by name; None where a row is short.

    Args:
        said: takes what reading settled by itself, in sentences.

    Raises:
        SourceError: it cannot be read or parsed; the message names the line.
    """
    origin = f"The table {clean_text(path.name)!r}"
    said = [] if said is None else said
    if suffix_of(path.name) in SHEET_SUFFIXES:
        return read_sheet(path, choose, said)
    try:
        encoding = encoding_of(path)
        try:
            return _read_as(path, choose, encoding, said)
        except UnicodeDecodeError as error:
            return _read_as(path, choose, encoding_instead(path, error), said)
    except OSError as error:
        raise SourceError(f"{origin} cannot be read: {error.strerror}. Check its path.") from error


def _read_as(path: Path, choose: Choose, encoding: str, said: list[str]) -> dict[str, list[object]]:
    settled, form = say_encoding(path, encoding), form_of(path)
    if form in (".jsonl", ".ndjson"):
        columns = read_json_lines(path, choose, encoding)
    elif form == ".json":
        columns = read_json(path, choose, encoding, settled)
    elif form == ".tsv":
        columns = _read_tsv(path, choose, encoding, settled)
    else:
        columns = _read_delimited(path, choose, encoding, settled)
    said += settled
    return columns


def _read_tsv(
    path: Path, choose: Choose, encoding: str, said: list[str]
) -> dict[str, list[object]]:
    """Read a .tsv. Many are written without quoting: a quotation mark is then a letter like any."""
    before = list(said)
    try:
        return _read_delimited(path, choose, encoding, said)
    except SourceError as error:
        said[:] = before
        try:
            return _read_delimited(path, choose, encoding, said, quoting=csv.QUOTE_NONE)
        except SourceError:
            raise error from None


def _read_delimited(
    path: Path,
    choose: Choose,
    encoding: str,
    said: list[str],
    *,
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL,
) -> dict[str, list[object]]:
    with open_text(path, encoding, newline="") as file, _fields_of_any_length():
        tabs = "\t" if form_of(path) == ".tsv" else None
        start = find_start(file, clean_text(path.name), tabs)
        said += start.said
        reader = csv.reader(start.lines, delimiter=start.delimiter, strict=True, quoting=quoting)
        try:
            header = [name.strip() for name in next(reader, [])]
            names = list(dict.fromkeys(header))
            wanted = choose(names)
            # The first of two columns of the same name is the one that counts.
            first = {name: place for place, name in reversed(list(enumerate(header)))}
            places = [(first[name], name) for name in dict.fromkeys(wanted)]
            columns: dict[str, list[object]] = {name: [] for _, name in places}
            for row in reader:
                if not any(row):
                    continue
                if len(row) > len(header):
                    raise bad_line(
                        path,
                        start.num_before + reader.line_num,
                        f"{len(row)} fields, where the first line names {len(header)} columns; put "
                        "fields that hold the delimiter in double quotes",
                    )
                for place, name in places:
                    columns[name].append(row[place] if place < len(row) else None)
        except csv.Error as error:
            number = start.num_before + reader.line_num
            raise bad_line(path, number, str(error)) from error
    return columns


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """A text may be longer than the 131,072 characters that Python allows a field by itself."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)
