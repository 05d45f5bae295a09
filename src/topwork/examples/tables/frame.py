"""Rows of tables in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np

from topwork.errors import ColumnError, ExampleError, SettingError
from topwork.examples.contents import InMemory
from topwork.examples.deduplicate import RawExample
from topwork.examples.example import Modality, Split
from topwork.examples.kinds import with_article
from topwork.examples.modality import as_meant, most, refuse_mixture
from topwork.examples.objects import found_object, kind_of_object
from topwork.examples.remarks.forms import check_label_values
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.tables.cells import CellColumn
from topwork.examples.tables.columns import ColumnNames, Columns
from topwork.examples.tables.delimited import string_rows
from topwork.examples.tables.guess import GUESSED, guessed
from topwork.examples.tables.parquet import label_names, not_inputs
from topwork.examples.tables.rows import Outcome, TableColumns, TableRows, part_name
from topwork.examples.tables.times import check_parts, settle_times


@final
@dataclass(frozen=True, kw_only=True)
class Frame:
    """A table in memory: a DataFrame, a data set, an Arrow table.

    Attributes:
        name: for messages, and of its rows: `DataFrame[3]`.
        folder: what paths in it are relative to.
        features: what Hugging Face's metadata declare of each column.
    """

    name: str
    columns: Mapping[str, CellColumn]
    num_rows: int
    folder: Path = Path()
    features: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def read_frame(frame: Frame, given: ColumnNames, *, split: Split | None = None) -> TableRows:
    """Return the rows of a table in memory.

    The input column may hold texts, paths, encoded bytes, PIL images, `Sound`s, arrays, lists of
    numbers, or datasets' `{bytes, path}` and `{array, sampling_rate}`.

    Raises:
        ColumnError: as `ColumnNames.choose`; also where the column holds none of these.
        ModalityError: the inputs are of several kinds.
    """
    origin = f"The table {frame.name!r}"
    given, columns, said = _chosen(frame, given, origin)
    column = columns.input_for(given.meant)
    cells = frame.columns[column]
    if cells.stored == "other":
        raise not_inputs(origin, column, cells.type_name)
    is_text = cells.stored == "text"
    strings = [n for n in columns.inputs if is_text and frame.columns[n].stored == "text"]
    values: dict[str, Sequence[object]] = {}
    for name in dict.fromkeys((*columns.others, *strings)):
        values[name] = frame.columns[name].values(name, origin, is_text=name in strings)
    if columns.label:
        declared = frame.features.get(columns.label)
        values[columns.label] = label_names(values[columns.label], declared)
        check_label_values(values[columns.label])
    table = TableColumns(
        name=frame.name,
        folder=frame.folder,
        given=given,
        columns=columns,
        values=values,
        num_rows=frame.num_rows,
        split=split,
        names=list(frame.columns),
        decided=said,
    )
    return string_rows(table) if is_text else _ObjectRows(table, column, cells).read()


def _chosen(
    frame: Frame, given: ColumnNames, origin: str
) -> tuple[ColumnNames, Columns, tuple[str, ...]]:
    """The columns to use: those given, or of usual names, or else told by what they hold."""
    stored = {name: column.stored for name, column in frame.columns.items()}
    declared = [n for n, f in frame.features.items() if f.get("_type") in ("Image", "Audio")]
    choose = partial(given.choose, list(stored), origin, stored=stored, declared=declared)
    try:
        return given, choose(), ()
    except ColumnError as error:
        values = {
            name: column.values(name, origin, is_text=column.stored == "text")
            if column.stored in ("text", "other")
            else []
            for name, column in frame.columns.items()
        }
        found = guessed(given, values, frame.folder, error)
        columns = found.choose(list(stored), origin, stored=stored, declared=declared)
        return found, columns, (GUESSED,)


@final
@dataclass(frozen=True, kw_only=True, slots=True)
class _CellRead:
    """Reads a cell of a column, and makes an input of it."""

    cells: CellColumn
    number: int
    modality: Modality
    start: float | None = None
    end: float | None = None

    def __call__(self) -> object:
        thing = _as_input(self.cells.cell(self.number), self.cells)
        found = _cut(found_object(self.number, thing, self.modality), self.start, self.end)
        return found.read()


@final
class _ObjectRows:
    """The rows of a column of inputs that are no strings."""

    def __init__(self, table: TableColumns, column: str, cells: CellColumn) -> None:
        self._table = table
        self._column = column
        self._cells = cells
        self._meant = table.given.meant

    def read(self) -> TableRows:
        """Return them."""
        kinds, reasons = self._kinds()
        main = self._main_kind(kinds)
        if main == "sound":
            self._table = settle_times(self._table, self._column)
        outcomes = [
            self._outcome(number, thing, main, kinds[number], reasons.get(number))
            for number, thing in enumerate(self._cells.cells())
        ]
        remarks: list[str] = []
        if main == "sound":
            whole = [(n, one.name, partial(self._whole, n)) for n, one in enumerate(outcomes)
                     if isinstance(one, RawExample)]  # fmt: skip
            remarks = check_parts(self._table, whole)
        return self._table.rows(as_meant(main, self._meant), outcomes, self._column,
                                remarks=remarks)  # fmt: skip

    def _kinds(self) -> tuple[list[Modality | None], dict[int, str]]:
        """The kind of each cell, and the reasons why some are none. Raises where none is one."""
        kinds: list[Modality | None] = []
        reasons: dict[int, str] = {}
        first: SettingError | None = None
        for number, cell in enumerate(self._cells.cells()):
            kinds.append(None)
            if cell is None or isinstance(cell, ExampleError):
                reasons[number] = _NOTHING if cell is None else str(cell)
            elif _is_empty(cell):
                reasons[number] = _NO_BYTES
            else:
                try:
                    kinds[-1] = self._kind(number, _as_input(cell, self._cells))
                except SettingError as error:
                    first = first or error
                    reasons[number] = str(error).rstrip(".")
        if first is not None and len(reasons) == len(kinds):
            raise first
        return kinds, reasons

    def _kind(self, number: int, thing: object) -> Modality | None:
        if self._cells.stored == "array":
            return "array"
        return kind_of_object(number, thing, self._meant)

    def _main_kind(self, kinds: Sequence[Modality | None]) -> Modality:
        counts = Counter(kind for kind in kinds if kind is not None)
        first = {kind: self._table.row_name(kinds.index(kind)) for kind in counts}
        refuse_mixture(counts, self._table.origin, first=first)
        return most(counts) if counts else self._meant or "image"

    def _outcome(
        self, number: int, cell: object, main: Modality, kind: Modality | None, reason: str | None
    ) -> Outcome:
        if reason is None and kind not in (None, main):
            reason = f"it is not {with_article(main)}"
        if reason is not None:
            return self._table.skipped(number, reason.format(kind=main))
        start: float | None = None
        end: float | None = None
        try:
            known = self._table.known(number)
            if main == "sound":
                start, end = self._table.part(number)
        except ValueError as error:
            return self._table.skipped(number, str(error))
        read: Callable[[], object] = _CellRead(
            cells=self._cells, number=number, modality=main, start=start, end=end
        )
        found = _cut(found_object(number, _as_input(cell, self._cells), main), start, end)
        digest = found.digest
        if self._cells.is_lazy and callable(digest):
            try:
                digest = digest()  # now, so that what was read need not be kept
            except (OSError, ValueError) as error:
                return self._table.skipped(number, str(error))
        elif not self._cells.is_lazy:
            read = found.read
        name = self._table.row_name(number)
        if (start is not None or end is not None) and self._table.given.need_label:
            name += part_name(start, end)
        order = (self._table.name, number)
        return RawExample(name=name, order=order, digest=digest, read=read, **known)  # type: ignore[arg-type]

    def _whole(self, number: int) -> object:
        thing = _as_input(self._cells.cell(number), self._cells)
        return found_object(number, thing, "sound").read()


_NOTHING = "no {kind} in this row"
_NO_BYTES = "the {kind} is empty (0 bytes)"


def _is_empty(cell: object) -> bool:
    data = cell.get("bytes") if isinstance(cell, Mapping) and not cell.get("path") else cell
    return isinstance(data, bytes | bytearray) and not data


def _as_input(cell: object, cells: CellColumn) -> object:
    """A cell as an input: lists of numbers are arrays."""
    return np.asarray(cell) if cells.stored == "array" else cell


def _cut(found: RawExample, start: float | None, end: float | None) -> RawExample:
    """The part of a sound; of one that is no part, the whole."""
    if start is None and end is None:
        return found
    whole = found.read()
    if isinstance(whole, SoundFile):
        whole = whole.source
    if isinstance(whole, Sound):
        first, last = (None if at is None else round(at * whole.rate_hz) for at in (start, end))
        part: object = replace(whole, samples=whole.samples[first:last])
    else:
        part = SoundFile(source=whole, start_seconds=start, end_seconds=end)  # type: ignore[arg-type]
    made = found_object(0, part, "sound")
    return replace(found, digest=made.digest, read=InMemory(content=part))
