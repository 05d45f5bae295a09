"""Files that a table's rows name."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from topwork.errors import ModalityError, SourceError
from topwork.examples.contents import EMPTY, EMPTY_TEXT, FileDigest, InMemory, found_file
from topwork.examples.deduplicate import RawExample, clean_text
from topwork.examples.example import Modality, Skipped
from topwork.examples.folders import NOT_PLAIN
from topwork.examples.kinds import (
    DOCUMENT_SUFFIXES,
    PREFIX_BYTES,
    modality_of,
    sniff,
    suffix_of,
    with_article,
)
from topwork.examples.modality import as_meant, most, refuse_mixture
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.tables.rows import Outcome, TableColumns, TableRows, part_name
from topwork.examples.tables.times import check_parts, settle_times

_NOT_THERE = "there is no such file"


def file_rows(table: TableColumns, column: str, names: Sequence[object]) -> TableRows:
    """Return the rows whose inputs are the files that they name."""
    files = [_file_row(table, number, value) for number, value in enumerate(names)]
    usable = [one for one in files if isinstance(one, _NamedFile)]
    _check_there(table, column, names, files)
    kind, reasons = _kind_of(table, usable)
    remarks: list[str] = []
    if kind == "sound":
        table = settle_times(table, column)
        sounds = [one for one in usable if one.number not in reasons]
        remarks = check_parts(
            table, [(one.number, one.name, partial(_itself, one.path)) for one in sounds]
        )
    digests: dict[Path, FileDigest] = {}
    outcomes: list[Outcome] = []
    for number, one in enumerate(files):
        if isinstance(one, Skipped):
            outcomes.append(one)
        elif number in reasons:
            outcomes.append(Skipped(name=one.name, reason=reasons[number]))
        elif kind == "sound" and (table.columns.start or table.columns.end):
            outcomes.append(_sound_part(table, one, digests))
        else:
            known = table.known(number)
            order = None if table.given.need_label else (table.name, number)
            outcomes.append(found_file(one.path, one.name, kind, order=order, **known))
    return table.rows(as_meant(kind, table.given.meant), outcomes, column, remarks=remarks)


def _itself(path: Path) -> Path:
    return path


@dataclass(frozen=True, kw_only=True, slots=True)
class _NamedFile:
    number: int
    path: Path
    name: str
    suffix: str


def _file_row(table: TableColumns, number: int, value: object) -> _NamedFile | Skipped:
    if value is None or value == "":
        return Skipped(name=table.row_name(number), reason="no file name")
    if not isinstance(value, str):
        reason = f"its file name is {value!r}, not text"
        return Skipped(name=table.row_name(number), reason=reason)
    name = table.file_name(number, value)
    try:
        table.known(number)
        path = _find(table.folder, value)
    except ValueError as error:
        return Skipped(name=name, reason=str(error))
    return _NamedFile(number=number, path=path, name=name, suffix=suffix_of(value))


def _find(folder: Path, value: str) -> Path:
    """Return a file's path. Raises ValueError with the reason where it cannot be used."""
    if "://" in value:
        raise ValueError("it is a web address; only files on disk are read. Download it first")
    path = folder / value
    try:
        if not path.exists() and "\\" in value:  # written on Windows
            path = folder / value.replace("\\", "/")
        status = path.stat()
    except FileNotFoundError as error:
        raise ValueError(_NOT_THERE) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the file cannot be read: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a file")
    if not status.st_size:
        raise ValueError(EMPTY_TEXT if modality_of(path.name) == "text" else EMPTY)
    return path


def _kind_of(table: TableColumns, files: Sequence[_NamedFile]) -> tuple[Modality, dict[int, str]]:
    """The kind of the files, and by row why some cannot be used; those of no known kind may be."""
    kinds = {one.number: modality_of(one.path.name) or _look(one.path) for one in files}
    sure = {n: kind for n, kind in kinds.items() if kind is not None}
    first: dict[Modality, str] = {}
    for one in files:
        kind = kinds[one.number]
        if kind is not None:
            first.setdefault(kind, one.name)
    counts = Counter(sure.values())
    refuse_mixture(counts, table.origin, first=first)
    documents = [one for one in files if one.suffix in DOCUMENT_SUFFIXES]
    if documents and not counts:
        raise ModalityError(
            f"{table.origin} names documents (the first: {documents[0].name!r}). {NOT_PLAIN}."
        )
    main = most(counts) if counts else table.given.meant or "image"
    reasons: dict[int, str] = {}
    for one in files:
        if one.suffix in DOCUMENT_SUFFIXES:
            reasons[one.number] = f"{one.suffix} documents are not read. {NOT_PLAIN}"
        elif sure.get(one.number, main) != main:
            reasons[one.number] = f"it is not {with_article(main)} ({one.suffix or 'no suffix'})"
    return main, reasons


def _look(path: Path) -> Modality | None:
    """The kind that a file's beginning promises; not of texts, which anything may be."""
    try:
        with path.open("rb") as file:
            kind = sniff(file.read(PREFIX_BYTES))
    except OSError:  # to be said when it is read
        return None
    return None if kind == "text" else kind


def _check_there(
    table: TableColumns, column: str, names: Sequence[object], files: Sequence[_NamedFile | Skipped]
) -> None:
    if any(isinstance(one, _NamedFile) for one in files):
        return
    missing = [
        str(name)
        for name, one in zip(names, files, strict=True)
        if isinstance(one, Skipped) and one.reason == _NOT_THERE
    ]
    if missing:
        place, or_else = "the table's folder", "move the table, or correct the paths"
        if table.folder == Path():  # it is in memory
            place, or_else = "the folder that this process runs in", "give whole paths"
        raise SourceError(
            f"{table.origin}: of the files that its column {column!r} names, none is there; the "
            f"first is {clean_text(missing[0])!r}. Paths are taken relative to {place}: {or_else}."
        )


def _sound_part(table: TableColumns, one: _NamedFile, digests: dict[Path, FileDigest]) -> Outcome:
    try:
        start, end = table.part(one.number)
    except ValueError as error:
        return Skipped(name=one.name, reason=str(error))
    digest = digests.setdefault(one.path, FileDigest(one.path))
    whole = start is None and end is None
    name = one.name if whole or not table.given.need_label else one.name + part_name(start, end)
    return RawExample(
        name=name,
        order=(one.name, one.number),
        digest=partial(digest.of_part, start, end),
        read=InMemory(content=SoundFile(source=one.path, start_seconds=start, end_seconds=end)),
        **table.known(one.number),  # type: ignore[arg-type]
    )
