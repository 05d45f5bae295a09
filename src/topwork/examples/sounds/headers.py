"""Sound files that were cut off.

Those are WAV, AIFF, AU, CAF, W64 and Ogg.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from topwork.errors import ExampleError

_SLACK_BYTES = 64
"""Some writers count a header of 8 or 44 bytes in. Less than 1 ms of CD sound is no loss."""

_STREAMED = 0x7FFF0000
"""Whoever writes to a pipe cannot go back to fill in the length: ffmpeg leaves 0xFFFFFFFF, sox
0x7FFFF000 less a header, others 0. Up to here, a length is meant."""

_STREAMED_64 = 2**48
_MAX_CHUNKS = 1000

_TAIL_BYTES = 2**16 + 2**11
"""An Ogg page has at most 65,307 bytes: the last one begins in here."""


@contextmanager
def opened_sound(source: Path | bytes) -> Iterator[BinaryIO]:
    """Open a file, or bytes like one. Raises ExampleError where it cannot be read."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        file = source.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else None
        raise ExampleError(f"the file cannot be read: {reason or error}") from error
    with file:
        yield file


def check_whole(file: BinaryIO) -> None:
    """Raise ExampleError where a file is shorter than its header says."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(40)
    mark, form = head[:4], head[8:12]
    if mark in (b"RIFF", b"RF64") and form == b"WAVE":
        _check_chunks(file, num_bytes, 12, wanted=b"data", order="little")
    elif mark == b"FORM" and form in (b"AIFF", b"AIFC"):
        _check_chunks(file, num_bytes, 12, wanted=b"SSND", order="big")
    elif mark == b"caff":
        _check_chunks(file, num_bytes, 8, wanted=b"data", order="big", width=8)
    elif mark == b".snd":
        start, size = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
        _check_size(start, size, num_bytes, _STREAMED)
    elif mark == b"riff":  # Sony's W64: a length of 64 bits, after 16 bytes of mark
        _check_size(0, int.from_bytes(head[16:24], "little"), num_bytes, _STREAMED_64)
    elif mark == b"OggS":
        _check_pages(file, num_bytes)


def _check_chunks(
    file: BinaryIO, num_bytes: int, place: int, *, wanted: bytes, order: str, width: int = 4
) -> None:
    long_size = None
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(4 + width)
        if len(head) < 4 + width:
            return  # no sound in it: libsndfile says so
        size = int.from_bytes(head[4:], "little" if order == "little" else "big")
        place += 4 + width
        if head[:4] == b"ds64":  # RF64 keeps its long sizes here: of the file, then of the sound
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if head[:4] == wanted:
            if long_size is not None and size == 0xFFFFFFFF:
                size, width = long_size, 8
            _check_size(place, size, num_bytes, _STREAMED if width == 4 else _STREAMED_64)
            return
        place += size + (size % 2 if width == 4 else 0)


def _check_size(start: int, size: int, num_bytes: int, streamed: int) -> None:
    if size < streamed and start + size > num_bytes + _SLACK_BYTES:
        _refuse(f"its header promises {size:,} bytes of sound, {max(0, num_bytes - start):,} are")


def _check_pages(file: BinaryIO, num_bytes: int) -> None:
    file.seek(max(0, num_bytes - _TAIL_BYTES))
    tail = file.read()
    start = tail.rfind(b"OggS\x00")
    if start < 0:
        return  # no pages at the end: libsndfile decides
    page = tail[start:]
    num_segments = page[26] if len(page) > 26 else 256
    sizes = page[27 : 27 + num_segments]
    if len(sizes) < num_segments or 27 + num_segments + sum(sizes) > len(page):
        _refuse("of its last page only a part is")


def _refuse(what: str) -> None:
    raise ExampleError(f"it ends early: {what} there. The file is cut off or was not fully copied")
