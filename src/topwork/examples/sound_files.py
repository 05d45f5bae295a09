"""Reads an encoded sound, on disk or in memory, block by block.

libsndfile reads WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF and more; what it cannot is left to the
system's own decoders. What it does not know: what rate and channels are wanted of it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from topwork.errors import ExampleError
from topwork.examples.kinds import PREFIX_BYTES, describe
from topwork.examples.other_sounds import other_format, read_other
from topwork.examples.sound_headers import check_whole

BLOCK_FRAMES = 2**16
"""1.4 s at 48 kHz: what is read at once; larger blocks are no faster."""

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
"""The fastest converters on sale; a header can claim 2^31."""

MAX_CHANNELS = 64
"""An ambisonic recording of the 7th order; a header can claim 65,535."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SoundStream:
    """A sound that is being read: its rate, and blocks float32 [n, channels], -1 to 1, in order."""

    rate_hz: int
    blocks: Iterator[npt.NDArray[np.float32]]


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forwards.

    python-soundfile seeks to where it is after each block that it read of a seekable file. In an
    MP3 that loses the bits that a frame borrows from those before it: measured on blocks of 65,536,
    samples up to 0.08 off, and complaints of mpg123 on standard error.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def open_sound(
    source: Path | bytes, start_seconds: float | None, end_seconds: float | None
) -> Iterator[SoundStream]:
    """Open a sound, or the part of it from start to end, in seconds; the end may lie beyond it.

    Raises:
        ExampleError: it cannot be read, is not a sound, is damaged or ends before its header says,
            or the part is empty; some only while the blocks are taken.
    """
    start, end = _part(start_seconds, end_seconds)
    prefix = _prefix(source)
    if not prefix:
        raise ExampleError("it is empty (0 bytes)")
    if other_format(prefix) is not None:
        with read_other(source, prefix) as (rate_hz, blocks):
            yield _checked_part(rate_hz, blocks, start, end)
        return
    check_whole(source)
    with _sound_errors(prefix), _ForwardFile(_openable(source)) as file:
        check_form(file.samplerate, file.channels)
        first = round(start * file.samplerate)
        last = file.frames if math.isinf(end) else min(file.frames, round(end * file.samplerate))
        if first and first >= file.frames:
            raise ExampleError(_beyond(start, file.frames / file.samplerate))
        yield SoundStream(rate_hz=file.samplerate, blocks=_read(file, prefix, first, last))


def check_form(rate_hz: object, num_channels: int) -> None:
    """Raise ExampleError on a rate or a number of channels that no recording has."""
    whole = isinstance(rate_hz, int | np.integer | float) and not isinstance(rate_hz, bool)
    if not whole or rate_hz != int(rate_hz) or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:  # type: ignore[operator, call-overload]
        raise ExampleError(
            f"its rate is {rate_hz} Hz; accepted: a whole number from {MIN_RATE_HZ:,} to "
            f"{MAX_RATE_HZ:,}"
        )
    if not 1 <= num_channels <= MAX_CHANNELS:
        raise ExampleError(
            f"it has {num_channels:,} channels; accepted: 1 to {MAX_CHANNELS}. An array is "
            "[samples, channels]: is it array.T that you want?"
        )


def _part(start: float | None, end: float | None) -> tuple[float, float]:
    first = 0.0 if start is None or math.isnan(start) else float(start)
    last = math.inf if end is None or math.isnan(end) else float(end)
    if not 0 <= first < last:
        raise ExampleError(
            f"the part from {first} s to {last} s is none; accepted: a start of 0 or more, and an "
            "end after it"
        )
    return first, last


def _beyond(start: float, seconds: float) -> str:
    return f"the part begins at {start} s, but the sound lasts {seconds:.3f} s"


def _prefix(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:PREFIX_BYTES]
    try:
        with source.open("rb") as file:
            return file.read(PREFIX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise ExampleError(f"the file cannot be read: {reason or error}") from error


def _openable(source: Path | bytes) -> object:
    return io.BytesIO(source) if isinstance(source, bytes) else source


@contextmanager
def _sound_errors(prefix: bytes) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise ExampleError(_reason(prefix, error)) from error


def _reason(prefix: bytes, error: soundfile.LibsndfileError) -> str:
    what = describe(prefix)
    detail = error.error_string.rstrip(". ")
    if "sound" in what:
        return f"it begins like {what}, but it is damaged ({detail})"
    return f"it is not a sound: it looks like {what}"


def _read(
    file: _ForwardFile, prefix: bytes, first: int, last: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the frames from first to last. Raises ExampleError where fewer come than promised."""
    with _sound_errors(prefix):
        place = 0
        if first and file.format != "MP3":  # after a seek, its first frames are wrong
            place = file.seek(first)
        block_frames = max(1, BLOCK_FRAMES // file.channels)
        while place < last:
            block = file.read(min(block_frames, last - place), dtype="float32", always_2d=True)
            if not len(block):
                raise ExampleError(
                    f"it ends early: its header promises {file.frames:,} samples, {place:,} came. "
                    "The file is cut off or was not fully copied"
                )
            place += len(block)
            if place > first:
                yield block[max(0, len(block) - (place - first)) :]


def _checked_part(
    rate_hz: int, blocks: Iterator[npt.NDArray[np.float32]], start: float, end: float
) -> SoundStream:
    """Take the part from start to end of a stream that cannot be sought in."""
    first = round(start * rate_hz)
    last = math.inf if math.isinf(end) else round(end * rate_hz)

    def part() -> Iterator[npt.NDArray[np.float32]]:
        place = 0
        for block in blocks:
            low, high = max(0, first - place), min(len(block), last - place)
            place += len(block)
            if low < high:
                yield block[low : int(high)]
            if place >= last:
                return
        if first and place <= first:
            raise ExampleError(_beyond(start, place / rate_hz))

    return SoundStream(rate_hz=rate_hz, blocks=part())
