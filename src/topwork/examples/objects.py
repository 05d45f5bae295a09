"""Makes examples of what a Python program holds: paths, encoded bytes, PIL images and arrays.

What it does not know: tables, and folders of classes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from topwork.digests import digest_bytes, digest_file
from topwork.errors import SettingError, SourceError
from topwork.examples.columns import plain_text
from topwork.examples.decode import load_image, read_file
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.folders import images_below
from topwork.examples.identity import Found, Progress, clean_text, gather, hash_all

_SINGLE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
ACCEPTED = "a path, encoded bytes, a PIL image, or a NumPy array [height, width, 3]"


def examples_from(
    inputs: Iterable[object],
    labels: Iterable[object],
    groups: Iterable[object] | None = None,
    *,
    on_progress: Progress | None = None,
) -> ExampleSet:
    """Return labelled examples of inputs in memory or on disk.

    Args:
        inputs: paths, encoded bytes, PIL images, arrays; mixed as you like.
        labels: one for each input; text, whole numbers or truths. None or NaN: skipped.
        groups: one for each input (patient, speaker), or None where it has none.
        on_progress: called with how many have been hashed, and how many there are.

    Raises:
        SettingError: the numbers differ, or an input is of another type.
        SourceError: none of them can be used.
    """
    things = list(inputs)
    kinds = list(labels)
    clans = list(groups) if groups is not None else [None] * len(things)
    for name, values in (("labels", kinds), ("groups", clans)):
        if len(values) != len(things):
            raise SettingError(
                f"{len(things)} inputs came with {len(values)} {name}; accepted: one for each "
                "input, in the same order."
            )
    found: list[Found] = []
    skipped: list[Skipped] = []
    for place, (thing, kind, clan) in enumerate(zip(things, kinds, clans, strict=True)):
        one = _found(place, thing)
        try:
            label, group = plain_text(kind), plain_text(clan)
        except TypeError as error:
            raise SettingError(f"The label or group of input {place}: {error}.") from error
        if label is None:
            skipped.append(Skipped(name=one.name, reason="no label"))
            continue
        found.append(
            Found(
                name=one.name,
                order=one.order,
                digest=one.digest,
                read=one.read,
                label=label,
                group=group,
            )
        )
    return gather(found, origin="the inputs", skipped=skipped, on_progress=on_progress)


def read_inputs(inputs: object, *, on_progress: Progress | None = None) -> list[Example]:
    """Return unlabelled examples to predict, in the order given; repeats stay.

    Args:
        inputs: one input or many: paths, encoded bytes, PIL images, arrays, or an array
            [N, H, W, C] of many. A folder stands for all images in and below it, sorted.
        on_progress: called with how many have been hashed, and how many there are.

    Raises:
        SettingError: an input is of another type.
        SourceError: a path is not there, or cannot be read.
    """
    found: list[Found] = []
    for thing in _many(inputs):
        if isinstance(thing, str | os.PathLike) and Path(thing).is_dir():
            found.extend(_found(0, path) for path in images_below(Path(thing)))
        else:
            found.append(_found(len(found), thing))
    examples: list[Example] = []
    for one, digest in zip(found, hash_all(found, on_progress), strict=True):
        if isinstance(digest, Skipped):
            raise SourceError(
                f"The input {one.name!r}: {digest.reason}. Check its path; accepted: {ACCEPTED}, "
                "or a folder."
            )
        examples.append(one.example(digest))
    return examples


def _many(inputs: object) -> Sequence[object]:
    if isinstance(inputs, _SINGLE):
        return [inputs]
    if isinstance(inputs, np.ndarray):
        return list(inputs) if inputs.ndim == 4 or inputs.dtype == object else [inputs]
    if isinstance(inputs, Iterable) and not isinstance(inputs, dict):
        return list(inputs)
    raise SettingError(
        f"The inputs are a {type(inputs).__name__}; accepted: {ACCEPTED}, or a list of these."
    )


def _found(place: int, thing: object) -> Found:
    """The input that an object is, without a label."""
    if isinstance(thing, str | os.PathLike):
        path = Path(thing)
        name = clean_text(os.fspath(path))
        return Found(name=name, digest=partial(digest_file, path), read=partial(read_file, path))
    name, order = f"input {place}", ("input ", place)
    digest: Callable[[], str]
    if isinstance(thing, bytes | bytearray | memoryview):
        thing = bytes(thing)  # so that it stays what was hashed
        digest = partial(digest_bytes, thing)
    elif isinstance(thing, Image.Image):
        digest = partial(_image_digest, thing)
    elif isinstance(thing, np.ndarray):
        if thing.dtype.kind not in "buif":
            raise SettingError(f"Input {place} is an array of {thing.dtype}; accepted: numbers.")
        digest = partial(_array_digest, thing)
    else:
        raise SettingError(f"Input {place} is a {type(thing).__name__}; accepted: {ACCEPTED}.")
    return Found(name=name, order=order, digest=digest, read=partial(_same, thing))


def _same(thing: object) -> object:
    return thing


def _image_digest(image: Image.Image) -> str:
    """Covers all that decides the pixels: the palette and which way is up, too."""
    load_image(image)
    palette = bytes(image.palette.tobytes()) if image.palette else b""
    about = (image.mode, image.size, image.info.get("transparency"), image.getexif().get(0x0112))
    return digest_bytes(repr(about).encode(), palette, image.tobytes())


def _array_digest(array: npt.NDArray[Any]) -> str:
    about = f"{array.dtype.str} {array.shape}"
    return digest_bytes(about.encode(), np.ascontiguousarray(array).data)
