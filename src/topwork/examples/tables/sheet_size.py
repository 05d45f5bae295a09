"""Sizes that a spreadsheet unfolds to."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import final
from xml.parsers import expat

from topwork.examples.unfolding import check_unfolded_bytes

CELL_BYTES = 32
"""What the reader takes for each place between the first and the last cell, empty or not."""

_REFERENCE = re.compile(r"([A-Za-z]*)([0-9]*)")
_ADVICE = "Save the cells that are used as CSV"


def check_sheet_size(path: Path, origin: str) -> None:
    """Raise SourceError where a spreadsheet is damaged, or takes more memory than it can mean.

    Two cells can span 17 billion, and a million can name one long text; the reader would ask for
    the memory before it could be stopped. So its parts are looked through first.

    Raises OSError, and zipfile's and the parser's own errors where it is damaged.
    """
    stored_bytes = path.stat().st_size
    what = f"{origin} unfolds"
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        check_unfolded_bytes(total, stored_bytes, what, _ADVICE)
        texts, sheets = _SharedTexts(), []
        for member in members:
            # Not opened by its name, which says nothing; zipfile holds it to its size and sum.
            data = archive.read(member)
            if b"sheetData" in data:
                sheets.append(_SheetSpan(data))
            elif b"sst" in data and b"<" in data[:8]:
                texts.read(data)
    for sheet in sheets:
        repeated = sum(n * texts.num_bytes(place) for place, n in sheet.texts.items())
        need = CELL_BYTES * sheet.num_places + repeated
        check_unfolded_bytes(need, stored_bytes, what, _ADVICE)


@final
class _SheetSpan:
    """What the XML of a sheet spans, and how often it names each shared text."""

    def __init__(self, data: bytes) -> None:
        self.texts: Counter[int] = Counter()
        self._row = self._column = 0
        self._last_row = self._last_column = 0
        self._shared, self._value = False, ""
        self._in_value = False
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(data, True)

    @property
    def num_places(self) -> int:
        """Of the smallest rectangle from the first cell of all to the last one."""
        return self._last_row * self._last_column

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            self._row, self._column = int(attributes.get("r") or self._row + 1), 0
        elif name == "c":
            self._shared = attributes.get("t") == "s"
            self._place(attributes.get("r", ""))
        elif name == "v":
            self._in_value, self._value = True, ""

    def _place(self, reference: str) -> None:
        found = _REFERENCE.match(reference)
        letters, digits = found.groups() if found else ("", "")
        column = 0
        for letter in letters.upper():
            column = 26 * column + ord(letter) - 64
        self._column = column or self._column + 1
        row = int(digits or self._row or 1)
        self._last_row = max(self._last_row, row)
        self._last_column = max(self._last_column, self._column)

    def _text(self, text: str) -> None:
        if self._in_value:
            self._value += text

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "v":
            self._in_value = False
            if self._shared and self._value.strip().isdecimal():
                self.texts[int(self._value)] += 1


@final
class _SharedTexts:
    """Lengths of the texts that cells share."""

    def __init__(self) -> None:
        self._lengths: list[int] = []

    def read(self, data: bytes) -> None:
        """Add those of one part of the file; one that is no XML holds none."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._text
        parser.Parse(data, True)

    def num_bytes(self, place: int) -> int:
        """What the text in this place takes."""
        return self._lengths[place] if place < len(self._lengths) else 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "si":
            self._lengths.append(0)

    def _text(self, text: str) -> None:
        if self._lengths:
            self._lengths[-1] += len(text.encode("utf-8", "surrogatepass"))
