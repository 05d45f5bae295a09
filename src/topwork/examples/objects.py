"""Examples from Python objects."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from topwork.core.digests import digest_bytes
from topwork.errors import ExampleError, SettingError
from topwork.examples.contents import (
    FileDigest,
    InMemory,
    Unusable,
    array_digest,
    check_numbers,
    check_text,
    found_file,
    part_digest,
    sound_digest,
    text_digest,
)
from topwork.examples.deduplicate import RawExample, clean_text, gather
from topwork.examples.example import ExampleSet, Modality, Skipped
from topwork.examples.images.decode import load_image
from topwork.examples.kinds import PREFIX_BYTES, modality_of, sniff, suffix_of
from topwork.examples.modality import as_meant, most, refuse_mixture
from topwork.examples.remarks.forms import check_label_form, check_label_values
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.spellings import say_spelling, spelt_alike
from topwork.examples.tables.values import plain_text

ACCEPTED: dict[Modality | None, str] = {
    "image": "a path, encoded bytes, a PIL image, or a NumPy array [height, width, 3]",
    "sound": (
        "a path, encoded bytes, Sound(samples=..., rate_hz=...), or "
        "{'array': ..., 'sampling_rate': ...}"
    ),
    "text": "a str, which is the text itself, or the pathlib.Path of a .txt file",
    "array": "a NumPy array, or the path of a .npy file",
    None: (
        "a path, encoded bytes, a PIL image, a NumPy array [height, width, 3], "
        "Sound(samples=..., rate_hz=...), or a str that is a text"
    ),
}
_MAX_PATH = 4096
_Bytes = (bytes, bytearray, memoryview)


def examples_from(
    inputs: Iterable[object],
    labels: Iterable[object],
    groups: Iterable[object] | None = None,
    *,
    modality: Modality | None = None,
) -> ExampleSet:
    """Return labelled examples of inputs in memory or on disk, all of one kind.

    Args:
        inputs: paths, encoded bytes, PIL images, arrays [H, W, 3], `Sound`s, or datasets' `{array,
            sampling_rate}`. A str is a file if one of this name exists or it has the suffix of
            one, else a text.
        labels: one for each input; text, whole numbers or truths. None or NaN: skipped.
        groups: one for each input (patient, speaker), or None where it has none.
        modality: of a backbone that was named: for one of texts, every str is a text; for one of
            arrays, every array is an input, whatever its shape; else a str is a path.

    Raises:
        SettingError: the numbers differ, or an input is of another type.
        ModalityError: they are of several kinds.
        SourceError: none of them can be used.
    """
    if isinstance(inputs, str | os.PathLike | bytes):
        raise SettingError(
            f"The inputs are one {type(inputs).__name__}; with labels, a list is accepted: one "
            "input for each label. A folder or table has its own labels: give it alone."
        )
    things = _paths_told(list(inputs), modality)
    kinds = list(labels)
    group_names = list(groups) if groups is not None else [None] * len(things)
    for name, values in (("labels", kinds), ("groups", group_names)):
        if len(values) != len(things):
            raise SettingError(
                f"{len(things)} inputs came with {len(values)} {name}; accepted: one for each "
                "input, in the same order."
            )
    check_label_values(kinds)
    main, sure = _kinds(things, modality)
    found: list[RawExample] = []
    skipped: list[Skipped] = []
    for place, (thing, kind, group) in enumerate(zip(things, kinds, group_names, strict=True)):
        known: dict[str, str | None] = {}
        try:
            known = {"label": plain_text(kind), "group": plain_text(group)}
        except TypeError as error:
            raise SettingError(f"The label or group of input {place}: {error}.") from error
        one = found_object(place, thing, sure[place] or main, **known)
        if one.label is None:
            skipped.append(Skipped(name=one.name, reason="no label"))
        else:
            found.append(one)
    found, spelt = spelt_alike(found)
    check_label_form([one.label for one in found if one.label is not None])
    return gather(
        found,
        modality=as_meant(main, modality),
        origin="the inputs",
        skipped=skipped,
        decided=say_spelling(spelt),
    )


def kind_of_objects(things: Sequence[object]) -> Modality:
    """Return the one kind that inputs in a list are of. A str is a file or a text, by what it says.

    Raises as `examples_from` does.
    """
    main, _ = _kinds(_paths_told(list(things), None), None)
    return main


def kind_of_object(place: int, thing: object, meant: Modality | None) -> Modality | None:
    """Return the kind of input that an object is; None where its content does not tell.

    A str is a text, a path a file. Raises SettingError where it is no input.
    """
    if isinstance(thing, str):
        return "text"
    if isinstance(thing, os.PathLike):
        return _kind_of_path(Path(thing))
    if isinstance(thing, _Bytes):
        kind = sniff(bytes(memoryview(thing)[:PREFIX_BYTES]))
        return kind if kind in ("image", "sound") else None
    if isinstance(thing, Image.Image):
        return "image"
    if isinstance(thing, Sound | SoundFile):
        return "sound"
    if isinstance(thing, Mapping):
        return _kind_of_dict(place, thing, meant)
    if meant == "array" and (isinstance(thing, list | tuple) or hasattr(thing, "__array__")):
        thing = np.asarray(thing)
    if isinstance(thing, np.ndarray):
        return _kind_of_array(place, thing, meant)
    raise SettingError(f"Input {place} is a {type(thing).__name__}; accepted: {ACCEPTED[meant]}.")


def found_object(place: int, thing: object, modality: Modality, **known: str | None) -> RawExample:
    """Return the input that an object of this kind is; `known` as in `Found`."""
    if isinstance(thing, os.PathLike):
        path = Path(thing)
        return found_file(path, clean_text(os.fspath(path)), modality, **known)
    if isinstance(thing, Mapping):
        if thing.get("array") is not None:
            samples = np.asarray(thing["array"])
            thing = Sound(samples=samples, rate_hz=thing["sampling_rate"])
        elif thing.get("bytes"):
            thing = thing["bytes"]
        else:
            return found_object(place, Path(thing["path"]), modality, **known)
    digest: Any
    if isinstance(thing, _Bytes):
        thing = bytes(thing)  # so that it stays what was hashed
        digest = partial(digest_bytes, thing)
        thing = SoundFile(source=thing) if modality == "sound" else thing
    elif isinstance(thing, str):
        digest = _digest_of_text(thing)
    elif isinstance(thing, Image.Image):
        digest = partial(_image_digest, thing)
    elif isinstance(thing, Sound):
        _check_sound(place, thing)
        digest = partial(sound_digest, thing.samples, int(thing.rate_hz))
    elif isinstance(thing, SoundFile):
        digest = partial(_part_digest, thing)
    else:
        thing = np.asarray(thing)
        digest = partial(_array_digest, thing)
    order = ("input ", place)
    read = InMemory(content=thing)
    return RawExample(name=f"input {place}", order=order, digest=digest, read=read, **known)  # type: ignore[arg-type]


def _kinds(
    things: Sequence[object], meant: Modality | None
) -> tuple[Modality, list[Modality | None]]:
    """The kind of all things, and that of each. Raises ModalityError where they are of several."""
    kinds = [kind_of_object(place, thing, meant) for place, thing in enumerate(things)]
    counts = Counter(kind for kind in kinds if kind is not None)
    first = {kind: f"input {kinds.index(kind)}" for kind in counts}
    if meant == "image" and "array" in counts:  # .npy files beside other images
        counts["image"] += counts.pop("array")
    refuse_mixture(counts, "The list of inputs", first=first, share=0)
    return most(counts) if counts else meant or "image", kinds


def _paths_told(things: list[object], meant: Modality | None) -> list[object]:
    """Put paths in place of the strings that are meant as such.

    Where nothing else says so, these are names of files that exist, or end as those of images,
    sounds and arrays do; but where most strings are texts, one that only ends so is a text, too.
    """
    if meant == "text":
        return things
    if meant is not None:
        return [Path(thing) if isinstance(thing, str) else thing for thing in things]
    strings = [thing for thing in things if isinstance(thing, str)]
    there = {text for text in strings if "\n" not in text and os.path.isfile(text)}
    alike = {text for text in strings if _ends_like_file(text)}
    num_texts = sum(text not in there and text not in alike for text in strings)
    files = there if num_texts and 2 * num_texts >= len(strings) else there | alike
    return [Path(one) if isinstance(one, str) and one in files else one for one in things]


def _ends_like_file(text: str) -> bool:
    short = len(text) <= _MAX_PATH and "\n" not in text and "\0" not in text
    return short and modality_of(text) not in (None, "text")


def _kind_of_path(path: Path) -> Modality | None:
    if suffix_of(path.name):
        return modality_of(path.name)
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return sniff(file.read(PREFIX_BYTES))
    except (OSError, ValueError):  # to be said when it is read
        return None


def _kind_of_dict(
    place: int, thing: Mapping[object, object], meant: Modality | None
) -> Modality | None:
    """The kind of what the `datasets` library gives for a sound or image, decoded or not."""
    if thing.get("array") is not None and "sampling_rate" in thing:
        return "sound"
    for key in ("bytes", "path"):
        value = thing.get(key)
        if value:
            is_path = key == "path"
            return kind_of_object(place, Path(str(value)) if is_path else value, meant)
    raise SettingError(
        f"Input {place} is a dict with the keys {sorted(map(str, thing))[:10]}; accepted: 'array' "
        "and 'sampling_rate' (a sound), or 'bytes' or 'path' (an encoded sound or image)."
    )


def _kind_of_array(place: int, array: npt.NDArray[Any], meant: Modality | None) -> Modality:
    if array.dtype.kind not in "buif":
        raise SettingError(f"Input {place} is an array of {array.dtype}; accepted: numbers.")
    if meant == "array":
        return "array"
    if meant == "image" or array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4)):
        return "image"
    raise SettingError(
        f"Input {place} is an array of shape {array.shape}, which may be anything. An image is "
        "[height, width, 3]; a sound needs its rate: Sound(samples=array, rate_hz=16000); for any "
        "other numbers, name a backbone that takes arrays."
    )


def _check_sound(place: int, sound: Sound) -> None:
    samples, rate_hz = sound.samples, sound.rate_hz
    good = (
        isinstance(samples, np.ndarray) and samples.ndim in (1, 2) and samples.dtype.kind in "iuf"
    )
    if not good:
        shape = (
            f"shape {samples.shape} of {samples.dtype}"
            if isinstance(samples, np.ndarray)
            else (type(samples).__name__)
        )
        raise SettingError(
            f"Input {place} is a sound whose samples are {shape}; accepted: a NumPy array of "
            "numbers, [T] or [T, channels]."
        )
    if isinstance(rate_hz, bool) or not isinstance(rate_hz, int | np.integer) or rate_hz < 1:
        raise SettingError(
            f"Input {place} is a sound whose rate is {rate_hz!r}; accepted: samples a second, a "
            "whole number such as 16000."
        )


def _digest_of_text(text: str) -> str | Unusable:
    try:
        return text_digest(check_text(text))
    except ExampleError as error:
        return Unusable(reason=str(error))


def _part_digest(sound: SoundFile) -> str:
    if isinstance(sound.source, bytes):
        whole = digest_bytes(sound.source)
        return part_digest(whole, sound.start_seconds, sound.end_seconds)
    return FileDigest(sound.source).of_part(sound.start_seconds, sound.end_seconds)


def _image_digest(image: Image.Image) -> str:
    """Covers all that decides the pixels: the palette and which way is up, too."""
    load_image(image)
    palette = bytes(image.palette.tobytes()) if image.palette else b""
    about = (image.mode, image.size, image.info.get("transparency"), image.getexif().get(0x0112))
    return digest_bytes(repr(about).encode(), palette, image.tobytes())


def _array_digest(array: npt.NDArray[Any]) -> str:
    check_numbers(array)
    return array_digest(array)
