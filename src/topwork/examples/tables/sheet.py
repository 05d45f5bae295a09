"""Sheets of Excel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from topwork.core.extras import need
from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.tables.opened import Choose
from topwork.examples.tables.sheet_size import check_sheet_size
from topwork.examples.tables.values import plain_text


def read_sheet(path: Path, choose: Choose, said: list[str]) -> dict[str, list[object]]:
    """Return the wanted columns of the first sheet of an .xlsx file, as a CSV of it would.

    Args:
        choose: called with the names in the first row that is not empty.
        said: takes which sheet was read, where there are several.

    Raises:
        SourceError: it is damaged or protected.
        ExtraError: what reads it is not installed.
    """
    names, rows = sheet_rows(path, said)
    places = {name: place for place, name in reversed(list(enumerate(names))) if name}
    wanted = dict.fromkeys(choose(list(dict.fromkeys(filter(None, names)))))
    columns: dict[str, list[object]] = {name: [] for name in wanted}
    for row in rows:
        for name in wanted:
            columns[name].append(_as_text(row[places[name]]))
    return columns


def sheet_rows(path: Path, said: list[str]) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Return the header and the rows of the first sheet. Raises as `read_sheet`."""
    origin = f"The table {clean_text(path.name)!r}"
    need("python_calamine", f"{origin} is a sheet of Excel. Reading it")
    from python_calamine import CalamineWorkbook

    try:
        check_sheet_size(path, origin)
        with CalamineWorkbook.from_path(str(path)) as book:
            sheets = book.sheet_names
            sheet = book.get_sheet_by_index(0)
            rows = iter(sheet.to_python(skip_empty_area=False))
    except SourceError:
        raise
    except Exception as error:
        # Protected, damaged, of another program: the reader has an error of its own for each.
        raise SourceError(
            f"{origin} cannot be read as a sheet of Excel: {error}. It is damaged, or protected by "
            "a password; save it again, as CSV UTF-8."
        ) from error
    if len(sheets) > 1:
        said.append(
            f"Of the {len(sheets)} sheets of {clean_text(path.name)!r}, the first was read "
            f"({clean_text(sheets[0])!r}); to use another, move it to the front."
        )
    filled = (row for row in rows if any(value != "" for value in row))
    header = [_as_text(value) or "" for value in next(filled, [])]
    return [str(name).strip() for name in header], filled


def _as_text(value: object) -> str | None:
    """What a cell's CSV would hold: a text that looks like a number is a text."""
    if isinstance(value, str):
        return value or None
    return plain_text(value)
