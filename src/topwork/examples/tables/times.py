"""Columns of times, held against what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from topwork.errors import ColumnError
from topwork.examples.deduplicate import clean_text
from topwork.examples.sounds.durations import sound_seconds
from topwork.examples.tables.rows import TableColumns
from topwork.examples.tables.values import plain_seconds

SAMPLE = 500
"""Rows whose sounds are looked at, by their headers."""

SHARE_BEYOND = 0.1
"""Parts that end beyond their file, from which on the times are not of these files. A slip in a row
is a remark; UrbanSound8K, whose clips keep the times of their source, has them in most."""

SLACK, SLACK_SECONDS = 0.01, 0.1
"""How far an end may lie beyond, of the length and in seconds: who marks a recording's end by hand,
or rounds it, does not hit the sample."""

Seen = tuple[int, str, Callable[[], object]]
"""A row, the name of its sound, and what gives the whole of it."""


def settle_times(table: TableColumns, column: str) -> TableColumns:
    """Return the table without its columns of times where most of these hold no seconds.

    `column` holds its inputs, where they are names of files.

    Raises ColumnError where the user named them, or where rows name one file several times, whose
    parts they must be.
    """
    columns = table.columns
    names = [n for n in (columns.start, columns.end, columns.duration) if n is not None]
    odd = next((name for name in names if _no_seconds(table.values[name]) is not None), None)
    if odd is None:
        return table
    shown = " and ".join(map(repr, names))
    what = (
        f"{table.origin}: its column {odd!r} holds no times in seconds (the first: "
        f"{clean_text(str(_no_seconds(table.values[odd])))!r})"
    )
    inputs = [str(value) for value in table.values.get(column, ()) if value is not None]
    if table.given.time_columns is not None or len(set(inputs)) < 0.5 * len(inputs):
        raise ColumnError(
            f"{what}; accepted: seconds from the beginning of the file, such as 61.5. Convert "
            "them; name others with --time-columns START,END; or, if each file is one example, "
            'say --time-columns "" (in Python: time_columns="").'
        )
    said = f'{what}: {shown} were not used (--time-columns "" says so).'
    without = replace(columns, start=None, end=None, duration=None)
    return replace(table, columns=without, decided=(*table.decided, said))


def check_parts(table: TableColumns, sounds: Sequence[Seen]) -> list[str]:
    """Return a remark where parts end beyond their files. Raises ColumnError where many do."""
    parts = []
    for number, name, whole in sounds:
        try:
            start, end = table.part(number)
        except ValueError:
            continue
        last = start if end is None else end
        if last is not None:
            parts.append((name, whole, last))
    step = max(1, len(parts) // SAMPLE)
    lengths: dict[str, float | None] = {}
    beyond: list[tuple[str, float, float]] = []
    num_known = 0
    for name, whole, last in parts[::step]:
        if name not in lengths:
            lengths[name] = sound_seconds(whole())
        length = lengths[name]
        num_known += length is not None
        if length is not None and last > length * (1 + SLACK) + SLACK_SECONDS:
            beyond.append((name, length, last))
    if not beyond:
        return []
    name, length, last = beyond[0]
    seen = (
        f"in {len(beyond):,} of {num_known:,} rows that were looked at, the part ends beyond its "
        f"file (the first: {name} lasts {length:.4g} s, and its part goes to {last:.4g} s)"
    )
    names = [n for n in (table.columns.start, table.columns.end, table.columns.duration) if n]
    shown = " and ".join(map(repr, names))
    if len(beyond) <= SHARE_BEYOND * num_known:
        return [f"{table.origin}: {seen}: what is there of it is used. Correct {shown} there."]
    way = (
        'To use whole files, say --time-columns "" (in Python: time_columns=""); to name other '
        "columns, --time-columns START,END."
        if table.given.need_label
        else "Rename or remove these columns, to use whole files."
    )
    raise ColumnError(
        f"{table.origin}, columns {shown}: {seen}. They seem to be times in the recordings that "
        f"these files were cut from. {way}"
    )


def _no_seconds(values: Sequence[object]) -> object:
    """The first of a column's values that is no time in seconds, if most are none; else None."""
    num_given, odd = 0, []
    for value in values:
        try:
            num_given += plain_seconds(value) is not None
        except (ValueError, OverflowError):
            num_given += 1
            odd.append(value)
    return odd[0] if len(odd) > 0.5 * num_given else None
