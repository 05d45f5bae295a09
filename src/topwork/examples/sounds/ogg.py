"""Pages of Ogg files."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from topwork.errors import ExampleError

_MARK = b"OggS\x00"
_HEAD_BYTES = 27
_CRC = slice(22, 26)
_END_OF_STREAM = 4

_JUNK_BYTES = 2**16
"""Behind the last page: tags, or a sector that was filled up."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Ogg's CRC takes the highest bit of each byte first, zlib's the lowest: the rest is the same."""


def check_pages(file: BinaryIO) -> None:
    """Raise ExampleError where a page is not the one that was written.

    libogg passes over such a page without a word: a second of sound, or two, is then missing.
    """
    num_bytes = file.seek(0, io.SEEK_END)
    place, has_ended = 0, False
    while place < num_bytes:
        file.seek(place)
        head = file.read(_HEAD_BYTES)
        if not head.startswith(_MARK) or len(head) < _HEAD_BYTES:
            _check_junk(file, place, num_bytes, has_ended)
            return
        sizes = file.read(head[26])
        content = file.read(sum(sizes))
        crc = int.from_bytes(head[_CRC], "little")
        if _crc(head[: _CRC.start] + bytes(4) + head[_CRC.stop :] + sizes + content) != crc:
            raise _damaged(place)
        place += _HEAD_BYTES + len(sizes) + len(content)
        has_ended = bool(head[5] & _END_OF_STREAM)


def _check_junk(file: BinaryIO, place: int, num_bytes: int, has_ended: bool) -> None:
    """What follows the last page is of no account; another page is, and a stream without an end."""
    file.seek(place)
    junk = file.read(_JUNK_BYTES)
    if not has_ended or num_bytes - place > _JUNK_BYTES or _MARK in junk:
        raise _damaged(place)


def _crc(page: bytes) -> int:
    found = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def _damaged(place: int) -> ExampleError:
    return ExampleError(
        f"it begins like an Ogg sound, but it is damaged: the page at byte {place:,} is not what "
        "was written, and its sound would be missing. Copy the file again"
    )
