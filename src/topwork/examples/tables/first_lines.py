"""First lines of a delimited table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from topwork.examples.deduplicate import clean_text
from topwork.examples.tables.columns import is_usual

_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""What Excel reads and writes in the first line, to say what stands between fields."""

_NOTHING = ' ,;\t"\r\n\ufeff'


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a table begins.

    Attributes:
        lines: the header, and all that follows.
        num_before: lines that were passed over.
        delimiter: what stands between fields.
        said: what was passed over that a person wrote, in sentences.
    """

    lines: Iterator[str]
    num_before: int
    delimiter: str
    said: tuple[str, ...]


def find_start(file: TextIO, name: str, delimiter: str | None) -> Start:
    """Pass over `sep=;`, empty lines and comments, as far as the header.

    Args:
        name: of the table, for what is said.
        delimiter: what stands between fields; None: what splits the header into most of them.
    """
    comments: list[str] = []
    num_before = 0
    line = file.readline().lstrip("\ufeff")
    separator = _SEPARATOR.fullmatch(line.rstrip("\r\n"))
    if separator is not None:
        delimiter = separator[1]
        line, num_before = file.readline(), 1
    while line and (not line.strip(_NOTHING) or line.startswith("#")):
        if line.startswith("#"):
            comments.append(line)
        num_before += 1
        line = file.readline()
    follow = [line] if line else []
    if comments and _is_header(comments[-1], line, delimiter):
        # A row's number may be called "#".
        header = comments.pop()
        follow.insert(0, header[1:] if header[1:2].strip(_NOTHING) else header)
        num_before -= 1
    said: tuple[str, ...] = ()
    if comments:
        what = "1 comment was" if len(comments) == 1 else f"{len(comments)} comments were"
        first = clean_text(comments[0].strip()[:60])
        said = (f"Before the header of {name!r}, {what} passed over: {first!r}.",)
    return Start(
        lines=chain(follow, file),
        num_before=num_before,
        delimiter=delimiter or _sniff(follow[0] if follow else ""),
        said=said,
    )


def _is_header(comment: str, next_line: str, delimiter: str | None) -> bool:
    """Whether a line that begins with # names columns, by usual names, and the next does not."""
    between = delimiter or _sniff(comment)
    names, values = ([part.strip(' "\r\n') for part in line.lstrip("#").split(between)]
                     for line in (comment, next_line))  # fmt: skip
    return len(names) > 1 and any(map(is_usual, names)) and not any(map(is_usual, values))


def _sniff(header: str) -> str:
    """The delimiter that splits the header into most columns, outside its quotes."""
    outside = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)  # the first of equals: the comma
