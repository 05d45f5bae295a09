"""Frames of MP3 files.

Where there is no index (Xing's or LAME's), libsndfile guesses the length from the beginning's bit
rate and stops there: measured on 60 s of variable bit rate, after 11 s.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from topwork.errors import ExampleError

_INDEX_BYTES = 200
"""The index lies at most 38 bytes into the first frame, and begins with 16 bytes."""

_SLACK_BYTES = 64

# By layer and by whether it is MPEG 1: kbit/s (ISO 11172-3 and 13818-3, table of bitrate_index).
_KBITS = {
    (3, True): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, False): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, True): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, False): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"\x00")


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The whole frames of an MP3: where they begin and end in the file, and their samples."""

    start: int
    end: int
    num_samples: int


def is_mp3(prefix: bytes) -> bool:
    """Say whether a file with these first bytes may be an MP3."""
    return prefix.startswith(b"ID3") or _frame(prefix[:4]) is not None


def has_index(file: BinaryIO) -> bool:
    """Say whether the first frame tells how many follow.

    Raises ExampleError where it tells of more bytes than there are: mpg123 would read what is left,
    and complain on standard error.
    """
    num_bytes, start = _extent(file)
    file.seek(start)
    frame = file.read(_INDEX_BYTES)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if place < 0 or len(frame) < place + 16 or not frame[place + 7] & 1:
        return False
    if frame[place + 7] & 2:
        size = int.from_bytes(frame[place + 12 : place + 16], "big")
        if start + size > num_bytes + max(size // 100, _SLACK_BYTES):
            raise ExampleError(
                f"it ends early: its header promises {size:,} bytes of sound, "
                f"{num_bytes - start:,} are there. The file is cut off or was not fully copied"
            )
    return True


def walk(file: BinaryIO) -> Frames | None:
    """Find the frames of an MP3 that has no index; None where it does not begin with one.

    Raises ExampleError where the last one is not whole, or much that is no frame follows.
    """
    num_bytes, start = _extent(file)
    place, num_samples = start, 0
    while True:
        file.seek(place)
        head = file.read(4)
        found = _frame(head)
        if found is None:
            break
        if place + found[0] > num_bytes:
            raise ExampleError(
                "it ends early: its last frame is not whole. The file is cut off or was not fully "
                "copied"
            )
        place += found[0]
        num_samples += found[1]
    if num_samples == 0:
        return None
    file.seek(place)
    if num_bytes - place > num_bytes // 10 and not file.read(16).startswith(_TAGS):
        raise ExampleError(
            f"its MP3 data is damaged: {num_bytes - place:,} of its {num_bytes:,} bytes, from "
            f"{place:,} on, cannot be decoded"
        )
    return Frames(start=start, end=place, num_samples=num_samples)


def _extent(file: BinaryIO) -> tuple[int, int]:
    """The file's length, and where its first frame begins: after a tag, if there is one."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return num_bytes, 0
    size = 0
    for byte in head[6:]:  # seven bits in each
        size = size << 7 | byte & 0x7F
    return num_bytes, 10 + size


def _frame(head: bytes) -> tuple[int, int] | None:
    """A frame's length in bytes and samples, from its first 4 bytes; None where it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or index in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    kbits = _KBITS[layer, is_first][index - 1]
    rate_hz = _RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    num_samples = 1152 if is_first or layer == 2 else 576
    return num_samples // 8 * kbits * 1000 // rate_hz + (head[2] >> 1 & 1), num_samples
