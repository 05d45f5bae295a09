"""Sounds as mono windows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from topwork.core.shapes import Float32, Floats
from topwork.errors import ExampleError
from topwork.examples.sounds.files import BLOCK_FRAMES, SoundStream, check_form, open_sound
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.spectrogram import extract

MIN_SECONDS = 0.01
"""Below it there is no pitch and no phoneme: one period of the lowest voice takes 0.012 s."""

MAX_LEVEL = 8.0
"""Full scale is 1. Lossy formats overshoot a little and mixes by a few times; samples that were
never divided by 32,768 lie hundreds of times beyond."""

NUM_AT_ONCE = 4
"""A sound of fewer windows is decoded at once, on the thread that asks; a longer one as it is
taken."""

_FULL_SCALE = {"int8": 2.0**7, "uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """Samples in memory, [T] or [T, channels], and their rate.

    Floats from -1 to 1, or whole numbers of 8, 16 or 32 bits.

    >>> import numpy as np
    >>> import topwork
    >>> topwork.Sound(samples=np.zeros(16_000, np.float32), rate_hz=16_000).samples.shape
    (16000,)
    """

    samples: npt.NDArray[Any]
    rate_hz: int


@dataclass(frozen=True, kw_only=True)
class SoundFile:
    """An encoded sound, on disk or in memory, or a part of it.

    >>> from pathlib import Path
    >>> import topwork
    >>> topwork.SoundFile(source=Path("day.flac"), start_seconds=60.0, end_seconds=62.5).end_seconds
    62.5
    """

    source: Path | bytes
    start_seconds: float | None = None
    end_seconds: float | None = None


def sound_windows(
    content: object, preprocessing: SoundInput
) -> Iterable[Float32[np.ndarray, "t ..."]]:
    """Return the windows of a `Sound`, a `SoundFile`, a path or encoded bytes.

    Mono, at the input's rate, times its scale, with its margin before and after; float32 [T], or
    what its extractor makes of it. The same samples give the same windows, in whatever form and in
    however many pieces they come. A list where they are few; hours of sound are decoded as their
    windows are taken, and never lie in memory.

    Raises:
        ExampleError: it is damaged, ends early, is shorter than MIN_SECONDS or not a sound; at
            once, or, of a long sound, when the damaged place is reached.
    """
    windows = _windows(content, preprocessing)
    first = list(islice(windows, NUM_AT_ONCE))
    return first if len(first) < NUM_AT_ONCE else chain(first, windows)


def _windows(content: object, preprocessing: SoundInput) -> Iterator[Floats]:
    with opened_content(content) as stream:
        parts = _resampled(_mono(stream), stream.rate_hz, preprocessing.rate_hz)
        scaled = (
            (part * np.float32(preprocessing.scale) for part in parts)
            if preprocessing.scale != 1
            else parts
        )
        for window in cut(scaled, preprocessing):
            if preprocessing.extractor is None:
                yield window
            else:
                yield extract(window, preprocessing.rate_hz, preprocessing.extractor)


def cut(
    parts: Iterable[Float32[np.ndarray, " _"]], preprocessing: SoundInput
) -> Iterator[Float32[np.ndarray, " _"]]:
    """Cut a sound that comes in parts into windows, as the input wants them.

    A sound of at most `max_samples`, margins included, is one window, with silence evenly before
    and after it. Of a longer one, the windows without their overlaps are the sound, one after the
    other, and then the silence that brings the last one up.
    """
    margin = np.zeros(preprocessing.margin_samples, np.float32)
    held: list[Floats] = []
    num_held, is_first = 0, True
    for part in chain((margin,), parts, (margin,)):
        held.append(part)
        num_held += len(part)
        if num_held <= preprocessing.max_samples:
            continue
        whole, start = np.concatenate(held), 0
        while (
            len(whole) - start > preprocessing.max_samples
        ):  # more follows: so this is not the last one
            yield _finish(whole[start : start + preprocessing.max_samples], 0, preprocessing)
            start += preprocessing.max_samples - preprocessing.overlap_samples
            is_first = False
        held, num_held = [whole[start:]], len(whole) - start
    last = np.concatenate(held)
    before = (_brought_up(len(last), preprocessing) - len(last)) // 2 if is_first else 0
    yield _finish(last, before, preprocessing)


def _brought_up(num_samples: int, preprocessing: SoundInput) -> int:
    """The length that a window is given: never beyond `max_samples`, which always fits."""
    steps = -(-max(num_samples - preprocessing.min_samples, 0) // preprocessing.step_samples)
    return min(
        preprocessing.min_samples + steps * preprocessing.step_samples, preprocessing.max_samples
    )


def _finish(samples: Floats, before: int, preprocessing: SoundInput) -> Floats:
    """Normalise what was heard, then add the silence, which is the mean: as transformers does."""
    if preprocessing.normalise:
        mean, variance = samples.mean(dtype=np.float64), samples.var(dtype=np.float64)
        # 1e-7: as in Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm
        samples = ((samples - mean) / np.sqrt(variance + 1e-7)).astype(np.float32)
    window = np.zeros(_brought_up(len(samples), preprocessing), np.float32)
    window[before : before + len(samples)] = samples
    return window


@contextmanager
def opened_content(content: object) -> Iterator[SoundStream]:
    """Open a `Sound`, a `SoundFile`, a path or encoded bytes. Raises as `sound_windows`."""
    if isinstance(content, Sound):
        yield _from_memory(content)
        return
    start: float | None = None
    end: float | None = None
    source = content
    if isinstance(content, SoundFile):
        source, start, end = content.source, content.start_seconds, content.end_seconds
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if isinstance(source, str | os.PathLike):
        source = Path(source)
    if not isinstance(source, bytes | Path):
        raise ExampleError(
            f"it is a {type(source).__name__}; accepted are a path, encoded bytes, a SoundFile, or "
            "a Sound of an array and its rate"
        )
    with open_sound(source, start, end) as stream:
        yield stream


def _from_memory(sound: Sound) -> SoundStream:
    samples = np.asarray(sound.samples)
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2:
        raise ExampleError(
            f"its samples have the shape {samples.shape}; accepted: [T] or [T, channels]"
        )
    if samples.dtype.kind != "f" and samples.dtype.name not in _FULL_SCALE:
        raise ExampleError(
            f"its samples are of type {samples.dtype}; accepted: floats from -1 to 1, int16, "
            "int32, int8 or uint8. Divide by full scale, as in array.astype('float32') / 32768"
        )
    check_form(sound.rate_hz, samples.shape[1])
    starts = range(0, len(samples), BLOCK_FRAMES)
    blocks = (_as_floats(samples[i : i + BLOCK_FRAMES]) for i in starts)
    return SoundStream(rate_hz=int(sound.rate_hz), blocks=blocks)


def _as_floats(block: npt.NDArray[Any]) -> Floats:
    """Bring whole numbers to -1..1 as libsndfile does, so that a file gives the same."""
    full_scale = _FULL_SCALE.get(block.dtype.name)
    if full_scale is None:
        return block.astype(np.float32)
    floats = block.astype(np.float32)
    if block.dtype == np.uint8:
        floats -= 128
    return floats * np.float32(1 / full_scale)


def _mono(stream: SoundStream) -> Iterator[Floats]:
    """Yield the mean of the channels. Raises ExampleError on what cannot be a sound."""
    num_frames = 0
    for block in stream.blocks:
        if not len(block):
            continue
        num_frames += len(block)
        level = max(float(block.max()), -float(block.min()))
        if not level <= MAX_LEVEL:  # also where it is not a number
            raise ExampleError(_level_reason(level))
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    if num_frames < MIN_SECONDS * stream.rate_hz:
        what = (
            f"it lasts {num_frames / stream.rate_hz:.4f} s" if num_frames else "it has no samples"
        )
        raise ExampleError(
            f"{what}; at least {MIN_SECONDS} s are needed. Was the recording stopped at once?"
        )


def _level_reason(level: float) -> str:
    if not np.isfinite(level):
        return "some of its samples are not finite numbers (NaN or infinity)"
    return (
        f"its samples reach {level:,.4g}; floats must lie in -1..1. If they are 16-bit values, "
        "divide them by 32768"
    )


def _resampled(parts: Iterable[Floats], rate_hz: int, wanted_hz: int) -> Iterator[Floats]:
    """Resample with soxr's HQ. However the sound is divided, the same numbers come, to the bit."""
    if rate_hz == wanted_hz:
        yield from parts
        return
    stream = soxr.ResampleStream(rate_hz, wanted_hz, 1, dtype="float32", quality="HQ")
    for part in parts:
        yield stream.resample_chunk(np.ascontiguousarray(part))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
