"""Encodings of tables that are text."""

from __future__ import annotations

import codecs
from pathlib import Path

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.tables.opened import open_bytes

UTF_8 = "utf-8-sig"
"""With or without its mark."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SPOKEN = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32",
           "cp1252": "Windows-1252"}  # fmt: skip
_BEGINNING = 2**14
_MANY, _FEW = 0.3, 0.05
"""Shares of bytes that are zero, on one side of each pair and on the other: ASCII in UTF-16."""

_NO_LETTER = frozenset(b"\xff")
"""It is y with two dots in Windows-1252, which is in names of a few French towns only."""


def encoding_of(path: Path) -> str:
    """Return the encoding that a table's first bytes promise. Raises OSError."""
    with open_bytes(path) as file:
        start = file.read(_BEGINNING)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    pairs = len(start) // 2
    if pairs:
        even, odd = (start[side : 2 * pairs : 2].count(0) / pairs for side in (0, 1))
        if odd > _MANY and even < _FEW:
            return "utf-16-le"
        if even > _MANY and odd < _FEW:
            return "utf-16-be"
    return UTF_8


def encoding_instead(path: Path, error: UnicodeDecodeError) -> str:
    """Return the encoding of a table that was thought to be UTF-8, and is not.

    It is Windows-1252, unless most of its letters beyond ASCII are good UTF-8.

    Raises:
        SourceError: it is UTF-8 with bad bytes, or of no encoding that is known.
    """
    with open_bytes(path) as file:
        data = file.read()
    bad = bad_bytes(data)
    if error.encoding.startswith("utf-8") and bad is not None:
        try:
            data.decode("cp1252")
            if not set(bad) <= _NO_LETTER:
                return "cp1252"
        except UnicodeDecodeError:
            pass
    raise _undecodable(path, data, error) from error


def bad_bytes(data: bytes) -> list[int] | None:
    """Return the bytes that are not UTF-8; None where most letters beyond ASCII are good UTF-8."""
    letters = [letter for letter in data.decode("utf-8", "surrogateescape") if letter > "\x7f"]
    bad = [ord(letter) - 0xDC00 for letter in letters if "\udc80" <= letter <= "\udcff"]
    return bad if len(letters) < 2 * len(bad) else None


def say_encoding(path: Path, encoding: str) -> list[str]:
    """Say how a table was read, where it is not UTF-8."""
    if encoding == UTF_8:
        return []
    name = clean_text(path.name)
    return [f"The table {name!r} is not UTF-8; it was read as {_SPOKEN[encoding]}."]


def _undecodable(path: Path, data: bytes, error: UnicodeDecodeError) -> SourceError:
    name = f"The table {clean_text(path.name)!r}"
    spoken = _SPOKEN.get(error.encoding, "UTF-8")
    if spoken != "UTF-8":
        return SourceError(
            f"{name} is not {spoken} as it claims: {error.reason}. Save it as UTF-8."
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as first:
        line = data.count(b"\n", 0, first.start) + 1
        return SourceError(
            f"{name}, line {line}: the byte 0x{data[first.start]:02X} (byte {first.start:,} of the "
            "file) is not UTF-8 text. Correct the letter there, or save the table as 'CSV UTF-8'."
        )
    return SourceError(f"{name} is not UTF-8 text. Save it as 'CSV UTF-8'.")
