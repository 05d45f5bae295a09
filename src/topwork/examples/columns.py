"""Tells which columns of a table hold the file, the label, the group and the split.

What it does not know: how a table is stored, and what its files hold.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from topwork.errors import ColumnError, ModalityError
from topwork.examples.example import Split
from topwork.examples.identity import SPLIT_NAMES, clean_text

# Where several of these are there, the first of the list is taken; upper case does not matter.
_FILE_NAMES = """file file_name filename filepath file_path path image image_path image_file
image_name imagepath img img_path img_name photo picture image_id""".split()  # noqa: SIM905
_LABEL_NAMES = """label labels class class_name category target diagnosis species fine_label
class_label label_name finding y""".split()  # noqa: SIM905
_GROUP_NAMES = """group group_id patient patient_id patientid subject subject_id speaker
speaker_id""".split()  # noqa: SIM905
_SPLIT_COLUMNS = ("split", "set", "subset")
_TEXT_NAMES = frozenset({"text", "sentence", "question", "review", "utterance", "tweet"})
_SOUND_NAMES = frozenset({"audio", "sound", "recording", "wav", "speech"})


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of the columns that are used; None where there is none."""

    file: str
    label: str
    group: str | None
    split: str | None


def choose_columns(
    names: Sequence[str],
    origin: str,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
) -> Columns:
    """Return the columns given, or found by their usual names.

    Raises:
        ColumnError: one that was given or is needed is not there.
        ModalityError: there is no file column, but one of texts or sounds.
    """
    file = _given(names, origin, "file", file_column) or _usual(names, _FILE_NAMES)
    if file is None:
        _check_modality(names, origin)
        raise _missing(names, origin, "file", _FILE_NAMES)
    rest = [name for name in names if name != file]
    label = _given(names, origin, "label", label_column) or _usual(rest, _LABEL_NAMES)
    if label is None:
        raise _missing(names, origin, "label", _LABEL_NAMES)
    rest = [name for name in rest if name != label]
    group = _given(names, origin, "group", group_column) or _usual(rest, _GROUP_NAMES)
    rest = [name for name in rest if name != group]
    return Columns(file=file, label=label, group=group, split=_usual(rest, _SPLIT_COLUMNS))


def read_splits(values: Iterable[object]) -> list[Split | None] | None:
    """Return each row's part of the data set, or None where the column says something else.

    A column named `set` may hold anything: it counts as a split only if every value is blank or
    one of the usual names, and one of them is train.
    """
    splits: list[Split | None] = []
    for value in values:
        text = (plain_text(value) or "").lower()
        if text and text not in SPLIT_NAMES:
            return None
        splits.append(SPLIT_NAMES.get(text))
    return splits if "train" in splits else None


def plain_text(value: object) -> str | None:
    """Return a label or group as text; None where it is blank.

    Whole numbers lose their point (3.0 is "3"), truths are "true" and "false". Raises TypeError
    on lists and other things that are not one value.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str):
        text = clean_text(value).strip()
        return None if text.lower() in ("", "nan") else text
    raise TypeError(f"its label is a {type(value).__name__}; one text or number is accepted")


def _given(names: Sequence[str], origin: str, role: str, given: str | None) -> str | None:
    if given is None:
        return None
    alike = [name for name in names if name.lower() == given.lower()]
    if given in names:
        return given
    if alike:
        return alike[0]
    raise ColumnError(
        f"{origin} has no column {given!r} for the {role}. Its columns: {_listed(names)}. Give "
        f"one of these with --{role}-column (in Python: {role}_column)."
    )


def _usual(names: Sequence[str], usual: Sequence[str]) -> str | None:
    by_lower = {name.lower().strip(): name for name in reversed(names)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _missing(names: Sequence[str], origin: str, role: str, usual: Sequence[str]) -> ColumnError:
    return ColumnError(
        f"{origin} has no {role} column by a usual name ({', '.join(usual[:6])}, ...). Its "
        f"columns: {_listed(names)}. Say which it is with --{role}-column (in Python: "
        f"{role}_column)."
    )


def _check_modality(names: Sequence[str], origin: str) -> None:
    lower = {name.lower().strip() for name in names}
    for kind, known in (("text", _TEXT_NAMES), ("sound", _SOUND_NAMES)):
        if lower & known:
            raise ModalityError(
                f"{origin} looks like {kind}: it has the columns {_listed(names)} and none that "
                "names image files. Images are what is accepted; if a column does name them, "
                "give it with --file-column (in Python: file_column)."
            )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(clean_text(name)) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"
