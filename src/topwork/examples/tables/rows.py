"""Rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from topwork.examples.contents import InMemory, check_text, text_digest
from topwork.examples.deduplicate import RawExample, clean_text
from topwork.examples.example import Modality, Skipped, Split
from topwork.examples.tables.columns import ColumnNames, Columns
from topwork.examples.tables.values import plain_seconds, plain_text, read_splits

NO_LABEL = "no label"

Outcome = RawExample | Skipped


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """What became of each row of a table, in their order, and what kind of input they are.

    Attributes:
        columns: which were taken for what, in words; empty where there is nothing to say.
        decided: what else reading settled by itself, in sentences.
        remarks: what looks like a mistake, in sentences.
        unused: of classes with rows that cannot be used, the first of these.
    """

    modality: Modality
    outcomes: Sequence[Outcome]
    columns: str = ""
    decided: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unused: Mapping[str, Skipped] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """The columns of a table that tell of its inputs.

    Attributes:
        name: relative to what the user gave.
        folder: what the paths in it are relative to.
        given: which columns were asked for; without labels, inputs are named by their row.
        columns: their names.
        values: of the columns, by name.
        num_rows: how many values each has.
        split: the part that the whole table is, where its place says so.
        names: of all columns that it has.
        decided: what was settled before its rows were looked at, in sentences.
    """

    name: str
    folder: Path
    given: ColumnNames
    columns: Columns
    values: Mapping[str, Sequence[object]]
    num_rows: int
    split: Split | None = None
    names: Sequence[str] = ()
    decided: tuple[str, ...] = ()
    _seen: dict[str, str | None] = field(default_factory=dict, repr=False)
    _splits: list[Sequence[Split | None]] = field(default_factory=list, repr=False)

    @property
    def origin(self) -> str:
        """To begin a sentence with."""
        return f"The table {self.name!r}"

    def row_name(self, number: int) -> str:
        """How a person finds a row that names no file."""
        return f"{self.name}[{number}]"

    def file_name(self, number: int, value: str) -> str:
        """How a person finds the file that a row names."""
        if not self.given.need_label:
            return self.row_name(number)
        return self.name[: self.name.rfind("/") + 1] + clean_text(value)

    def known(self, number: int) -> dict[str, str | None]:
        """A row's label, group and split. Raises ValueError with the reason if it has no label."""
        label = self._text(self.columns.label, number)
        if label is None and self.given.need_label:
            raise ValueError(NO_LABEL)
        group = self._text(self.columns.group, number)
        return {"label": label, "group": group, "split": self._splits_of_rows()[number]}

    def found(
        self, number: int, digest: str | Callable[[], str], read: Callable[[], object]
    ) -> RawExample:
        """The input that a row holds. Raises ValueError as `known`."""
        return RawExample(
            name=self.row_name(number),
            order=(self.name, number),
            digest=digest,
            read=read,
            **self.known(number),  # type: ignore[arg-type]
        )

    def rows(
        self,
        modality: Modality,
        outcomes: Sequence[Outcome],
        column: str,
        *,
        remarks: Sequence[str] = (),
    ) -> TableRows:
        """The rows of this table, whose inputs are in `column`, with what to say of them."""
        unused: dict[str, Skipped] = {}
        for number, one in enumerate(outcomes):
            if isinstance(one, Skipped) and self.columns.label is not None:
                try:
                    label = self._text(self.columns.label, number)
                except ValueError:
                    continue
                if label is not None and self._splits_of_rows()[number] != "test":
                    unused.setdefault(label, one)
        return TableRows(
            modality=modality,
            outcomes=outcomes,
            columns=self.columns.describe(column, self.names) if self.given.need_label else "",
            decided=self.decided,
            remarks=tuple(remarks),
            unused=unused,
        )

    def _splits_of_rows(self) -> Sequence[Split | None]:
        if not self._splits:
            column = self.columns.split
            splits = read_splits(self.values[column]) if column else None
            self._splits.append(splits or [self.split] * self.num_rows)
        return self._splits[0]

    def skipped(self, number: int, reason: str) -> Skipped:
        """A row that holds no input that can be used."""
        return Skipped(name=self.row_name(number), reason=reason)

    def part(self, number: int) -> tuple[float | None, float | None]:
        """Start and end of a row's sound in seconds. Raises ValueError with the reason."""
        names = (self.columns.start, self.columns.end, self.columns.duration)
        given = [self.values[name][number] if name else None for name in names]
        try:
            start, end, duration = (plain_seconds(value) for value in given)
        except (ValueError, OverflowError) as error:
            raise ValueError(_bad_part(given)) from error
        if duration is not None:
            end = (start or 0.0) + duration
        if end is not None and end <= (start or 0.0):
            raise ValueError(_bad_part(given))
        return start, end

    def _text(self, column: str | None, number: int) -> str | None:
        """A label or group; one string is kept of all that are equal."""
        value = self.values[column][number] if column else None
        try:
            if not isinstance(value, str):
                return plain_text(value)
            if value not in self._seen:
                self._seen[value] = plain_text(value)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return self._seen[value]


def part_name(start_seconds: float | None, end_seconds: float | None) -> str:
    """What tells a part of a sound from others: `[1.5-3 s]`."""
    end = "" if end_seconds is None else f"{end_seconds:.12g}"
    return f"[{start_seconds or 0:.12g}-{end} s]"


def text_rows(table: TableColumns, column: str) -> list[Outcome]:
    """Return the rows whose inputs are the texts that they hold."""
    outcomes: list[Outcome] = []
    for number, value in enumerate(table.values[column]):
        try:
            table.known(number)  # what it lacks counts before the text
            if value is not None and not isinstance(value, str):
                raise ValueError(f"its text is {value!r}, not text")
            text = check_text(value or "")
            outcomes.append(table.found(number, text_digest(text), InMemory(content=text)))
        except ValueError as error:  # an ExampleError, too
            outcomes.append(table.skipped(number, str(error)))
    return outcomes


def _bad_part(given: Sequence[object]) -> str:
    start, end, duration = given
    until = f"for {duration!r}" if duration is not None else f"to {end!r}"
    return (
        f"its part from {start!r} {until} is not one that can be: accepted are seconds, with "
        "0 <= start < end"
    )


def say_columns(tables: Mapping[Path, TableRows]) -> list[str]:
    """Say once of all tables with the same columns which were taken for what, and what else."""
    alike: dict[str, list[str]] = {}
    for path, rows in tables.items():
        if rows.columns:
            alike.setdefault(rows.columns, []).append(clean_text(path.name))
    said = []
    for columns, names in alike.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        said.append(f"Columns of {', '.join(names[:3])}{more}: {columns}.")
    decided = (one for rows in tables.values() for one in rows.decided)
    return [*said, *dict.fromkeys(decided)]
