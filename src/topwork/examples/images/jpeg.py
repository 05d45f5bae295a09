"""Segments of JPEG files, and complaints of libjpeg.

A file that lacks nothing but its end mark is whole: webcams and cutters of video write such ones.
"""

from __future__ import annotations

import re

from topwork.errors import ExampleError

_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends a scan: not a stuffed FF 00, nor one of the marks D0 to D7 by which it starts anew."""

_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""The beginning of a scan of 1 to 4 components, which no other data has by accident."""

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ARITHMETIC = frozenset(range(0xC9, 0xD0))
"""Of these libjpeg makes up what is missing, without a word."""

_SOS = 0xDA
_TAIL_BYTES = 1024
"""A mark in here is the end of the file, or of a small picture in its head: found at once, which
a search of the whole is not."""

_NUM_COEFFICIENTS = 64

MAX_SCANS = 100
"""Encoders write a dozen, or some sixty to save the last byte. Each is a pass over all pixels, and
may take a hundred bytes: a file of 400 kB kept libjpeg busy for half a minute."""

_HARMLESS = (
    "extraneous bytes before marker",
    "unknown jfif revision number",
    "unknown adobe color transform code",
    "invalid sos parameters for sequential jpeg",
    "bad icc marker",
    "could not determine subsampling",  # Pillow reads these
    "unsupported color conversion",
)
"""Complaints of libjpeg-turbo (jerror.h, turbojpeg.c) by which no pixel is lost; no others are."""


def check_complaint(complaint: str) -> None:
    """Raise ExampleError unless what libjpeg says leaves the picture whole."""
    said = complaint.lower()
    if "premature end" in said:
        raise ExampleError("the JPEG data ends early: the file is cut off or was not fully copied")
    if not any(harmless in said for harmless in _HARMLESS):
        raise ExampleError(f"the JPEG data is damaged ({complaint})")


def check_scans(data: bytes) -> None:
    """Raise ExampleError where a JPEG has more scans than any encoder writes."""
    num_scans = len(_SCAN.findall(data))
    if num_scans > MAX_SCANS:
        raise ExampleError(
            f"the JPEG data has {num_scans:,} scans; accepted: at most {MAX_SCANS}, for each is a "
            "pass over all pixels. Save it again"
        )


def with_end(data: bytes) -> bytes:
    """Return a JPEG with its end mark, put there where that alone is missing.

    Whether the last scan is whole the decoder finds out; here it is only asked whether no scan is
    missing. Data of which that cannot be said is returned as it is, without a mark.
    """
    if data.rfind(_END, -_TAIL_BYTES) >= 0 or data.endswith(bytes(2)):
        return data  # zeros: what was not copied is a hole, which would be decoded as well
    place, frame, sent = 2, 0, _Sent()
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return data  # stray bytes: the decoder says more
        kind = data[place + 1]
        if kind == 0xFF or kind in range(0xD0, 0xD9) or kind == 0x01:
            place += 1 if kind == 0xFF else 2
            continue
        if kind == _END[1]:
            return data
        start, place = place + 4, place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if kind in _FRAMES:
            frame = kind
            sent.expect(data[start:place])
        elif kind == _SOS and place <= len(data):
            sent.add(data[start:place])
            found = _MARKER.search(data, place)
            if found is None:
                place = len(data)
                break
            place = found.start()
    if data[place : place + 2] == _END or place > len(data) or frame in _ARITHMETIC:
        return data
    if data[place:] not in (b"", b"\xff") or not sent.whole:
        return data
    return data[:place].removesuffix(b"\xff") + _END


class _Sent:
    """Which bits of which coefficients of which components the scans have sent so far."""

    def __init__(self) -> None:
        self._left: dict[int, list[int]] = {}

    @property
    def whole(self) -> bool:
        return bool(self._left) and not any(map(any, self._left.values()))

    def expect(self, frame: bytes) -> None:
        for at in range(6, len(frame) - 2, 3):
            self._left[frame[at]] = [1] * _NUM_COEFFICIENTS

    def add(self, scan: bytes) -> None:
        num = scan[0] if scan else 0
        if len(scan) < 4 + 2 * num:
            return
        first, last, bits = scan[1 + 2 * num : 4 + 2 * num]
        for at in range(1, 1 + 2 * num, 2):
            left = self._left.get(scan[at], [])
            for k in range(first, min(last + 1, len(left))):
                left[k] = bits & 15  # that are still to come
