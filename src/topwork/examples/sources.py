"""Labelled examples of folders and tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.core.progress import Tally
from topwork.errors import ModalityError, SettingError, SourceError
from topwork.examples.any_table import read_any_table
from topwork.examples.deduplicate import RawExample, check_classes_left, clean_text, gather
from topwork.examples.example import ExampleSet, Modality, Skipped
from topwork.examples.folders import LAYOUTS, NOT_PLAIN, read_class_folders
from topwork.examples.frames import frame_of, is_frame, refuse_object
from topwork.examples.inputs import read_inputs
from topwork.examples.kinds import (
    ARCHIVE_SUFFIX,
    DOCUMENT_SUFFIXES,
    TABLE_SUFFIXES,
    counted,
    modality_of,
    suffix_of,
    with_article,
)
from topwork.examples.objects import examples_from
from topwork.examples.regular import check_regular_table
from topwork.examples.remarks.forms import check_label_form
from topwork.examples.spellings import say_spelling, spelt_alike
from topwork.examples.table_folders import TableFile, Tables, tables_within
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.tables.frame import read_frame
from topwork.examples.tables.groups import Grouped, read_groups
from topwork.examples.tables.parquet import count_rows
from topwork.examples.tables.rows import TableRows, say_columns

__all__ = ["examples_from", "read_examples", "read_inputs"]


def read_examples(
    data: str | Path,
    *,
    modality: Modality | None = None,
    groups: str | Path | None = None,
    **columns: Any,
) -> ExampleSet:
    """Return the labelled inputs of a folder or table, each content once, all of one kind.

    Args:
        data: a folder per class (`data/cat/1.jpg`) of images, sounds, texts or arrays, alone or
            below train, validation and test; a table (.csv, .jsonl, .xlsx, .parquet, ...); a folder
            with `metadata.csv` (or .jsonl, .parquet), with the Parquet files of a data set of the
            Hugging Face hub, with `train.csv` and `test.csv`, with partitions
            (`label=cat/part.parquet`), or that datasets' `save_to_disk` wrote; arrays and labels in
            a .npz.
        modality: what the backbone takes, where one was named. Used only where the data can be
            read in two ways: a table of files and texts; .npy files, which may be images.
        groups: of a folder of classes: a table of its files and their groups (patients,
            speakers), which never stand on both sides of a split.
        columns: of a table: input_column, label_column, group_column; by default those of the
            usual names.

    Raises:
        SettingError: columns were named, and it is no table; or groups, and it is one.
        SourceError: there is nothing there, or it is of no form that is known.
        ColumnError: a table lacks a column.
        ModalityError: it holds inputs of several kinds, or documents that are not plain text.
    """
    return _read(Path(data), ColumnNames(meant=modality, **columns), groups)


def _read(path: Path, given: ColumnNames, groups: str | Path | None) -> ExampleSet:
    origin = clean_text(str(path))
    if not os.path.exists(path):  # False, too, of a name that is too long or has a NUL character
        raise SourceError(f"There is no folder or file {origin!r}. {LAYOUTS}.")
    if not path.is_dir():
        if suffix_of(path.name) not in (*TABLE_SUFFIXES, ARCHIVE_SUFFIX):
            raise _no_table(path, origin)
        _refuse_groups(groups, origin)
        check_regular_table(path, origin)
        return _read_tables([TableFile(path=path)], path.parent, given, origin, Counter())
    try:
        tables, ignored = tables_within(path)
        if tables:
            _refuse_groups(groups, origin)
            return _read_tables(tables, path, given, origin, ignored)
        given.refuse_told(f"{origin!r}, a folder of classes")
        folders = read_class_folders(path, given.meant)
    except OSError as error:
        raise SourceError(
            f"The folder {origin!r} cannot be read: {error.strerror}. Check its permissions."
        ) from error
    grouped = Grouped(found=folders.found)
    if groups is not None:
        grouped = read_groups(Path(groups), folders.found)
    gathered = gather(
        grouped.found,
        modality=folders.modality,
        origin=origin,
        skipped=folders.walk.skipped,
        ignored=folders.walk.ignored,
    )
    check_classes_left(folders.unused, gathered.examples)
    return replace(
        gathered,
        decided=grouped.decided,
        remarks=(*gathered.remarks, *folders.remarks, *grouped.remarks),
    )


def _refuse_groups(groups: str | Path | None, origin: str) -> None:
    if groups is not None:
        raise SettingError(
            f"groups is {str(groups)!r} with the table {origin!r}; accepted with a folder of "
            "classes. Put the groups into a column of the table, and name it: --group-column "
            "(in Python: group_column)."
        )


def _no_table(path: Path, origin: str) -> SourceError | ModalityError:
    suffix, kind = suffix_of(path.name), modality_of(path.name)
    if suffix in (".xls", ".xlsb", ".ods", ".numbers"):
        return SourceError(
            f"The file {origin!r} is a spreadsheet of a form that is not read: save it as .xlsx or "
            f"'CSV UTF-8'. {LAYOUTS}."
        )
    if suffix in DOCUMENT_SUFFIXES:
        return ModalityError(f"The file {origin!r} is a document. {NOT_PLAIN}. {LAYOUTS}.")
    if kind == "array":
        return SourceError(
            f"The file {origin!r} is one array, with no labels. Save arrays and labels together: "
            f"np.savez('data.npz', x=arrays, y=labels), and give data.npz. {LAYOUTS}."
        )
    what = f"{with_article(kind)}, and " if kind else ""
    return SourceError(f"The file {origin!r} is {what}not a table of a known form. {LAYOUTS}.")


def _read_tables(
    tables: Tables,
    root: Path,
    given: ColumnNames,
    origin: str,
    ignored: Counter[str],
) -> ExampleSet:
    stored = [one.path for one in tables if suffix_of(one.path.name) == ".parquet"]
    total = sum(count_rows(path, root) for path in stored)
    read = Tally("read", done=0, total=total) if stored else None
    on_rows = None if read is None else read.add
    every = {one.path: read_any_table(one, given, root=root, on_rows=on_rows) for one in tables}
    if read is not None:
        read.finish()
    return _gather_rows(every, origin, ignored)


def _gather_rows(every: Mapping[Path, TableRows], origin: str, ignored: Counter[str]) -> ExampleSet:
    """The examples of the rows of tables."""
    modality = _one_modality(every, origin)
    outcomes = [one for rows in every.values() for one in rows.outcomes]
    found, spelt = spelt_alike([one for one in outcomes if isinstance(one, RawExample)])
    check_label_form([one.label for one in found if one.label is not None])
    gathered = gather(
        found,
        modality=modality,
        origin=origin,
        skipped=(one for one in outcomes if isinstance(one, Skipped)),
        ignored=ignored,
        decided=(*say_columns(every), *say_spelling(spelt)),
        remarks=(remark for rows in every.values() for remark in rows.remarks),
    )
    unused = {spelt.get(label, label): one for rows in every.values()
              for label, one in rows.unused.items()}  # fmt: skip
    check_classes_left(unused, gathered.examples)
    return gathered


def _one_modality(every: Mapping[Path, TableRows], origin: str) -> Modality:
    kinds: dict[Modality, str] = {}
    counts: Counter[Modality] = Counter()
    for path, rows in every.items():
        kinds.setdefault(rows.modality, path.name)
        counts[rows.modality] += len(rows.outcomes)
    if len(kinds) > 1:
        listed = ", ".join(f"{clean_text(n)!r}: {counted(counts[k], k)}" for k, n in kinds.items())
        raise ModalityError(
            f"The tables in {origin!r} hold inputs of several kinds ({listed}). A model takes one "
            "kind. Give the table of one kind alone."
        )
    return next(iter(kinds))


def labelled_examples(
    data: object,
    labels: Sequence[object] | None = None,
    groups: Sequence[object] | str | Path | None = None,
    *,
    columns: ColumnNames,
    modality: Modality | None,
    call: str,
) -> ExampleSet:
    """Return the examples of a folder or table, on disk or in memory, or of a list with its labels.

    Args:
        groups: of a list, one for each input; of a folder of classes, a table of its files and
            their groups.
        columns: of a table.
        modality: what the backbone takes, where one was named.
        call: how labels are given, for the message: `advise(inputs, labels)`.

    Raises:
        SettingError: labels or a list of groups came with a folder or table, a list without
            labels, or columns without a table.
        DataError: the data cannot be used.
    """
    if isinstance(data, str | Path):
        if labels is not None or not isinstance(groups, str | Path | None):
            raise SettingError(
                "Labels and groups were given for a folder or table, which has its own. Give a "
                "list of inputs with them, or name the table's columns: label_column, "
                "group_column."
            )
        return _read(Path(data), replace(columns, meant=modality), groups)
    if is_frame(data):
        return _read_object(data, labels, groups, replace(columns, meant=modality))
    if labels is None:
        refuse_object(data, call)
    columns.refuse_told("a list of inputs")
    if labels is None:
        raise SettingError(
            f"The data is a {type(data).__name__} without labels. Give a folder or table by its "
            f"path, or the labels of these inputs as well: {call}."
        )
    return examples_from(data, labels, groups, modality=modality)  # type: ignore[arg-type]


def _read_object(data: object, labels: object, groups: object, columns: ColumnNames) -> ExampleSet:
    """The examples of a table in memory."""
    name = type(data).__name__
    if labels is not None or groups is not None:
        raise SettingError(
            f"The data is a {name}, a table, and labels or groups were given beside it; accepted: "
            "its own columns. Put them into the table and name the columns: label_column, "
            "group_column."
        )
    rows = read_frame(frame_of(data), columns)
    return _gather_rows({Path(name): rows}, f"the {name}", Counter())
