"""Lengths in the headers of sound files.

Those are WAV, AIFF, AU, CAF, W64, Ogg and FLAC. A file that was cut off is refused, and so is one
with more sound than its header says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from topwork.errors import ExampleError
from topwork.examples.regular import check_regular

_SLACK_BYTES = 64
"""Some writers count a header of 8 or 44 bytes in. Less than 1 ms of CD sound is no loss."""

_JUNK_BYTES = 512
"""A sector, to which some programs fill up: 3 ms of CD sound."""

_STREAMED = 0x7FFF0000
"""Whoever writes to a pipe cannot go back to fill in the length: ffmpeg leaves 0xFFFFFFFF, sox
0x7FFFF000 less a header, others 0. Up to here, a length is meant."""

_STREAMED_64 = 2**48
_MAX_CHUNKS = 1000
_BLOCK_BYTES = 2**20

_TAIL_BYTES = 2**16 + 2**11
"""An Ogg page has at most 65,307 bytes: the last one begins in here."""

_W64_ENDS = (b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a",
             b"\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00")  # fmt: skip
"""The name of each of its chunks ends in one of these, after four letters."""

_FLAC_START = b"fLaC\x00\x00\x00\x22"
"""Its mark, and the head of the block that always comes first."""

_FILES = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b"riff", b".snd")
_TAGS = (b"TAG", b"APETAGEX", b"ID3")

Correction = tuple[int, bytes]
"""A place in the file, and what to read there instead of what it holds."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How a format lays out its chunks; a length of 64 bits may count the chunk's head in."""

    start: int
    wanted: bytes
    order: Literal["little", "big"]
    name_bytes: int = 4
    size_bytes: int = 4
    align: int = 2
    counts_head: bool = False

    @property
    def head_bytes(self) -> int:
        return self.name_bytes + self.size_bytes

    def chunk(self, file: BinaryIO, place: int) -> tuple[bytes, int] | None:
        """Return the name of the chunk at a place and the length of what it holds."""
        file.seek(place)
        head = file.read(self.head_bytes)
        if len(head) < self.head_bytes:
            return None
        size = int.from_bytes(head[self.name_bytes :], self.order)
        return head[: self.name_bytes], size - (self.head_bytes if self.counts_head else 0)

    def is_name(self, name: bytes) -> bool:
        letters = name[:4]
        return all(32 <= byte < 127 for byte in letters) and (
            self.name_bytes == 4 or name[4:] in _W64_ENDS
        )


_WAV = _Layout(start=12, wanted=b"data", order="little")
_RIFX = _Layout(start=12, wanted=b"data", order="big")
_AIFF = _Layout(start=12, wanted=b"SSND", order="big")
_CAF = _Layout(start=8, wanted=b"data", order="big", size_bytes=8, align=1)
_W64 = _Layout(start=40, wanted=b"data", order="little", name_bytes=16, size_bytes=8, align=8,
               counts_head=True)  # fmt: skip


@contextmanager
def opened_sound(source: Path | bytes) -> Iterator[BinaryIO]:
    """Open a file, or bytes like one. Raises ExampleError where it cannot be read."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        check_regular(source)
        file = source.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        if isinstance(error, ExampleError):
            raise
        reason = error.strerror if isinstance(error, OSError) else None
        raise ExampleError(f"the file cannot be read: {reason or error}") from error
    with file:
        yield file


def check_whole(file: BinaryIO) -> Correction | None:
    """Raise ExampleError where a file holds less than its header says, or more.

    Returns what to read instead of a length of 0 with sound behind it, as whoever writes to a pipe
    leaves it.
    """
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(40)
    mark, form = head[:4], head[8:12]
    if mark in (b"RIFF", b"RF64", b"RIFX") and form == b"WAVE":
        return _check_chunks(file, num_bytes, _RIFX if mark == b"RIFX" else _WAV)
    if mark == b"FORM" and form in (b"AIFF", b"AIFC"):
        return _check_chunks(file, num_bytes, _AIFF)
    if mark == b"caff":
        return _check_chunks(file, num_bytes, _CAF)
    if mark == b"riff":  # Sony's W64
        _check_size(0, int.from_bytes(head[16:24], "little"), num_bytes, _STREAMED_64)
        return _check_chunks(file, num_bytes, _W64)
    if mark == b".snd":
        start, size = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
        _check_size(start, size, num_bytes, _STREAMED)
        if size == 0 and start < num_bytes:
            return 8, b"\xff" * 4
        if size < _STREAMED:
            _check_rest(file, start + size, num_bytes, size, None)
    elif mark == b"OggS":
        _check_last_page(file, num_bytes)
    elif mark == b"fLaC":
        _check_streams(file)
    return None


def _check_chunks(file: BinaryIO, num_bytes: int, layout: _Layout) -> Correction | None:
    place, long_size, long_place = layout.start, None, 0
    for _ in range(_MAX_CHUNKS):
        found = layout.chunk(file, place) if place <= num_bytes else None
        if found is None:
            return None  # no sound in it: libsndfile says so
        name, size = found
        size_place, place = place + layout.name_bytes, place + layout.head_bytes
        if name == b"ds64":  # RF64 keeps its long sizes here: of the file, then of the sound
            long_size, long_place = int.from_bytes(file.read(16)[8:], "little"), place + 8
        if name[:4] != layout.wanted:
            place += max(size, 0)
            place += -place % layout.align
            continue
        width, streamed = layout.size_bytes, _STREAMED if layout.size_bytes == 4 else _STREAMED_64
        if long_size is not None and size == 0xFFFFFFFF:
            size, size_place, width, streamed = long_size, long_place, 8, _STREAMED_64
        _check_size(place, size, num_bytes, streamed)
        if not 0 <= size < streamed:
            return None
        try:
            _check_rest(file, place + size, num_bytes, size, layout)
        except ExampleError:
            if size:
                raise
            left = num_bytes - place + (layout.head_bytes if layout.counts_head else 0)
            return size_place, min(left, 256**width - 1).to_bytes(width, layout.order)
        return None
    return None


def _check_size(start: int, size: int, num_bytes: int, streamed: int) -> None:
    if size < streamed and start + size > num_bytes + _SLACK_BYTES:
        _refuse(f"its header promises {size:,} bytes of sound, {max(0, num_bytes - start):,} are")


def _check_rest(
    file: BinaryIO, place: int, num_bytes: int, size: int, layout: _Layout | None
) -> None:
    """Raise ExampleError where what follows the sound is neither chunks nor of no account."""
    for _ in range(_MAX_CHUNKS):
        if num_bytes - place <= _JUNK_BYTES:
            return
        after = None if layout is None else _next_place(file, place, num_bytes, layout)
        if after is None:
            break
        place = after
    file.seek(place)
    if file.read(8).startswith(_TAGS) or _is_zero(file, place):
        return
    raise ExampleError(
        f"its header says that {size:,} bytes are sound, and {num_bytes - place:,} bytes follow "
        "that it says nothing of: sound that was added later, or a second file. Save it anew with "
        "its true length (`sox --ignore-length old.wav new.wav`), or each file for itself"
    )


def _next_place(file: BinaryIO, place: int, num_bytes: int, layout: _Layout) -> int | None:
    """Return where the chunk at a place ends, which some writers do not align; None: no chunk."""
    for start in dict.fromkeys((place + -place % layout.align, place)):
        found = layout.chunk(file, start)
        if found is None or not layout.is_name(found[0]) or found[1] < 0:
            continue
        if found[0][:4] in (*_FILES, layout.wanted):
            return None
        end = start + layout.head_bytes + found[1]
        if end <= num_bytes + _SLACK_BYTES:
            return end
    return None


def _is_zero(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    while block := file.read(_BLOCK_BYTES):
        if block.strip(b"\x00"):
            return False
    return True


def _check_last_page(file: BinaryIO, num_bytes: int) -> None:
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
    first = _first_streams(file)
    if first and page[14:18] not in first:
        raise _several("Ogg")


def _first_streams(file: BinaryIO) -> set[bytes]:
    """Return the numbers of the streams that begin at the beginning, side by side."""
    numbers: set[bytes] = set()
    place = 0
    while len(numbers) < _MAX_CHUNKS:
        file.seek(place)
        head = file.read(27)
        if len(head) < 27 or not head[5] & 2:  # no first page of a stream
            break
        numbers.add(head[14:18])
        place += 27 + head[26] + sum(file.read(head[26]))
    return numbers


def _check_streams(file: BinaryIO) -> None:
    """Look for the beginning of a second FLAC: libsndfile stops where the first ends."""
    file.seek(4)
    before = b""
    while block := file.read(_BLOCK_BYTES):
        if _FLAC_START in before + block:
            raise _several("FLAC")
        before = block[-len(_FLAC_START) :]


def _several(form: str) -> ExampleError:
    return ExampleError(
        f"it is several {form} recordings, one behind the other, of which only the first would be "
        "read. Save each for itself, or all as one (`ffmpeg -i old new.wav`)"
    )


def _refuse(what: str) -> None:
    raise ExampleError(f"it ends early: {what} there. The file is cut off or was not fully copied")
