"""Finds sound files that were cut off, where libsndfile would read what is left without a word.

What it does not know: how sounds are decoded, and formats whose decoder notices by itself.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from topwork.errors import ExampleError

_STREAMED = 0x7FFF0000
"""Whoever writes to a pipe cannot go back to fill in the length: ffmpeg leaves 0xFFFFFFFF, sox
0x7FFFF000 less a header, others 0. Up to here, a length is meant."""

_MAX_CHUNKS = 1000
_TAIL_BYTES = 2**16 + 2**11
"""An Ogg page has at most 65,307 bytes: the last one begins in here."""


def check_whole(source: Path | bytes) -> None:
    """Raise ExampleError where a WAV, AIFF or Ogg file is shorter than it says."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        mark = file.read(12)
        if mark[:4] == b"RIFF" and mark[8:] == b"WAVE":
            _check_chunks(file, b"data", "little")
        elif mark[:4] == b"FORM" and mark[8:] in (b"AIFF", b"AIFC"):
            _check_chunks(file, b"SSND", "big")
        elif mark[:4] == b"OggS":
            _check_pages(file)


def _check_chunks(file: BinaryIO, wanted: bytes, order: str) -> None:
    num_bytes = file.seek(0, io.SEEK_END)
    place = 12
    for _ in range(_MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return  # no sound in it: libsndfile says so
        size = int.from_bytes(head[4:], "little" if order == "little" else "big")
        place += 8
        if head[:4] == wanted:
            if place + size > num_bytes and size < _STREAMED:
                _refuse(f"its header promises {size:,} bytes of sound, {num_bytes - place:,} are")
            return
        place += size + size % 2


def _check_pages(file: BinaryIO) -> None:
    num_bytes = file.seek(0, io.SEEK_END)
    tail_start = max(0, num_bytes - _TAIL_BYTES)
    file.seek(tail_start)
    tail = file.read()
    start = tail.rfind(b"OggS\x00")
    if start < 0:
        return  # not pages at the end: libsndfile decides
    table = tail[start + 27 : start + 27 + tail[start + 26]] if len(tail) > start + 26 else b""
    complete = len(tail) > start + 26 and len(table) == tail[start + 26]
    if not complete or start + 27 + len(table) + sum(table) > len(tail):
        _refuse("its last page is not whole: only part of it is")


def _refuse(what: str) -> None:
    raise ExampleError(f"it ends early: {what} there. The file is cut off or was not fully copied")
