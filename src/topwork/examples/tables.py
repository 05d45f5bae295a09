"""Reads tables that name image files: CSV, TSV and JSON lines.

What it does not know: folders of classes, and Parquet.
"""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from topwork.errors import SourceError
from topwork.examples.columns import Columns, choose_columns, plain_text, read_splits
from topwork.examples.example import Skipped, Split
from topwork.examples.folders import EMPTY, found_file, raise_other_modality
from topwork.examples.identity import Found, clean_text
from topwork.examples.kinds import IMAGE_SUFFIXES, suffix_of

_DELIMITERS = ",;\t"
NO_LABEL = "no label"


@dataclass(frozen=True, kw_only=True)
class ColumnNames:
    """The columns that the user named; None where they are to be found by their usual names."""

    file_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None

    def choose(self, names: Sequence[str], origin: str) -> Columns:
        """Return the columns to use. Raises as `choose_columns` does."""
        return choose_columns(
            names,
            origin,
            file_column=self.file_column,
            label_column=self.label_column,
            group_column=self.group_column,
        )


def read_table(
    path: Path, given: ColumnNames, *, root: Path, split: Split | None = None
) -> tuple[list[Found], list[Skipped]]:
    """Return the files that a .csv, .tsv or .jsonl table names, relative to its own folder.

    Args:
        root: names are given relative to it; the table's folder, or one above.
        split: the part that the whole table is, where its place says so.

    Raises:
        SourceError: it cannot be parsed (the message names the line), or no file is there.
        ColumnError, ModalityError: as `choose_columns`; also where all files are sounds or texts.
    """
    origin = f"The table {clean_text(path.name)!r}"
    try:
        if path.suffix.lower() == ".jsonl":
            names, rows = _read_json_lines(path)
        else:
            names, rows = _read_delimited(path)
    except OSError as error:
        raise SourceError(f"{origin} cannot be read: {error.strerror}. Check its path.") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{origin} is not UTF-8 text (byte {error.start}). Save it as 'CSV UTF-8'."
        ) from error
    columns = given.choose(names, origin)
    column_splits = columns.split and read_splits(row.get(columns.split) for row in rows)
    rows_splits = column_splits or [split] * len(rows)
    found: list[Found] = []
    skipped: list[Skipped] = []
    prefix = path.parent.relative_to(root).as_posix() + "/" if path.parent != root else ""
    for number, (row, part) in enumerate(zip(rows, rows_splits, strict=True)):
        outcome = file_row(row, columns, path.parent, prefix, part)
        if isinstance(outcome, Found):
            found.append(outcome)
        else:
            name, reason = outcome
            skipped.append(
                Skipped(name=name or f"{clean_text(path.name)}[{number}]", reason=reason)
            )
    check_files(origin, columns.file, found, skipped)
    return found, skipped


def file_row(
    row: Mapping[str, object], columns: Columns, folder: Path, prefix: str, split: Split | None
) -> Found | tuple[str, str]:
    """Return the file that a row names, or a name and the reason why it cannot be used."""
    value = row.get(columns.file)
    if value is None or value == "":
        return "", "no file name"
    if not isinstance(value, str):
        return "", f"its file name is {value!r}, not text"
    name = prefix + clean_text(value)
    try:
        label = plain_text(row.get(columns.label))
        group = plain_text(row.get(columns.group)) if columns.group else None
    except TypeError as error:
        return name, str(error)
    if label is None:
        return name, NO_LABEL
    path, reason = _find(folder, value)
    if reason:
        return name, reason
    return found_file(path, name, label=label, group=group, split=split)


def check_files(
    origin: str, column: str, found: Sequence[Found], skipped: Sequence[Skipped]
) -> None:
    """Raise where a table's files as a whole are not there, or are not images."""
    names = [one.name for one in found] + [one.name for one in skipped]
    suffixes = Counter(suffix_of(name) for name in names)
    if not suffixes.keys() & IMAGE_SUFFIXES:
        raise_other_modality(origin, suffixes)
    missing = [s for s in skipped if s.reason.startswith(_NOT_THERE)]
    if missing and not found:
        raise SourceError(
            f"{origin}: of the files that its column {column!r} names, none is there; the first "
            f"is {missing[0].name!r}. Paths are taken relative to the table's folder: move the "
            "table, or correct the paths."
        )


_NOT_THERE = "there is no such file"


def _find(folder: Path, value: str) -> tuple[Path, str | None]:
    """Return a file's path, and the reason why it cannot be used, or None."""
    if "://" in value:
        return folder, "it is a web address; only files on disk are read. Download it first"
    path = folder / value
    try:
        if not path.exists() and "\\" in value:  # written on Windows
            path = folder / value.replace("\\", "/")
        status = path.stat()
    except FileNotFoundError:
        return path, _NOT_THERE
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        return path, f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
    if not stat.S_ISREG(status.st_mode):
        return path, "it is not a file"
    return path, None if status.st_size else EMPTY


def _read_delimited(path: Path) -> tuple[list[str], list[dict[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _sniff(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            rows = list(_named_rows(path, header, reader))
        except csv.Error as error:
            raise _bad_line(path, reader.line_num, str(error)) from error
    return list(dict.fromkeys(header)), rows


def _named_rows(
    path: Path, header: Sequence[str], reader: Iterator[list[str]]
) -> Iterator[dict[str, object]]:
    for number, row in enumerate(reader, start=2):
        if not any(row):
            continue
        if len(row) > len(header):
            raise _bad_line(
                path,
                getattr(reader, "line_num", number),
                f"{len(row)} fields, where the first line names {len(header)} columns; put "
                "fields that hold the delimiter in double quotes",
            )
        # Backwards, so that the first of two columns of the same name is the one that counts.
        yield dict(reversed(list(zip(header, row, strict=False))))


def _sniff(first_line: str) -> str:
    """The delimiter that splits the header into most columns, outside its quotes."""
    outside = "".join(first_line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)  # the first of equals: the comma


def _read_json_lines(path: Path) -> tuple[list[str], list[dict[str, object]]]:
    rows: list[dict[str, object]] = []
    names: dict[str, None] = {}
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
            rows.append(row)
            names.update(dict.fromkeys(row))
    return list(names), rows


def _bad_line(path: Path, number: int, what: str) -> SourceError:
    return SourceError(
        f"The table {clean_text(path.name)!r}, line {number}: {what}. Correct the line."
    )
