"""Tables in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.tables.opened import Choose, bad_line, open_text

Rows = Sequence[Mapping[str, object]]


def read_json_lines(path: Path, choose: Choose, encoding: str) -> dict[str, list[object]]:
    """Return the wanted columns of JSON lines. Raises SourceError, which names the line.

    They are read twice: first the names, so that only the columns that are wanted are kept.
    """
    names: dict[str, None] = {}
    for row in _lines(path, encoding):
        names.update(dict.fromkeys(row))
    columns: dict[str, list[object]] = {name: [] for name in choose(list(names))}
    for row in _lines(path, encoding):
        for name, values in columns.items():
            values.append(row.get(name))
    return columns


def read_json(
    path: Path, choose: Choose, encoding: str, said: list[str]
) -> dict[str, list[object]]:
    """Return the wanted columns of one JSON value, or of lines that are named .json all the same.

    It is a list of objects, alone or as the one value of an object; or an object of columns: lists,
    or objects by row, as pandas writes them.

    Raises SourceError where it is none of these; the message names the line or row.
    """
    with open_text(path, encoding) as file:
        text = file.read()
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise bad_line(path, error.lineno, f"not JSON ({error})") from error
        said.append(f"The table {clean_text(path.name)!r} was read as JSON lines, a row each.")
        return read_json_lines(path, choose, encoding)
    except (ValueError, RecursionError) as error:
        raise bad_line(path, 1, f"not JSON ({error})") from error
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        is_rows = isinstance(inner, list) and inner and isinstance(inner[0], dict)
        value = inner if is_rows else value
    if isinstance(value, dict):
        every = _columns(path, value)
        return {name: every[name] for name in choose(list(every))}
    rows = _rows(path, value)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in choose(list(names))}


def _rows(path: Path, value: object) -> Rows:
    if not isinstance(value, list):
        raise _no_table(path, f"it is one {type(value).__name__}")
    for number, row in enumerate(value):
        if not isinstance(row, dict):
            raise _no_table(path, f"its item {number} is a {type(row).__name__}")
    return value


def _columns(path: Path, value: Mapping[str, object]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    first: list[str] | None = None
    for name, column in value.items():
        if isinstance(column, dict):  # by row, in pandas' own order
            first = list(column) if first is None else first
            if column.keys() != set(first):
                raise _no_table(path, f"its columns have other rows, first {name!r}")
            columns[name] = [column[key] for key in first]
        elif isinstance(column, list):
            columns[name] = column
        else:
            raise _no_table(path, f"its value {name!r} is a {type(column).__name__}")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        some = ", ".join(f"{clean_text(name)!r}: {n:,}" for name, n in list(lengths.items())[:5])
        raise _no_table(path, f"its columns differ in length ({some})")
    return columns


def _no_table(path: Path, what: str) -> SourceError:
    return SourceError(
        f"The table {clean_text(path.name)!r} is JSON, but {what}. Accepted: a list of objects, "
        '[{"text": "...", "label": "..."}, ...]; or columns of equal length, {"text": [...], '
        '"label": [...]}. Write it so, for example with pandas: '
        "df.to_json(path, orient='records')."
    )


def _lines(path: Path, encoding: str) -> Iterator[dict[str, object]]:
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise bad_line(path, number, f"not JSON ({error})") from error
            if not isinstance(row, dict):
                raise bad_line(path, number, f"a {type(row).__name__}, not an object {{...}}")
            yield row
