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
_MAX_INDEX_PLACE = 38
"""The index lies at most so far into its frame, and begins with 16 bytes."""

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
_ID3_V1_BYTES = 128
_NUM_IN_ROW = 4
"""So many whole frames in a row are no accident: four bytes of noise are one now and then."""

_PART_BYTES, _ROW_BYTES = 2**14, 2**14
"""What is searched at once for a row, and what it may take: a frame has at most 2,881 bytes."""

MAX_PIECES = 1_000
"""Each is opened for itself: thousands would take minutes."""


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Whole frames of an MP3: where they begin and end in the file, and their samples.

    `num_samples` is None where the first one tells.
    """

    start: int
    end: int
    num_samples: int | None


def is_mp3(prefix: bytes) -> bool:
    """Say whether a file with these first bytes may be an MP3."""
    return prefix.startswith(b"ID3") or _frame(prefix[:4]) is not None


def pieces(file: BinaryIO) -> list[Frames]:
    """Find the pieces of an MP3: recordings put one behind the other, which is one of them often.

    Empty where libsndfile needs no help: its index tells of all, or it begins with no frame.

    Raises ExampleError where its index, or its last frame, tells of more than there is, or much
    that is no frame lies between or follows.
    """
    num_bytes, start = _extent(file)
    index = _index(file, start, num_bytes)
    told = start if index is None else index.end
    if told > start and _next_frames(file, _after_tags(file, told), num_bytes) < 0:
        return []
    found: list[Frames] = []
    place = start
    while True:
        if len(found) == MAX_PIECES:
            raise ExampleError(
                f"it is more than {MAX_PIECES:,} recordings in one file. Save each for itself, or "
                "all as one (`ffmpeg -i old new.wav`)"
            )
        piece = _piece(file, place, num_bytes)
        if piece is None:
            return found
        found.append(piece)
        after = _after_tags(file, piece.end)
        place = _next_frames(file, after, num_bytes)
        if place < 0:
            _check_tail(file, piece.end, num_bytes)
            return found
        if place > after + _SLACK_BYTES:
            raise _damaged(after, place - after, num_bytes)


def _piece(file: BinaryIO, start: int, num_bytes: int) -> Frames | None:
    """Walk from frame to frame, to the end of them or to where another recording begins."""
    index = _index(file, start, num_bytes)
    until = num_bytes if index is None or index.end == start else index.end
    place, num_samples = start, 0
    while place < until:
        file.seek(place)
        head = file.read(_INDEX_BYTES)
        found = _frame(head[:4])
        if found is None or (place > start and _index_place(head) is not None):
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
    return Frames(start=start, end=place, num_samples=None if index is not None else num_samples)


def _index(file: BinaryIO, start: int, num_bytes: int) -> Frames | None:
    """Return how far the first frame tells that the frames go; to `start` where it says not.

    None where it is no index. Raises ExampleError where it tells of more bytes than there are:
    mpg123 would read what is left, and complain on standard error.
    """
    file.seek(start)
    frame = file.read(_INDEX_BYTES)
    place = _index_place(frame)
    if place is None:
        return None
    if not frame[place + 7] & 2:
        return Frames(start=start, end=start, num_samples=None)
    size = int.from_bytes(frame[place + 12 : place + 16], "big")
    if start + size > num_bytes + max(size // 100, _SLACK_BYTES):
        raise ExampleError(
            f"it ends early: its header promises {size:,} bytes of sound, "
            f"{num_bytes - start:,} are there. The file is cut off or was not fully copied"
        )
    return Frames(start=start, end=start + size, num_samples=None)


def _index_place(frame: bytes) -> int | None:
    """Return where a frame tells how many follow, from its first bytes; None where it does not."""
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if not 4 <= place <= _MAX_INDEX_PLACE or len(frame) < place + 16 or not frame[place + 7] & 1:
        return None
    return place


def _after_tags(file: BinaryIO, place: int) -> int:
    """Return where the tags at a place end: ID3's at the end of a file, and at the next's start."""
    while True:
        file.seek(place)
        head = file.read(10)
        if head[:3] == b"TAG":
            place += _ID3_V1_BYTES
        elif head[:3] == b"ID3" and len(head) == 10:
            place += _id3_bytes(head)
        else:
            return place


def _next_frames(file: BinaryIO, start: int, num_bytes: int) -> int:
    """Return where frames in a row begin, at a place or after it; -1 where there are none."""
    while start < num_bytes:
        file.seek(start)
        part = file.read(_PART_BYTES + _ROW_BYTES)
        at = part.find(b"\xff", 0, _PART_BYTES)
        while at >= 0:
            place = at
            for _ in range(_NUM_IN_ROW):
                found = _frame(part[place : place + 4])
                if found is None:
                    break
                place += found[0]
            else:
                return start + at
            at = part.find(b"\xff", at + 1, _PART_BYTES)
        start += _PART_BYTES
    return -1


def _check_tail(file: BinaryIO, place: int, num_bytes: int) -> None:
    file.seek(place)
    if num_bytes - place > num_bytes // 10 and not file.read(16).startswith(_TAGS):
        raise _damaged(place, num_bytes - place, num_bytes)


def _damaged(place: int, num_lost: int, num_bytes: int) -> ExampleError:
    return ExampleError(
        f"its MP3 data is damaged: {num_lost:,} of its {num_bytes:,} bytes, from {place:,} on, "
        "cannot be decoded"
    )


def _extent(file: BinaryIO) -> tuple[int, int]:
    """The file's length, and where its first frame begins: after a tag, if there is one."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return num_bytes, 0
    return num_bytes, _id3_bytes(head)


def _id3_bytes(head: bytes) -> int:
    size = 0
    for byte in head[6:10]:  # seven bits in each
        size = size << 7 | byte & 0x7F
    return 10 + size


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
