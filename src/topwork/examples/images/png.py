"""Checksums of PNG files."""

from __future__ import annotations

import zlib

from topwork.errors import ExampleError

_MARK_BYTES = 8
_AROUND_BYTES = 12
"""Of a chunk: its length and name before what it holds, its CRC behind."""


def check_pixel_chunks(data: bytes) -> None:
    """Raise ExampleError where the pixels of a PNG are not those that were written.

    Pillow checks the CRC of every chunk but these, and shows what it makes of altered ones.
    """
    place = _MARK_BYTES
    while place + _AROUND_BYTES <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        end = place + 8 + size
        name = data[place + 4 : place + 8]
        if name == b"IEND":
            return
        crc = data[end : end + 4]
        if name == b"IDAT" and len(crc) == 4 and not _fits(data[place + 4 : end], crc):
            raise ExampleError(
                f"its PNG data is damaged: the checksum of the pixels from byte {place:,} on does "
                "not fit. Copy the file again, or save it anew"
            )
        place = end + 4


def _fits(chunk: bytes, crc: bytes) -> bool:
    return zlib.crc32(chunk) == int.from_bytes(crc, "big")
