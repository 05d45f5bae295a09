"""Reads labelled images from wherever a user keeps them: a folder, a table, a data set.

What it does not know: whether an image can be decoded, and whether there are enough of them.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from topwork.errors import SourceError
from topwork.examples.example import ExampleSet, Skipped, Split
from topwork.examples.folders import LAYOUTS, Walk, read_class_folders, split_folders
from topwork.examples.identity import SPLIT_NAMES, Found, Progress, clean_text, gather
from topwork.examples.kinds import TABLE_SUFFIXES, suffix_of
from topwork.examples.objects import examples_from, read_inputs
from topwork.examples.parquet import count_rows, read_parquet
from topwork.examples.tables import ColumnNames, read_table

__all__ = ["examples_from", "read_examples", "read_inputs"]

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_PARTS = re.compile(r"[-_.]")


def read_examples(
    data: str | Path,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    on_progress: Progress | None = None,
) -> ExampleSet:
    """Return the labelled images of a folder or table, each content once.

    Args:
        data: a folder per class (`data/cat/1.jpg`), alone or below train, validation and test;
            a .csv, .tsv, .jsonl or .parquet table; a folder with `metadata.csv` (or .jsonl,
            .parquet), or with the Parquet files of a data set of the Hugging Face hub.
        file_column, label_column, group_column: a table's columns; by default those of the usual
            names. Groups (patients, speakers) never stand on both sides of a split.
        on_progress: called with how many inputs have been hashed, and how many there are.

    Raises:
        SourceError: there is nothing there, or it is of no form that is known.
        ColumnError: a table lacks a column.
        ModalityError: it holds sounds or texts.
    """
    path = Path(data)
    origin = clean_text(str(data))
    given = ColumnNames(
        file_column=file_column, label_column=label_column, group_column=group_column
    )
    if not path.exists():
        raise SourceError(f"There is no folder or file {origin!r}. {LAYOUTS}.")
    if not path.is_dir():
        if suffix_of(path.name) not in TABLE_SUFFIXES:
            raise SourceError(f"The file {origin!r} is not a table of a known form. {LAYOUTS}.")
        return _read_tables({path: None}, path.parent, given, origin, Counter(), on_progress)
    try:
        tables, ignored = _tables_within(path)
        if tables:
            return _read_tables(tables, path, given, origin, ignored, on_progress)
        found, walk = read_class_folders(path)
    except OSError as error:
        raise SourceError(
            f"The folder {origin!r} cannot be read: {error.strerror}. Check its permissions."
        ) from error
    return gather(
        found,
        origin=origin,
        skipped=walk.skipped,
        ignored=walk.ignored,
        on_progress=on_progress,
    )


def _tables_within(root: Path) -> tuple[dict[Path, Split | None], Counter[str]]:
    """The tables that a folder is made of, each with its part; none where it is not so made."""
    for name in _METADATA:
        if (root / name).is_file():
            return {root / name: None}, Counter()
    in_splits: dict[Path, Split | None] = {}
    for folder, split in split_folders(Walk(root)).items():
        tables = [folder / name for name in _METADATA if (folder / name).is_file()]
        in_splits.update(dict.fromkeys(tables[:1], split))
    if in_splits:
        return in_splits, Counter()
    return _hub_parquet(root)


def _hub_parquet(root: Path) -> tuple[dict[Path, Split | None], Counter[str]]:
    """`train.parquet`, `data/train-00000-of-00002.parquet` or `default/train/0000.parquet`.

    A stray Parquet file beside or in folders of classes is none of these.
    """
    paths = [path for path in root.glob("*.parquet") if not path.name.startswith(".")]
    paths += root.glob("data/*.parquet")
    for path in [*root.glob("*/*.parquet"), *root.glob("*/*/*.parquet")]:
        parts = path.relative_to(root).parts
        if path.parent.name.lower() in SPLIT_NAMES and not parts[0].startswith("."):
            paths.append(path)
    splits = {path: _split_of(path) for path in sorted(paths)}
    if "train" in splits.values():
        known = {path: split for path, split in splits.items() if split is not None}
        ignored = Counter({"Parquet file of no known split": len(splits) - len(known)})
        return dict(known), +ignored
    folders, _ = Walk(root).children(root)
    if all(folder.name == "data" for folder in folders):
        return dict(splits), Counter()
    return {}, Counter()


def _split_of(path: Path) -> Split | None:
    first = _PARTS.split(path.stem.lower())[0]
    return SPLIT_NAMES.get(first) or SPLIT_NAMES.get(path.parent.name.lower())


def _read_tables(
    tables: dict[Path, Split | None],
    root: Path,
    given: ColumnNames,
    origin: str,
    ignored: Counter[str],
    on_progress: Progress | None,
) -> ExampleSet:
    found: list[Found] = []
    skipped: list[Skipped] = []
    stored = [path for path in tables if suffix_of(path.name) == ".parquet"]
    rows = _RowsDone(sum(count_rows(path, root) for path in stored), on_progress)
    for path, split in tables.items():
        if path in stored:
            outcome = read_parquet(path, given, root=root, split=split, on_rows=rows.add)
        else:
            outcome = read_table(path, given, root=root, split=split)
        found.extend(outcome[0])
        skipped.extend(outcome[1])
    return gather(
        found,
        origin=origin,
        skipped=skipped,
        ignored=ignored,
        # The images of a Parquet table have been hashed as they were read.
        on_progress=None if rows.num_done else on_progress,
    )


class _RowsDone:
    """Adds up the rows of several tables to one progress."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self.num_done = 0
        self._total = total
        self._on_progress = on_progress

    def add(self, num_rows: int) -> None:
        self.num_done += num_rows
        if self._on_progress is not None:
            self._on_progress(self.num_done, self._total)
