"""Columns of a table, by name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from topwork.errors import ColumnError
from topwork.examples.deduplicate import SPLIT_NAMES, clean_text
from topwork.examples.example import Modality, Split

# Where several of these are there, the first of the list is taken; upper case does not matter.
_FILE_NAMES = """file file_name filename filepath file_path path image image_path image_file
image_name imagepath img img_path img_name photo picture audio audio_path audio_file audio_name
audio_filepath sound sound_path sound_file recording recording_path wav wav_path wav_file speech
clip image_id""".split()  # noqa: SIM905
_TEXT_NAMES = """text sentence question review utterance tweet message body content comment
document query ticket description prompt title""".split()  # noqa: SIM905
_ARRAY_NAMES = """x features feature data input inputs signal signals values series array
embedding""".split()  # noqa: SIM905
_LABEL_NAMES = """label labels class class_name category target diagnosis species fine_label
class_label label_name finding y intent sentiment emotion topic genre keyword command""".split()  # noqa: SIM905
_GROUP_NAMES = """group group_id patient patient_id patientid subject subject_id speaker
speaker_id participant participant_id person person_id client_id user user_id author author_id
session session_id recording_id""".split()  # noqa: SIM905
_SPLIT_COLUMNS = ("split", "set", "subset")
_START_NAMES = "start start_seconds start_sec start_s start_time begin begin_time onset".split()  # noqa: SIM905
_END_NAMES = "end end_seconds end_sec end_s end_time stop stop_time finish".split()  # noqa: SIM905

Stored = Literal["media", "bytes", "text", "array", "other"]
"""What a typed column holds: encoded inputs with their paths, encoded inputs alone, strings, lists
of numbers, or none of these."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of the columns that are used; None where there is none.

    Attributes:
        given: of the input, where the user named it; then the next three are None.
        file, text, array: of inputs by their usual names, or by what they are stored as.
        label: None only where no label is needed.
        start, end, duration: in seconds, of the part of a sound.
    """

    given: str | None = None
    file: str | None = None
    text: str | None = None
    array: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None
    start: str | None = None
    end: str | None = None
    duration: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Those that may hold the input."""
        return _present(self.given, self.file, self.text, self.array)

    @property
    def others(self) -> tuple[str, ...]:
        """Those that tell of the input."""
        known = (self.label, self.group, self.split, self.start, self.end, self.duration)
        return _present(*known)

    def input_for(self, meant: Modality | None) -> str:
        """The one column of inputs, where its values need not be asked.

        Files come first, then texts, then arrays; but first the one that `meant` asks for.
        """
        first = {"text": self.text, "array": self.array}.get(meant or "image")
        return _present(self.given, first, *self.inputs)[0]


@dataclass(frozen=True, kw_only=True)
class ColumnNames:
    """The columns that the user named; None where they are to be found by their usual names.

    Attributes:
        need_label: whether a table without labels is refused.
        meant: what the backbone takes, where one was named.
    """

    input_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    need_label: bool = True
    meant: Modality | None = None

    def choose(
        self,
        names: Sequence[str],
        origin: str,
        *,
        stored: Mapping[str, Stored] | None = None,
        declared: Sequence[str] = (),
    ) -> Columns:
        """Return the columns to use: those given, or found by their usual names.

        Args:
            names: of all columns.
            origin: the table, to begin a sentence with.
            stored: what each holds, where the table says so.
            declared: those that the table declares to be images or sounds.

        Raises:
            ColumnError: one that was given or is needed is not there.
        """
        given = _given(names, origin, "input", self.input_column)
        label = _given(names, origin, "label", self.label_column)
        group = _given(names, origin, "group", self.group_column)
        rest = [name for name in names if name not in (given, label, group)]
        found = Columns(given=given) if given else _find_inputs(rest, stored, declared)
        if not found.inputs:
            raise _missing(names, origin, "input", (*_FILE_NAMES[:3], "image", "audio", "text"))
        rest = [name for name in rest if name not in found.inputs]
        if label is None and self.need_label:
            label = _usual(rest, _LABEL_NAMES)
            if label is None:
                raise _missing(names, origin, "label", _LABEL_NAMES[:6])
            rest.remove(label)
        if group is None:
            group = _usual(rest, _GROUP_NAMES)
            rest = [name for name in rest if name != group]
        start, end, duration = _time_columns(rest)
        return replace(
            found,
            label=label if self.need_label else None,
            group=group if self.need_label else None,
            split=_usual(rest, _SPLIT_COLUMNS) if self.need_label else None,
            start=start,
            end=end,
            duration=duration,
        )


def _find_inputs(
    names: Sequence[str], stored: Mapping[str, Stored] | None, declared: Sequence[str]
) -> Columns:
    if stored is None:
        return Columns(file=_usual(names, _FILE_NAMES), text=_usual(names, _TEXT_NAMES))

    def of(*kinds: Stored) -> list[str]:
        return [name for name in names if stored.get(name) in kinds]

    text = _usual(of("text"), _TEXT_NAMES)
    array = _usual(of("array"), _ARRAY_NAMES) or next(iter(of("array")), None)
    media = of("media")
    within = of("media", "bytes")
    files = [*(n for n in declared if n in within), _usual(within, _FILE_NAMES), *media]
    files.append(_usual(of("text"), _FILE_NAMES))
    if text is None and array is None:
        # Bytes of any name; at last, one named `image` that holds numbers, to be refused as such.
        files += [*within, _usual(names, _FILE_NAMES)]
    return Columns(file=next(iter(_present(*files)), None), text=text, array=array)


def _time_columns(names: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    """The columns of start, end and duration.

    `offset` is the end beside an `onset` (as annotators write it), else the start (as in the
    manifests of speech recognisers). A duration alone tells of the whole file: it is not used.
    """
    start, end = _usual(names, _START_NAMES), _usual(names, _END_NAMES)
    offset = _usual(names, ["offset"])
    if start is None:
        start = offset
    elif start.lower().strip() == "onset" and end is None:
        end = offset
    duration = _usual(names, ["duration", "duration_seconds"]) if start and not end else None
    return start, end, duration


def read_splits(values: Iterable[object]) -> list[Split | None] | None:
    """Return each row's part of the data set, or None where the column says something else.

    A column named `set` may hold anything: it counts as a split only if every value is blank or
    one of the usual names, and one of them is train.
    """
    splits: list[Split | None] = []
    for value in values:
        try:
            text = (plain_text(value) or "").lower()
        except TypeError:
            return None
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


def plain_seconds(value: object) -> float | None:
    """Return a time in seconds; None where it is blank. Raises ValueError on anything else."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("", "nan"):
            return None
        if text.count(",") == 1 and "." not in text:  # as half the world writes it
            text = text.replace(",", ".")
        number = float(text) if text.isascii() else math.inf
    elif value is None or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
        number = math.nan if value is None else float(value)
    else:
        raise ValueError(value)
    if math.isnan(number):
        return None
    if not 0 <= number < math.inf:
        raise ValueError(value)
    return number


def _given(names: Sequence[str], origin: str, role: str, given: str | None) -> str | None:
    if given is None:
        return None
    alike = [name for name in names if name.lower() == given.lower()]
    if given in names:
        return given
    if alike:
        return alike[0]
    raise ColumnError(
        f"{origin} has no column {given!r} for the {role}. Its columns: {listed(names)}. Give "
        f"one of these with --{role}-column (in Python: {role}_column)."
    )


def _usual(names: Sequence[str], usual: Sequence[str]) -> str | None:
    by_lower = {name.lower().strip(): name for name in reversed(names)}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _present(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _missing(names: Sequence[str], origin: str, role: str, usual: Sequence[str]) -> ColumnError:
    return ColumnError(
        f"{origin} has no {role} column by a usual name ({', '.join(usual)}, ...). Its "
        f"columns: {listed(names)}. Say which it is with --{role}-column (in Python: "
        f"{role}_column)."
    )


def listed(names: Sequence[str]) -> str:
    """The names of columns, for a message."""
    shown = ", ".join(repr(clean_text(name)) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"
