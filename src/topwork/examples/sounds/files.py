"""Encoded sounds, read block by block.

libsndfile reads WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF and more; what it cannot is left to the
system's own decoders.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from topwork.errors import ExampleError
from topwork.examples.kinds import PREFIX_BYTES, describe
from topwork.examples.sounds.ffmpeg import other_format, read_other
from topwork.examples.sounds.headers import Correction, check_whole, opened_sound
from topwork.examples.sounds.mp3 import Frames, is_mp3, pieces
from topwork.examples.sounds.ogg import check_pages

Blocks = Iterator[npt.NDArray[np.float32]]

BLOCK_FRAMES = 2**16
"""1.4 s at 48 kHz: what is read at once; larger blocks are no faster."""

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
"""The fastest converters on sale; a header can claim 2^31."""

MAX_CHANNELS = 64
"""An ambisonic recording of the 7th order; a header can claim 65,535."""

_UNKNOWN_FRAMES = 2**62
"""From here on, libsndfile means that a header does not say: a FLAC that was written to a pipe."""

_MP3_SLACK_FRAMES = 2 * 1152
"""Of an MP3, the last two frames may be missing, as where a tag was cut off carelessly: 52 ms."""

_GUESS_FACTOR = 64
"""An MP3's frames have from 8 to 320 kbit/s: its length is never guessed 64 times too short."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SoundStream:
    """A sound that is being read: its rate, and blocks float32 [n, channels], -1 to 1, in order."""

    rate_hz: int
    blocks: Blocks


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
    with opened_sound(source) as file:
        prefix = file.read(PREFIX_BYTES)
        if not prefix:
            raise ExampleError("it is empty (0 bytes)")
        if other_format(prefix) is not None:
            with read_other(source, prefix) as (rate_hz, num_channels, blocks):
                check_form(rate_hz, num_channels)
                yield SoundStream(rate_hz=rate_hz, blocks=_cut_out(blocks, rate_hz, start, end))
            return
        correction = check_whole(file)
        if prefix.startswith(b"OggS"):
            check_pages(file)
        found = pieces(file) if is_mp3(prefix) else []
        with _sound_errors(prefix), _opened(file, found[:1], correction) as (sound, promised):
            rate_hz = sound.samplerate
            check_form(rate_hz, sound.channels)
            first = round(start * rate_hz)
            if sound.format == "MP3" or not 0 < first < sound.frames < _UNKNOWN_FRAMES:
                first = 0  # in an MP3, the first frames after a seek lack the bits they borrow
            else:
                sound.seek(first)
            blocks = _blocks(sound, prefix, first, promised)
            for piece in found[1:]:
                blocks = chain(blocks, _further(file, prefix, piece, sound))
            yield SoundStream(rate_hz=rate_hz, blocks=_cut_out(blocks, rate_hz, start, end, first))


def header_seconds(source: Path | bytes) -> float | None:
    """Return how long a file is by its header; None where it does not say, or libsndfile cannot.

    Raises ExampleError where it cannot be read, or its header is wrong.
    """
    with opened_sound(source) as file:
        prefix = file.read(PREFIX_BYTES)
        if not prefix or other_format(prefix) is not None:
            return None
        # a second FLAC behind the first is not looked for, which takes all of the file
        correction = None if prefix.startswith(b"fLaC") else check_whole(file)
        found = pieces(file) if is_mp3(prefix) else []
        seconds = 0.0
        for piece in [[one] for one in found] or [[]]:
            with _sound_errors(prefix), _opened(file, piece, correction) as (sound, _):
                frames = sound.frames
                if piece and piece[0].num_samples is not None:
                    frames = piece[0].num_samples
                if frames >= _UNKNOWN_FRAMES:
                    return None
                seconds += frames / sound.samplerate
        return seconds


def check_form(rate_hz: float, num_channels: int) -> None:
    """Raise ExampleError on a rate or a number of channels that no recording has."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ or rate_hz != int(rate_hz):
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
    if not 0 <= first < last or math.isinf(first):
        raise ExampleError(
            f"the part from {first} s to {last} s is none; accepted: a start of 0 or more, and an "
            "end after it"
        )
    return first, last


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound that is only read forwards.

    python-soundfile seeks to where it is after each block that it read of a seekable file. In an
    MP3 that loses the bits that a frame borrows from those before it: measured on blocks of 65,536,
    samples up to 0.08 off, and complaints of mpg123 on standard error.
    """

    def seekable(self) -> bool:
        return False


class _Nameless:
    """A file without its name, by which libsndfile would guess at formats; or a part of it.

    With a factor, it seems longer than it is, so that libsndfile reads to its end where it guesses
    at a length. With a correction, some of its bytes are read as others.
    """

    def __init__(
        self, file: BinaryIO, piece: Frames, factor: int = 1, correction: Correction | None = None
    ) -> None:
        self._file, self._start, self._end, self._factor = file, piece.start, piece.end, factor
        self._correction = correction
        self._at_end = False
        file.seek(self._start)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        from_where = {io.SEEK_SET: self._start, io.SEEK_END: self._end}
        self._file.seek(max(from_where.get(whence, self._file.tell()) + offset, self._start))
        self._at_end = whence == io.SEEK_END and offset == 0
        return self.tell()

    def tell(self) -> int:
        return (self._file.tell() - self._start) * (self._factor if self._at_end else 1)

    def read(self, size: int) -> bytes:
        self._at_end = False
        place = self._file.tell()
        data = self._file.read(max(0, min(size, self._end - place)))
        if self._correction is None:
            return data
        start, new = self._correction
        low, high = max(start, place), min(start + len(new), place + len(data))
        if low >= high:
            return data
        return data[: low - place] + new[low - start : high - start] + data[high - place :]


@contextmanager
def _opened(
    file: BinaryIO, piece: Sequence[Frames], correction: Correction | None = None
) -> Iterator[tuple[_ForwardFile, int]]:
    """Open a file, or a piece of it; beside it, the number of frames that must come, at least."""
    whole = Frames(start=0, end=file.seek(0, io.SEEK_END), num_samples=None)
    frames = piece[0] if piece else whole
    factor = 1 if frames.num_samples is None else _GUESS_FACTOR
    with _ForwardFile(_Nameless(file, frames, factor, correction)) as sound:
        promised = sound.frames if frames.num_samples is None else frames.num_samples
        slack = _MP3_SLACK_FRAMES if sound.format == "MP3" else 0
        yield sound, 0 if promised >= _UNKNOWN_FRAMES else promised - slack


def _further(file: BinaryIO, prefix: bytes, piece: Frames, first: _ForwardFile) -> Blocks:
    """Yield the frames of a piece that follows the first. Raises ExampleError on another form."""
    with _sound_errors(prefix), _opened(file, [piece]) as (sound, promised):
        if (sound.samplerate, sound.channels) != (first.samplerate, first.channels):
            raise ExampleError(
                f"it is several recordings in one file: one of {first.samplerate:,} Hz and "
                f"{first.channels} channels, another of {sound.samplerate:,} Hz and "
                f"{sound.channels}. Save each for itself"
            )
        yield from _blocks(sound, prefix, 0, promised)


def _blocks(sound: _ForwardFile, prefix: bytes, place: int, promised: int) -> Blocks:
    """Yield the frames from here on. Raises ExampleError where fewer come than were promised."""
    num_frames = max(1, BLOCK_FRAMES // sound.channels)
    with _sound_errors(prefix):
        while place < sound.frames:  # what follows the last frame may be of any kind
            wanted = min(num_frames, sound.frames - place)
            block = sound.read(wanted, dtype="float32", always_2d=True)
            if not len(block):
                break
            place += len(block)
            yield block
    if place < promised:
        raise ExampleError(
            f"it ends early: its header promises {promised:,} samples, {place:,} came. The file is "
            "cut off or was not fully copied"
        )


def _cut_out(blocks: Blocks, rate_hz: int, start: float, end: float, place: int = 0) -> Blocks:
    """Yield what lies between start and end, in seconds, of blocks that begin at a place."""
    first = round(start * rate_hz)
    last = math.inf if math.isinf(end) else round(end * rate_hz)
    for block in blocks:
        low, high = max(0, first - place), min(len(block), last - place)
        place += len(block)
        if low < high:
            yield block[low : int(high)]
        if place >= last:
            return
    if first and place <= first:
        raise ExampleError(
            f"the part begins at {start} s, but the sound lasts {place / rate_hz:.3f} s"
        )


@contextmanager
def _sound_errors(prefix: bytes) -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise ExampleError(_reason(prefix, error)) from error


def _reason(prefix: bytes, error: soundfile.LibsndfileError) -> str:
    what = describe(prefix)
    detail = error.error_string.removeprefix("Error : ").rstrip(". ")
    if prefix.startswith(b"fLaC"):
        return (
            f"its FLAC data is damaged, ends early, or has samples beyond full scale, as old "
            f"encoders wrote of clipped recordings ({detail})"
        )
    if "sound" in what:
        return f"it begins like {what}, but it is damaged ({detail})"
    return f"it is not a sound: it looks like {what}"
