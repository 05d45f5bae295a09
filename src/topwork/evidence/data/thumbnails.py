"""Small decoded copies of examples."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.progress import report
from topwork.core.shapes import Floats
from topwork.errors import ExampleError
from topwork.evidence.data.alignment import SIDE
from topwork.examples.arrays.npy import read_npy
from topwork.examples.example import Example, Modality
from topwork.examples.images.decode import decode_image, read_file
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.kinds import PREFIX_BYTES, image_format
from topwork.examples.remarks.images import used_bits
from topwork.examples.sounds.durations import sound_seconds
from topwork.examples.sounds.files import open_sound
from topwork.examples.sounds.sound import Sound, SoundFile

RATE_HZ = 8000
MAX_SECONDS = 10.0
"""Of a sound, its beginning is looked at."""

_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF")
_SPEC = ImageInput(size=SIDE, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bilinear")
_NUM_THREADS = min(4, os.cpu_count() or 1)
_PART = 32


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ImageLook:
    """An image: uint8 [SIDE, SIDE, 3], squashed, and its own width, height and frames."""

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    num_frames: int


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SoundLook:
    """A sound's beginning: mono at RATE_HZ, and what was measured at its own rate.

    Attributes:
        seconds: of the whole sound.
        peak: the largest absolute sample, full scale is 1.
        level: root mean square about the offset.
        offset: the mean.
        clipped: share of samples in runs of three or more at the peak, which is above half of
            full scale; else 0.
    """

    samples: Floats
    seconds: float
    peak: float
    level: float
    offset: float
    clipped: float


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TextLook:
    """A text."""

    text: str


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayLook:
    """An array."""

    values: npt.NDArray[Any]


@final
@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """What could not be looked at, and why."""

    reason: str


Look = ImageLook | SoundLook | TextLook | ArrayLook | Unreadable


def modality_of(examples: Sequence[Example]) -> Modality:
    """Say what kind of input the examples are, by the first that can be read.

    Arrays that are images cannot be told from others: say so where they are.
    """
    for example in examples[:10]:
        try:
            content = example.read()
        except (ExampleError, OSError):
            continue
        if isinstance(content, str):
            return "text"
        if isinstance(content, Sound | SoundFile):
            return "sound"
        return "array" if isinstance(content, np.ndarray) else "image"
    return "image"


def look_at(
    examples: Sequence[Example],
    modality: Modality,
) -> list[Look]:
    """Return a look at each example, in order; what cannot be read comes as `Unreadable`."""
    look = _LOOKERS[modality]
    if modality == "image":  # as dark as they lie in their 16 bits, all would look alike
        look = partial(_look_at_image, preprocessing=replace(_SPEC, bits=used_bits(examples)))

    def one(example: Example) -> Look:
        try:
            return look(example.read())
        except (ExampleError, OSError) as error:
            return Unreadable(reason=str(error))

    out: list[Look] = []
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for start in range(0, len(examples), _PART):
            out += pool.map(one, examples[start : start + _PART])
            report("look", len(out), len(examples))
    return out


def _look_at_image(content: object, preprocessing: ImageInput = _SPEC) -> ImageLook:
    if isinstance(content, str | os.PathLike):
        content = read_file(Path(content))
    pixels = decode_image(content, preprocessing)
    width, height, num_frames = _form(content)
    return ImageLook(pixels=pixels, width=width, height=height, num_frames=num_frames)


def _form(content: object) -> tuple[int, int, int]:
    """Width, height and frames of an image that could be decoded."""
    from PIL import Image

    if isinstance(content, np.ndarray):
        return content.shape[1], content.shape[0], 1
    if isinstance(content, Image.Image):
        return content.width, content.height, int(getattr(content, "n_frames", 1))
    data = bytes(content) if isinstance(content, bytes | bytearray | memoryview) else b""
    known = image_format(data[:PREFIX_BYTES])
    try:
        with Image.open(io.BytesIO(data), formats=None if known is None else [known]) as image:
            frames = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
            return image.width, image.height, int(frames)
    except Exception:  # noqa: BLE001 - Pillow's readers fail in any way; the pixels are there
        return SIDE, SIDE, 1


def _look_at_sound(content: object) -> SoundLook:
    import soxr

    samples, rate_hz = _samples(content)
    if not len(samples):
        raise ExampleError("it has no samples")
    peak = float(np.abs(samples).max())
    offset = float(samples.mean(dtype=np.float64))
    seconds = sound_seconds(content)
    return SoundLook(
        samples=soxr.resample(samples, rate_hz, RATE_HZ).astype(np.float32),
        seconds=len(samples) / rate_hz if seconds is None else seconds,
        peak=peak,
        level=float(np.sqrt(np.mean((samples - offset) ** 2, dtype=np.float64))),
        offset=offset,
        clipped=_clipped(samples, peak),
    )


def _samples(content: object) -> tuple[Floats, int]:
    """Return the mean of the channels of at most MAX_SECONDS, and the rate."""
    if isinstance(content, Sound):
        whole = np.asarray(content.samples)
        full = {"int8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}.get(whole.dtype.name, 1.0)
        floats = whole.astype(np.float32) / np.float32(full)
        if whole.dtype == np.uint8:
            floats = (floats - 128) / 128
        mono = floats if floats.ndim == 1 else floats.mean(1)
        return mono[: round(MAX_SECONDS * content.rate_hz)], content.rate_hz
    if not isinstance(content, SoundFile):
        content = SoundFile(source=content)  # type: ignore[arg-type]
    parts: list[Floats] = []
    with open_sound(content.source, content.start_seconds, content.end_seconds) as stream:
        wanted = round(MAX_SECONDS * stream.rate_hz)
        for block in stream.blocks:
            parts.append(block.mean(axis=1, dtype=np.float32))
            if sum(map(len, parts)) >= wanted:
                break
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return samples[:wanted], stream.rate_hz


def _clipped(samples: Floats, peak: float) -> float:
    """Share of samples in runs of three or more that stay at the positive or negative peak."""
    if peak < 0.5:
        return 0.0
    count = 0
    for side in (samples, -samples):
        at_top = np.concatenate([[False], side >= side.max() - 1e-4, [False]])
        edges = np.flatnonzero(np.diff(at_top.astype(np.int8)))
        lengths = edges[1::2] - edges[::2]
        count += int(lengths[lengths >= 3].sum())
    return count / len(samples)


def _look_at_array(content: object) -> ArrayLook:
    if isinstance(content, bytes | bytearray | memoryview | str | os.PathLike):
        data = read_file(Path(content)) if isinstance(content, str | os.PathLike) else content
        try:
            content = read_npy(io.BytesIO(data))
        except ValueError as error:
            raise ExampleError(f"the .npy data is damaged ({error})") from error
    return ArrayLook(values=np.asarray(content))


_LOOKERS: dict[Modality, Callable[[object], Look]] = {
    "image": _look_at_image,
    "sound": _look_at_sound,
    "text": lambda content: TextLook(text=str(content)),
    "array": _look_at_array,
}
