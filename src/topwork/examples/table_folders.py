"""Folders that are made of tables."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final
from urllib.parse import unquote

from topwork.errors import SourceError
from topwork.examples.deduplicate import SPLIT_NAMES, clean_text
from topwork.examples.example import Split
from topwork.examples.kinds import TEXT_TABLE_SUFFIXES, suffix_of
from topwork.examples.split_folders import split_folders
from topwork.examples.walk import Walk

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_PARTS = re.compile(r"[-_.]")
_PARTITION = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_NULL = "__HIVE_DEFAULT_PARTITION__"
_SPLIT_KEYS = ("split", "set", "subset")
_STATE, _SAVED_PARTS = "state.json", "dataset_dict.json"


@final
@dataclass(frozen=True, kw_only=True)
class TableFile:
    """One table of those that a folder is made of.

    Attributes:
        split: the part that the whole table is, where its place says so.
        partition: what the names of its folders (`label=cat`) say of all of its rows.
    """

    path: Path
    split: Split | None = None
    partition: Mapping[str, str | None] = field(default_factory=dict)


Tables = Sequence[TableFile]


def tables_within(root: Path) -> tuple[Tables, Counter[str]]:
    """Return the tables that a folder is made of, and what was passed over; none if it is not.

    Raises SourceError where what it says of itself cannot be read.
    """
    for name in _METADATA:
        if (root / name).is_file():
            return [TableFile(path=root / name)], Counter()
    in_splits = []
    for folder, split in split_folders(root).parts.items():
        tables = [folder / name for name in _METADATA if (folder / name).is_file()]
        in_splits += [TableFile(path=path, split=split) for path in tables[:1]]
    if in_splits:
        return in_splits, Counter()
    whole, ignored = whole_tables(root)
    if whole:
        return whole, ignored
    stored, ignored = _hub_parquet(root)
    return (stored, ignored) if stored else _split_tables(root)


def whole_tables(root: Path) -> tuple[Tables, Counter[str]]:
    """Return the tables of a folder that is one table in pieces: partitions, or a saved data set.

    Raises SourceError as `tables_within`.
    """
    every = _saved(root) or list(_partitions(root))
    return _of_known_splits(every, "table of no known split")


def _of_known_splits(every: Tables, what: str) -> tuple[Tables, Counter[str]]:
    """Those of a known part, where one of them is to be learned from; else all of them."""
    if all(one.split != "train" for one in every):
        return every, Counter()
    known = [one for one in every if one.split is not None]
    return known, +Counter({what: len(every) - len(known)})


def _partitions(root: Path) -> Iterator[TableFile]:
    """The Parquet files in `key=value` folders, as Hive, Spark, pandas and polars write them."""
    tops = [path for path in Walk(root).children(root)[0] if _PARTITION.fullmatch(path.name)]
    walk = Walk(root)
    for path in (path for top in tops for path in walk.files(top)):
        if suffix_of(path.name) != ".parquet" or path.name.startswith("_"):
            continue
        found = [_PARTITION.fullmatch(name) for name in path.relative_to(root).parts[:-1]]
        keys = {unquote(one[1]): unquote(one[2]) for one in found if one is not None}
        split = next((SPLIT_NAMES.get(keys[k].lower()) for k in _SPLIT_KEYS if k in keys), None)
        partition = {key: None if value == _NULL else value for key, value in keys.items()}
        yield TableFile(path=path, split=split, partition=partition)


def _saved(root: Path) -> Tables:
    """The Arrow files of what `save_to_disk` of Hugging Face's datasets wrote."""
    if (root / _SAVED_PARTS).is_file():
        names = _read_json(root / _SAVED_PARTS, "splits")
        return [
            TableFile(path=one.path, split=SPLIT_NAMES.get(_word(name).lower()))
            for name in names
            for one in _saved_part(root / _word(name))
        ]
    return _saved_part(root) if (root / _STATE).is_file() else []


def _saved_part(folder: Path) -> Tables:
    files = _read_json(folder / _STATE, "_data_files")
    if _read_json(folder / _STATE, "_indices_data_files", needed=False):
        raise SourceError(
            f"The data set in {clean_text(str(folder))!r} was saved with a list of chosen rows, as "
            "old versions of datasets wrote it. Save it again: "
            "data.flatten_indices().save_to_disk(folder)."
        )
    names = [_word(one.get("filename") if isinstance(one, dict) else one) for one in files]
    return [TableFile(path=folder / name) for name in names]


def _word(value: object) -> str:
    """A name in what the folder says of itself; it may lead to no other folder."""
    if isinstance(value, str) and value not in ("", ".", "..") and not re.search(r"[/\\\0]", value):
        return value
    raise SourceError(
        f"The saved data set names the file {value!r}; accepted: a name within its folder. Save it "
        "again with save_to_disk."
    )


def _read_json(path: Path, key: str, *, needed: bool = True) -> Sequence[object]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        value = said[key] if needed else said.get(key) or []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        value = error
    if isinstance(value, list):
        return value
    raise SourceError(
        f"The folder {clean_text(str(path.parent))!r} looks like a data set that save_to_disk "
        f"wrote, but its {path.name} has no list {key!r}. Save it again, or give its tables."
    )


def _hub_parquet(root: Path) -> tuple[Tables, Counter[str]]:
    """`train.parquet`, `data/train-00000-of-00002.parquet` or `default/train/0000.parquet`.

    A stray Parquet file beside or in folders of classes is none of these.
    """
    paths = [path for path in root.glob("*.parquet") if not path.name.startswith(".")]
    paths += root.glob("data/*.parquet")
    for path in [*root.glob("*/*.parquet"), *root.glob("*/*/*.parquet")]:
        parts = path.relative_to(root).parts
        if path.parent.name.lower() in SPLIT_NAMES and not parts[0].startswith("."):
            paths.append(path)
    every = [TableFile(path=path, split=_split_of(path)) for path in sorted(set(paths))]
    if any(one.split == "train" for one in every):
        return _of_known_splits(every, "Parquet file of no known split")
    folders, _ = Walk(root).children(root)
    if all(folder.name == "data" for folder in folders):
        return every, Counter()
    return [], Counter()


def _split_tables(root: Path) -> tuple[Tables, Counter[str]]:
    """`train.csv` and `test.csv`, in a folder without other folders, which may be classes."""
    folders, files = Walk(root).children(root)
    paths = [path for path in files if suffix_of(path.name) in TEXT_TABLE_SUFFIXES]
    every = [TableFile(path=path, split=_split_of(path, own=True)) for path in paths]
    if folders or all(one.split != "train" for one in every):
        return [], Counter()
    return _of_known_splits(every, "table of no known split")


def _split_of(path: Path, *, own: bool = False) -> Split | None:
    first = _PARTS.split(path.stem.lower())[0]
    by_name = SPLIT_NAMES.get(first)
    return by_name if own else by_name or SPLIT_NAMES.get(path.parent.name.lower())
