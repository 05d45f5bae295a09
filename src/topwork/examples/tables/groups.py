"""Groups of files, from a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import final

from topwork.errors import ColumnError, DataError, SourceError
from topwork.examples.deduplicate import RawExample, clean_text
from topwork.examples.kinds import SHEET_SUFFIXES, TEXT_TABLE_SUFFIXES, suffix_of
from topwork.examples.tables.columns import listed, usual_file_and_group
from topwork.examples.tables.delimited import read_columns
from topwork.examples.tables.values import plain_text

ACCEPTED = (*TEXT_TABLE_SUFFIXES, *SHEET_SUFFIXES)

Key = tuple[str, ...]


@final
@dataclass(frozen=True, kw_only=True)
class Grouped:
    """Files with their groups, and what to say of the joining."""

    found: list[RawExample]
    decided: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read_groups(path: Path, found: Sequence[RawExample]) -> Grouped:
    """Return the files of a folder with the groups that a table gives them.

    The table names files by their paths, whole or from some folder on, or by their names alone,
    with a suffix or without; a name that fits several files fits none.

    Raises:
        SourceError: there is no such table, or it names none of the files.
        ColumnError: it has no columns of files and of groups.
        DataError: it gives one file two groups, or a group is a list.
    """
    table = clean_text(path.name)
    columns, file_column, group_column = _read(path)
    by_key = _index(found)
    groups: dict[int, str] = {}
    num_unmatched, first = 0, ""
    for name, group in zip(columns[file_column], columns[group_column], strict=True):
        try:
            value, file = plain_text(group), plain_text(name)
        except TypeError as error:
            what = str(error).replace("its label", "a file or group")
            raise DataError(f"The table {table!r}: {what}. Correct the row.") from error
        if file is None or value is None:
            continue
        place = _place(by_key, file)
        if place is None:
            num_unmatched, first = num_unmatched + 1, first or file
        elif groups.setdefault(place, value) != value:
            raise DataError(
                f"The table {table!r} gives {found[place].name!r} two groups, {groups[place]!r} "
                f"and {value!r}; accepted: one for each file. Correct it."
            )
    if not groups:
        raise SourceError(
            f"The table {table!r} names none of the {len(found):,} files in the folder, such as "
            f"{found[0].name!r}; the first that it names in its column {file_column!r} is "
            f"{first!r}. Give paths below the folder, or the files' names."
        )
    missing = [one.name for place, one in enumerate(found) if place not in groups]
    decided = (
        f"Groups of {table}: {len(set(groups.values())):,} (column {group_column!r}) of "
        f"{len(groups):,} of {len(found):,} files (column {file_column!r})."
    )
    remarks = []
    if missing:
        remarks.append(
            f"{len(missing):,} of {len(found):,} files have no group in {table} (the first: "
            f"{missing[0]}): each counts as a group of its own. Add them to the table."
        )
    if num_unmatched:
        remarks.append(
            f"{num_unmatched:,} rows of {table} fit no file, or several (the first: {first}): they "
            "are not used. Correct the names, if these files should be there."
        )
    return Grouped(
        found=[replace(one, group=groups.get(place)) for place, one in enumerate(found)],
        decided=(decided,),
        remarks=tuple(remarks),
    )


def _read(path: Path) -> tuple[dict[str, list[object]], str, str]:
    """The columns of files and groups, and their names."""
    table = clean_text(path.name)
    if not path.is_file() or suffix_of(path.name) not in ACCEPTED:
        what = "no table of a known form" if path.is_file() else "no file"
        raise SourceError(
            f"The groups {str(path)!r}: there is {what}; accepted: {', '.join(ACCEPTED)} with a "
            "column of files and one of groups (file,patient)."
        )
    chosen: list[str] = []

    def choose(names: Sequence[str]) -> Sequence[str]:
        file, group = usual_file_and_group(names)
        if file is None or group is None:
            raise ColumnError(
                f"The table {table!r} has no columns of files and groups by usual names (file, "
                f"filename, path, ...; group, patient, speaker, ...). Its columns: "
                f"{listed(names)}. Rename them."
            )
        chosen[:] = [file, group]
        return chosen

    return read_columns(path, choose), chosen[0], chosen[1]


def _index(found: Sequence[RawExample]) -> dict[Key, int | None]:
    """Where each file stands, by every end of its path; None where several have it."""
    by_key: dict[Key, int | None] = {}
    for place, one in enumerate(found):
        for key in _ends(one.name):
            by_key[key] = None if key in by_key else place
    return by_key


def _ends(name: str) -> Iterator[Key]:
    """Every end of a path, the longest first, each with its suffix and then without."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = path.parts
    for start in range(len(parts)):
        yield parts[start:]
        if path.suffix:
            yield (*parts[start:-1], path.stem)


def _place(by_key: dict[Key, int | None], name: str) -> int | None:
    """Where the file stands that a table names; None where there is none, or several."""
    return next((by_key[key] for key in _ends(name) if key in by_key), None)
