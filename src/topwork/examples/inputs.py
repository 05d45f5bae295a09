"""Inputs to predict, from what users give."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from topwork.core.digests import digest_bytes
from topwork.errors import ModalityError, SettingError, SourceError
from topwork.examples.any_table import read_any_table
from topwork.examples.contents import Unusable, found_file
from topwork.examples.deduplicate import RawExample, clean_text, hash_all
from topwork.examples.example import Example, Modality, Skipped
from topwork.examples.folders import NOT_PLAIN, files_below, other_kind
from topwork.examples.frames import frame_of, is_frame, refuse_object
from topwork.examples.kinds import (
    ARCHIVE_SUFFIX,
    DOCUMENT_SUFFIXES,
    TABLE_SUFFIXES,
    modality_of,
    suffix_of,
)
from topwork.examples.objects import ACCEPTED, found_object, kind_of_object, kind_of_objects
from topwork.examples.regular import check_regular_table
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.table_folders import TableFile, whole_tables
from topwork.examples.tables.columns import ColumnNames
from topwork.examples.tables.frame import read_frame
from topwork.examples.tables.rows import Outcome, TableRows
from topwork.examples.windows import Input

OneInput = str | bytes | bytearray | Image.Image | Sound | SoundFile
"""For type checkers: what is one input in most cases. A str may name a folder or table, too."""

_SINGLE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, Sound, SoundFile, dict)


def read_inputs(
    inputs: object,
    *,
    modality: Modality,
    input_column: str | None = None,
    earlier: ColumnNames | None = None,
    array_ndim: int | None = None,
) -> list[Example]:
    """Return unlabelled examples to predict, in the order given; repeats stay.

    Args:
        inputs: one input or many: of images paths, encoded bytes, PIL images, arrays, or an array
            [N, H, W, C] of many; of sounds paths, bytes or `Sound`s; of texts a str each, which is
            the text itself, or a `pathlib.Path` of a .txt file; of arrays those, or paths of .npy
            files. A folder stands for all files of the kind in and below it, sorted; a table
            (.csv, .jsonl, .xlsx, .parquet, ...; of arrays .npz) for its rows: `new.csv[3]`. A
            DataFrame, a `datasets.Dataset` or an Arrow table stands for its rows: `DataFrame[3]`.
        modality: what the model takes.
        input_column: of the tables; by default that of a usual name.
        earlier: columns that were named for the training, which go before the usual names.
        array_ndim: dimensions of one array; one of one more stands for many.

    An input that is there but cannot be used (an empty text, a row that names no file) becomes an
    example that says so when it is read.

    Raises:
        SettingError: an input is of another type, or a column was named and there is no table.
        SourceError: a path is not there, or a table cannot be read.
        ColumnError: a table lacks the column of inputs.
        ModalityError: a file, folder, table or object is of another kind than the model takes.
    """
    given = ColumnNames(
        input_column=input_column, need_label=False, meant=modality, earlier=earlier
    )
    if is_frame(inputs):
        rows = read_frame(frame_of(inputs), given)
        _check_rows(rows, f"The {type(inputs).__name__}", modality)
        return _examples(rows.outcomes)
    refuse_object(inputs)
    outcomes: list[Outcome] = []
    things = _many(inputs, modality, array_ndim)
    if not any(_is_table(thing) for thing in things):
        given.refuse_told("inputs")
    for thing in things:
        if isinstance(thing, os.PathLike) or (isinstance(thing, str) and modality != "text"):
            outcomes += _of_path(Path(thing), given, modality)
        else:
            outcomes.append(_of_object(len(outcomes), thing, modality))
    return _examples(outcomes)


def _examples(outcomes: Sequence[Outcome]) -> list[Example]:
    """An example of every outcome, so that each keeps its place."""
    found = [one for one in outcomes if isinstance(one, RawExample)]
    digests = iter(hash_all(found))
    examples: list[Example] = []
    for one in outcomes:
        result = one if isinstance(one, Skipped) else next(digests)
        if isinstance(result, Skipped):
            examples.append(_unusable(result))
        elif isinstance(one, RawExample):
            examples.append(one.example(result))
    return examples


def kind_of_inputs(inputs: object, input_column: str | None = None) -> Modality:
    """Return what kind of input these are, as `read_inputs` takes them, where no model says it.

    Raises SettingError where an input is of no kind, ModalityError where they are of several.
    """
    given = ColumnNames(input_column=input_column, need_label=False)
    if is_frame(inputs):
        return read_frame(frame_of(inputs), given).modality
    refuse_object(inputs)
    if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "buif" and inputs.ndim == 2:
        return "array"  # rows of numbers, as scikit-learn has them
    return kind_of_objects(_many(inputs, "image", None))


def _is_table(thing: object) -> bool:
    if not isinstance(thing, str | os.PathLike):
        return False
    return suffix_of(os.path.basename(thing)) in (*TABLE_SUFFIXES, ARCHIVE_SUFFIX)


def dimensions_of(preprocessing: Input) -> int | None:
    """Return the dimensions of one array; None of what takes no arrays."""
    return len(preprocessing.shape) if preprocessing.modality == "array" else None


def is_one(inputs: object, *, modality: Modality, array_ndim: int | None = None) -> bool:
    """Whether `read_inputs` takes this for one input: no list, folder or table of them."""
    if isinstance(inputs, os.PathLike) or (isinstance(inputs, str) and modality != "text"):
        path = Path(inputs)
        return not path.is_dir() and suffix_of(path.name) not in (*TABLE_SUFFIXES, ARCHIVE_SUFFIX)
    if isinstance(inputs, np.ndarray):
        return not _holds_many(inputs, modality, array_ndim)
    return isinstance(inputs, _SINGLE)


def _holds_many(array: npt.NDArray[Any], modality: Modality, array_ndim: int | None) -> bool:
    if array.dtype.kind in "OUS":
        return array.ndim > 0
    ndim = {"image": 3, "array": array_ndim}.get(modality)
    return ndim is not None and array.ndim == ndim + 1


def _many(inputs: object, modality: Modality, array_ndim: int | None) -> Sequence[object]:
    if isinstance(inputs, _SINGLE):
        return [inputs]
    if isinstance(inputs, np.ndarray):
        plain = inputs.dtype.kind in "OUS"
        if _holds_many(inputs, modality, array_ndim):
            return list(inputs.tolist() if plain else inputs)
        return [inputs.item() if plain else inputs]
    if isinstance(inputs, Iterable):
        return list(inputs)
    raise SettingError(
        f"The inputs are a {type(inputs).__name__}; accepted: {ACCEPTED[modality]}, or a list of "
        "these."
    )


def _of_path(path: Path, given: ColumnNames, modality: Modality) -> Sequence[Outcome]:
    name = clean_text(os.fspath(path))
    try:
        path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"The input {name!r}: the file cannot be read: {reason}. Check its path; accepted: "
            f"{ACCEPTED[modality]}, a folder, or a table."
        ) from error
    if path.is_dir():
        return _of_folder(path, given, modality)
    suffix = suffix_of(path.name)
    if suffix in TABLE_SUFFIXES or suffix == ARCHIVE_SUFFIX:
        check_regular_table(path, name)
        return _rows(TableFile(path=path), path.parent, name, given, modality)
    if suffix in DOCUMENT_SUFFIXES and modality == "text":
        raise ModalityError(f"The input {name!r} is a {suffix} document. {NOT_PLAIN}.")
    kind = modality_of(path.name)
    if kind not in (None, modality) and (kind, modality) != ("array", "image"):
        raise other_kind(name, kind or modality, modality)
    return [_of_file(path, modality)]


def _of_folder(path: Path, given: ColumnNames, modality: Modality) -> Sequence[Outcome]:
    """The rows of one that is a table in pieces; else the files in it and below."""
    outcomes: list[Outcome] = []
    for table in whole_tables(path)[0]:
        name = clean_text(os.fspath(table.path))
        outcomes += _rows(table, path, name, given, modality)
    return outcomes or [_of_file(one, modality) for one in files_below(path, modality)]


def _rows(
    table: TableFile, root: Path, name: str, given: ColumnNames, modality: Modality
) -> Sequence[Outcome]:
    rows = read_any_table(table, given, root=root)
    _check_rows(rows, f"The table {name!r}", modality)
    return rows.outcomes


def _check_rows(rows: TableRows, origin: str, modality: Modality) -> None:
    if rows.modality != modality:
        raise ModalityError(
            f"{origin} holds {rows.modality}s; the model takes {modality}s. Give it a table of "
            f"these, or use a model for {rows.modality}s."
        )


def _of_file(path: Path, modality: Modality) -> RawExample:
    """The input that a file is; an image may be an array in a .npy file."""
    kind = "array" if modality_of(path.name) == "array" else modality
    return found_file(path, clean_text(os.fspath(path)), kind)


def _of_object(place: int, thing: object, modality: Modality) -> RawExample:
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "buif" and modality == "sound":
        raise SettingError(
            f"Input {place} is an array of shape {thing.shape} without a rate; accepted: "
            f"{ACCEPTED[modality]}."
        )
    if isinstance(thing, bytes | bytearray | memoryview) and modality in ("image", "sound"):
        return found_object(place, thing, modality)  # what else it may be is said when it is read
    kind = kind_of_object(place, thing, modality)
    if kind is None:
        raise SettingError(
            f"Input {place} is a {type(thing).__name__}; accepted: {ACCEPTED[modality]}."
        )
    if kind != modality:
        raise other_kind(f"input {place}", kind, modality)
    return found_object(place, thing, kind)


def _unusable(skipped: Skipped) -> Example:
    """An example that cannot be read, so that its place in the order is kept."""
    return Example(
        name=skipped.name,
        digest=digest_bytes(skipped.name.encode(), skipped.reason.encode()),
        read=Unusable(reason=skipped.reason),
    )
