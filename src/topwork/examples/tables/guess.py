"""Columns told by what they hold."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from topwork.errors import ColumnError, DataError
from topwork.examples.remarks.forms import check_label_form
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.tables.values import plain_text

GUESSED = (
    "No usual names are among the columns, so they were taken by what they hold "
    "(--input-column and --label-column choose others)."
)

MIN_ROWS = 6
"""Below it, nothing stands there several times by more than chance."""

EACH, MAX_CLASSES = 3, 200
"""A label's values stand there so many times on average, and are no more than so many."""

LONG_LABEL = 60
"""Letters on average; a label that is longer is a text."""

DIFFERENT = 0.5
"""Share of a text's values that differ from all others, at least."""

LONG_TEXT = 12
"""Letters on average; what is shorter and differs in each row is a name or a number."""

FAR_LONGER = 2.0
"""How much longer the texts are than those of any other column; else it is not clear."""

_SAMPLE = 200


def guessed(
    given: ColumnNames, values: Mapping[str, Sequence[object]], folder: Path, error: ColumnError
) -> ColumnNames:
    """Return the names with the input and the label that were not given, where these are clear.

    The input is the one column of files that are there, or else of long texts that differ; the
    label the one other column of few values, each of them several times.

    Args:
        values: of all columns.
        folder: what names of files are relative to.
        error: raised where it is not clear.
    """
    taken = {name.lower() for name in (given.input_column, given.label_column, given.group_column)
             if name}  # fmt: skip
    rest = {name: column for name, column in values.items() if name.lower() not in taken}
    if taken - {name.lower() for name in values}:
        raise error  # the user named one that is not there
    names = list(values)
    input_column, label_column = given.input_column, given.label_column
    if input_column is None:
        input_column = _usual_input(given, names) or _one_input(rest, folder)
        rest.pop(input_column or "", None)
    if input_column is not None and label_column is None and given.need_label:
        label_column = _usual_label(given, names, input_column) or _one_label(rest)
    if input_column is None or (label_column is None and given.need_label):
        raise error
    return replace(given, input_column=input_column, label_column=label_column)


def _usual_input(given: ColumnNames, names: Sequence[str]) -> str | None:
    """The input by its usual name, where the label alone has none; it is chosen as ever."""
    try:
        found = replace(given, need_label=False).choose(names, "")
    except ColumnError:
        return None
    return found.input_for(given.meant)


def _usual_label(given: ColumnNames, names: Sequence[str], input_column: str) -> str | None:
    try:
        return replace(given, input_column=input_column).choose(names, "").label
    except ColumnError:
        return None


def _one_input(columns: Mapping[str, Sequence[object]], folder: Path) -> str | None:
    texts = {
        name: [value for value in values if isinstance(value, str) and value.strip()]
        for name, values in columns.items()
    }
    files = [name for name, values in texts.items() if _name_files(values, folder)]
    if files:
        return files[0] if len(files) == 1 else None
    lengths = {
        name: statistics.fmean(map(len, values))
        for name, values in texts.items()
        if len(values) >= MIN_ROWS and len(set(values)) >= DIFFERENT * len(values)
    }
    ordered = sorted(lengths, key=lambda name: -lengths[name])
    if not ordered or lengths[ordered[0]] < LONG_TEXT:
        return None
    clear = len(ordered) == 1 or lengths[ordered[0]] >= FAR_LONGER * lengths[ordered[1]]
    return ordered[0] if clear else None


def _name_files(values: Sequence[str], folder: Path) -> bool:
    sample = values[:: max(1, len(values) // _SAMPLE)]
    short = [value for value in sample if len(value) < 1000 and "\0" not in value]
    return 2 * sum(os.path.isfile(folder / value) for value in short) > max(1, len(sample))


def _one_label(columns: Mapping[str, Sequence[object]]) -> str | None:
    found = [name for name, values in columns.items() if _may_be_label(values)]
    return found[0] if len(found) == 1 else None


def _may_be_label(values: Sequence[object]) -> bool:
    try:
        labels = [label for label in map(plain_text, values) if label is not None]
        check_label_form(labels)
    except (TypeError, DataError):
        return False
    counts = Counter(labels)
    if len(labels) < MIN_ROWS or not 2 <= len(counts) <= min(MAX_CLASSES, len(labels) / EACH):
        return False
    return statistics.fmean(map(len, counts)) <= LONG_LABEL
