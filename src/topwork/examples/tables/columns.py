"""Columns of a table, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from topwork.errors import ColumnError, SettingError
from topwork.examples.deduplicate import clean_text
from topwork.examples.example import Modality

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
_DURATION_NAMES = ("duration", "duration_seconds")

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

    def describe(self, column: str, names: Sequence[str]) -> str:
        """Say which column was taken for what, how to choose others, and which are not used."""
        times = [name for name in (self.start, self.end, self.duration) if name is not None]
        parts = [f"input {column!r}", f"label {self.label!r}"]
        if self.group is not None:
            parts.append(f'group {self.group!r} (--group-column "" for none)')
        if self.split is not None:
            parts.append(f"split {self.split!r}")
        if times:
            listed_times = " and ".join(map(repr, times))
            parts.append(f'times {listed_times} (--time-columns "" for none)')
        used = {column, *self.others}
        rest = [name for name in names if name not in used]
        return ", ".join(parts) + (f"; not used: {listed(rest)}" if rest else "")

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
        group_column: empty: there are no groups.
        time_columns: of the start and the end of a part of a sound, with a comma between them;
            empty: there are none.
        need_label: whether a table without labels is refused.
        meant: what the backbone takes, where one was named.
        earlier: those that were named for the training; they go before the usual names where the
            table has them.
    """

    input_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    time_columns: str | None = None
    need_label: bool = True
    meant: Modality | None = None
    earlier: ColumnNames | None = None

    @property
    def told(self) -> dict[str, str]:
        """The columns that the user named, by the setting's name."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {n: value for n, value in given.items() if "column" in n and value is not None}

    def refuse_told(self, what: str) -> None:
        """Raise SettingError where columns were named for what has none."""
        if self.told:
            listed = ", ".join(f"{name} is {value!r}" for name, value in self.told.items())
            raise SettingError(
                f"{listed} with {what}, which has no columns; accepted with a table. Leave it "
                "out, or give the table."
            )

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
        if self.earlier is not None:
            own = self._with_earlier(names)
            return own.choose(names, origin, stored=stored, declared=declared)
        given = _given(names, origin, "input", self.input_column)
        label = _given(names, origin, "label", self.label_column)
        group = _given(names, origin, "group", self.group_column or None)
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
        if group is None and self.group_column != "":
            group = _usual(rest, _GROUP_NAMES)
            rest = [name for name in rest if name != group]
        start, end, duration = self._times(names, rest, origin)
        return replace(
            found,
            label=label if self.need_label else None,
            group=group if self.need_label else None,
            split=_usual(rest, _SPLIT_COLUMNS) if self.need_label else None,
            start=start,
            end=end,
            duration=duration,
        )

    def _with_earlier(self, names: Sequence[str]) -> ColumnNames:
        there = {"", *(name.lower() for name in names)}
        found = {
            setting: value
            for setting, value in (self.earlier.told if self.earlier else {}).items()
            if getattr(self, setting) is None
            and {name.strip().lower() for name in value.split(",")} <= there
        }
        return replace(self, earlier=None, **found)  # type: ignore[arg-type]

    def _times(
        self, names: Sequence[str], rest: Sequence[str], origin: str
    ) -> tuple[str | None, str | None, str | None]:
        """The columns of start, end and duration: those that were named, or by usual names."""
        if self.time_columns is None:
            return _time_columns(rest)
        given = [name.strip() for name in self.time_columns.split(",") if name.strip()]
        if len(given) > 2:
            raise ColumnError(
                f"time_columns is {self.time_columns!r}; accepted: the columns of start and end, "
                'as in --time-columns start,end, or none: --time-columns "".'
            )
        found = [_given(names, origin, "time", name) for name in given]
        start, last = (*found, None, None)[:2]
        if last is not None and last.lower().strip() in _DURATION_NAMES:
            return start, None, last
        return start, last, None


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
    duration = _usual(names, _DURATION_NAMES) if start and not end else None
    return start, end, duration


def _given(names: Sequence[str], origin: str, role: str, given: str | None) -> str | None:
    if given is None:
        return None
    alike = [name for name in names if name.lower() == given.lower()]
    if given in names:
        return given
    if alike:
        return alike[0]
    option = "time-columns" if role == "time" else f"{role}-column"
    raise ColumnError(
        f"{origin} has no column {given!r} for the {role}. Its columns: {listed(names)}. Give "
        f"one of these with --{option} (in Python: {option.replace('-', '_')})."
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


def usual_file_and_group(names: Sequence[str]) -> tuple[str | None, str | None]:
    """The columns of files and of groups: of the usual names, or the one of two that is left."""
    file, group = _usual(names, _FILE_NAMES), _usual(names, _GROUP_NAMES)
    if len(names) == 2 and (file is None) != (group is None):
        (other,) = (name for name in names if name not in (file, group))
        file, group = file or other, group or other
    return file, group


def is_usual(name: str) -> bool:
    """Whether a column of this name would be taken for an input, a label or a group."""
    return _usual([name], (*_FILE_NAMES, *_TEXT_NAMES, *_LABEL_NAMES, *_GROUP_NAMES)) is not None
