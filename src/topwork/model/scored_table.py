"""Predictions as the columns of a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from topwork.core import files
from topwork.errors import SettingError
from topwork.examples.deduplicate import clean_text
from topwork.model.predictions import Prediction

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_ADDED = ("label", "probability", "unknown", "error")
_BATCH_ROWS = 1_000
_DIGITS = 6

Cell = Callable[[str], str]


def added_columns(
    predictions: Sequence[Prediction], names: Sequence[str]
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return what is added to a table with these columns, by name, and what to say of the names.

    They are `label`, `probability`, `unknown` and `error`; where the table has one of these, all
    that clash become `predicted_label` and so on.
    """
    values: dict[str, list[Any]] = {
        "label": [one.label for one in predictions],
        "probability": [
            round(one.probability, _DIGITS) if one.error is None else None for one in predictions
        ],
        "unknown": [one.unknown if one.error is None else None for one in predictions],
        "error": [one.error for one in predictions],
    }
    taken = {name.lower() for name in names}
    chosen = {name: _free(name, taken) for name in _ADDED}
    said = [
        f"The table has a column {name!r} already: what is predicted is in {new!r}."
        for name, new in chosen.items()
        if new != name
    ]
    return {chosen[name]: column for name, column in values.items()}, said


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    new, number = f"predicted_{name}", 2
    while new in taken:
        new, number = f"predicted_{name}_{number}", number + 1
    return new


def scored_table(predictions: Sequence[Prediction], own: Any | None) -> tuple[Any, list[str]]:
    """Return an Arrow table with a row for each prediction, and what to say of it.

    Args:
        own: an Arrow table of the inputs, whose columns are kept; None: the names of the inputs
            stand in the column `file`.
    """
    import pyarrow as pa

    if own is None:
        own = pa.table({"file": pa.array([clean_text(one.name) for one in predictions])})
    added, said = added_columns(predictions, own.column_names)
    types = (pa.string(), pa.float64(), pa.bool_(), pa.string())
    for (name, values), kind in zip(added.items(), types, strict=True):
        own = own.append_column(name, pa.array(values, kind))
    return own, said


def check_out(path: Path, *, overwrite: bool) -> None:
    """Raise SettingError or StoreError where no table can be written to this place."""
    if path.suffix.lower() not in SUFFIXES:
        raise SettingError(
            f"--out is {str(path)!r}; accepted: a name that ends in {', '.join(SUFFIXES)}."
        )
    if path.exists() and not overwrite:
        raise SettingError(
            f"{str(path)!r} is there already. Give another name, or say --overwrite."
        )
    files.check_writable(path)


def write_table(table: Any, path: Path, *, cell: Cell = str) -> list[str]:
    """Write an Arrow table by its suffix, whole or not at all; return what to say of it.

    Args:
        cell: called with each text of a CSV or TSV, to write it safely.
    """
    suffix, said = path.suffix.lower(), list[str]()
    if suffix != ".parquet":
        kept = [f.name for f in table.schema if _is_plain(f.type, lists=suffix == ".jsonl")]
        left_out = [name for name in table.column_names if name not in kept]
        if left_out:
            listed = ", ".join(repr(clean_text(name)) for name in left_out)
            said.append(f"Not written, for a {suffix} cannot hold it: {listed}. A .parquet can.")
        table = table.select(kept)
    with files.disk_errors(f"Writing {str(path)!r}"), files.replacing(path) as temporary:
        if suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, temporary)
        elif suffix == ".jsonl":
            _write_lines(table, temporary)
        else:
            _write_delimited(table, temporary, "\t" if suffix == ".tsv" else ",", cell)
    return said


def _write_lines(table: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in _rows(table):
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def _write_delimited(table: Any, path: Path, delimiter: str, cell: Cell) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([cell(name) for name in table.column_names])
        for row in _rows(table):
            writer.writerow([_delimited(value, cell) for value in row.values()])


def _delimited(value: object, cell: Cell) -> object:
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        yield from batch.to_pylist()


def _is_plain(kind: Any, *, lists: bool) -> bool:
    """Whether text can hold values of this type."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _is_plain(kind.storage_type, lists=lists)
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type, lists=lists)
    if types.is_nested(kind):
        inner = [kind.field(place).type for place in range(kind.num_fields)]
        return lists and all(_is_plain(one, lists=True) for one in inner)
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return not (binary or types.is_fixed_size_binary(kind))
