"""Data sets in one `.npz` file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.errors import ColumnError, SourceError
from topwork.examples.contents import InMemory, array_digest
from topwork.examples.deduplicate import SPLIT_NAMES, clean_text
from topwork.examples.example import Modality, Split
from topwork.examples.modality import as_meant
from topwork.examples.tables.columns import ColumnNames, Columns, listed
from topwork.examples.tables.rows import Outcome, TableColumns, TableRows
from topwork.examples.unfolding import check_unfolded_bytes

_INPUTS = ("x", "data", "features", "inputs", "input", "signals", "arrays", "images")
_LABELS = ("y", "label", "labels", "target", "targets")
_GROUPS = ("group", "groups")
_SPLITS = ("split", "splits")

MAX_NPZ_BYTES = 2**34
"""A compressed file can claim a thousand times its size; its arrays are held in memory whole."""

MIN_SIDE = 8
"""Pixels: bytes [N, 3, 128] are three signals, not a picture."""

_Parts = Mapping[Split | None, str]


def read_npz(path: Path, given: ColumnNames, *, root: Path) -> TableRows:
    """Return the rows of the arrays in a .npz file, [N, ...] each, as inputs.

    Usual names: x (data, features, inputs, signals) and y (labels, targets), perhaps group and
    split; or x_train, y_train, x_test, y_test. Nothing pickled is loaded. uint8 [N, H, W] or
    [N, H, W, 3] are pictures, unless a backbone for arrays was named.

    Raises:
        SourceError: it is damaged, pickled, or of arrays that do not go together.
        ColumnError: the arrays that are needed are not there.
    """
    name = clean_text(path.relative_to(root).as_posix())
    origin = f"The file {name!r}"
    try:
        _check_size(path, origin)
        with np.load(path, allow_pickle=False) as file:
            inputs, labels, groups, splits = _keys(list(file.files), given, origin)
            outcomes: list[Outcome] = []
            are_pictures = True
            for split, key in inputs.items():
                rows = _array(file, key, origin)
                are_pictures &= _are_pictures(rows)
                values = {
                    role: _column(_array(file, keys[split], origin), len(rows), keys[split], origin)
                    for role, keys in (("label", labels), ("group", groups), ("split", splits))
                    if split in keys
                }
                within = name if split is None else f"{name}[{clean_text(key)}]"
                outcomes += _rows(rows, key, values, within, split, path, given)
    except (SourceError, ColumnError):
        raise
    except ValueError as error:
        raise SourceError(
            f"{origin} cannot be read: {error}. Nothing pickled is loaded, for it can run any "
            "code: save numbers and text (np.savez(path, x=..., y=...)), not objects."
        ) from error
    except Exception as error:
        # Of a later version, with a password, damaged: zipfile has an error of its own for each.
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{origin} cannot be read: {reason}. It is damaged, ends early, or is packed in a way "
            "that NumPy does not know; save it again with np.savez."
        ) from error
    seen_as: Modality = "image" if are_pictures and given.meant is None else "array"
    decided = (_said(name, inputs, labels, groups),) if given.need_label else ()
    kind = as_meant(seen_as, given.meant)
    return TableRows(modality=kind, outcomes=outcomes, decided=decided)


def _said(name: str, inputs: _Parts, labels: _Parts, groups: _Parts) -> str:
    """Which arrays were taken, and how to have no groups."""
    roles = {"input": inputs, "label": labels, "group": groups}
    taken = ", ".join(
        f"{role} {' and '.join(repr(clean_text(key)) for key in keys.values())}"
        for role, keys in roles.items()
        if keys
    )
    return f"Arrays of {name}: {taken}" + (' (--group-column "" for no groups).' if groups else ".")


def _are_pictures(rows: npt.NDArray[Any]) -> bool:
    """Whether these are bytes in the shape of pictures, grey or of red, green and blue."""
    return (
        rows.dtype == np.uint8
        and (rows.ndim == 3 or (rows.ndim == 4 and rows.shape[3] in (1, 3)))
        and min(rows.shape[1:3]) >= MIN_SIDE
    )


def _rows(
    rows: npt.NDArray[Any],
    key: str,
    values: Mapping[str, Sequence[object]],
    name: str,
    split: Split | None,
    path: Path,
    given: ColumnNames,
) -> list[Outcome]:
    if rows.ndim < 2 or rows.dtype.kind not in "buif":
        raise SourceError(
            f"The file {name!r}: {key!r} is {rows.dtype} of shape {rows.shape}; accepted: numbers "
            "[N, ...], an array for each of N examples."
        )
    table = TableColumns(
        name=name,
        folder=path.parent,
        given=given,
        columns=Columns(array=key, **{role: role for role in values}),
        values=values,
        num_rows=len(rows),
        split=split,
    )
    outcomes: list[Outcome] = []
    for number, row in enumerate(rows):
        try:
            digest = partial(array_digest, row)
            outcomes.append(table.found(number, digest, InMemory(content=row)))
        except ValueError as error:
            outcomes.append(table.skipped(number, str(error)))
    return outcomes


def _keys(
    names: Sequence[str], given: ColumnNames, origin: str
) -> tuple[_Parts, _Parts, _Parts, _Parts]:
    """The names of the arrays of inputs, labels, groups and splits, by part."""
    inputs = _named(names, given.input_column, _INPUTS, origin, "input")
    if not inputs:
        raise ColumnError(
            f"{origin} has no array of inputs by a usual name ({', '.join(_INPUTS)}). Its arrays: "
            f"{listed(names)}. Say which it is with --input-column (in Python: input_column)."
        )
    if not given.need_label:
        return inputs, {}, {}, {}
    labels = _named(names, given.label_column, _LABELS, origin, "label")
    lacking = [key for split, key in inputs.items() if split not in labels]
    if lacking:
        raise ColumnError(
            f"{origin} has no labels by a usual name ({', '.join(_LABELS)}) for {lacking[0]!r}. "
            f"Its arrays: {listed(names)}. Say which they are with --label-column (in Python: "
            "label_column)."
        )
    groups: _Parts = {}
    if given.group_column != "":
        groups = _named(names, given.group_column, _GROUPS, origin, "group")
    return inputs, labels, groups, _named(names, None, _SPLITS, origin, "split")


def _named(
    names: Sequence[str], given: str | None, usual: Sequence[str], origin: str, role: str
) -> _Parts:
    """The arrays of one role: one for all, or one for each part."""
    if given is not None:
        if given not in names:
            raise ColumnError(
                f"{origin} has no array {given!r} for the {role}. Its arrays: {listed(names)}. "
                f"Give one of these with --{role}-column (in Python: {role}_column)."
            )
        return {None: given}
    found: dict[tuple[str, Split | None], str] = {}
    for name in names:
        words = re.split(r"[_\-. ]", name.lower())
        splits = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        rest = "_".join(word for word in words if word not in SPLIT_NAMES)
        if len(splits) < 2:
            found.setdefault((rest, splits[0] if splits else None), name)
    for base in usual:
        parts = {split: name for (rest, split), name in found.items() if rest == base}
        if parts:
            return {None: parts[None]} if None in parts else parts
    return {}


def _array(file: Any, key: str, origin: str) -> npt.NDArray[Any]:
    array = file[key]
    if not isinstance(array, np.ndarray):  # what is no .npy comes as bytes
        raise SourceError(
            f"{origin}: {key!r} is no array: it begins with {array[:8]!r}. Save it again with "
            "np.savez(path, x=..., y=...)."
        )
    return array


def _column(values: npt.NDArray[Any], num_rows: int, key: str, origin: str) -> list[object]:
    if values.shape == (num_rows, 1):
        values = values[:, 0]
    if values.shape != (num_rows,):
        raise SourceError(
            f"{origin}: {key!r} is of shape {values.shape}; accepted: ({num_rows},), one for each "
            "input. Of columns of 0 and 1, give the place of the 1: y.argmax(1)."
        )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "backslashreplace")
    return list(values.tolist())


def _check_size(path: Path, origin: str) -> None:
    with zipfile.ZipFile(path) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        pressed = total > path.stat().st_size
    if total > MAX_NPZ_BYTES:
        raise SourceError(
            f"{origin} holds {total:,} bytes of arrays; at most {MAX_NPZ_BYTES:,} are held in "
            "memory. Save them as a folder per class of .npy files, or as Parquet."
        )
    advice = "Save them as a folder per class of .npy files"
    if pressed:
        advice += ", or without compression: np.savez"
    check_unfolded_bytes(total, path.stat().st_size, f"{origin}: its arrays unfold", advice)
