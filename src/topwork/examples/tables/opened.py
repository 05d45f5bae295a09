"""Text tables as streams, gzipped or not."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO, cast, final

from topwork.errors import SourceError
from topwork.examples.deduplicate import clean_text
from topwork.examples.kinds import ZIPPED, suffix_of
from topwork.examples.unfolding import check_unfolded_bytes

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Called with the names of all columns; returns those that are wanted."""

_CHECKED_BYTES = 2**24
"""After so many more bytes it is asked again whether there is room for them."""


def form_of(path: Path) -> str:
    """Return the suffix of what is inside: `.csv` of `a.csv.gz`."""
    return suffix_of(path.name).removesuffix(ZIPPED)


def open_bytes(path: Path) -> BinaryIO:
    """Open a table for reading; what is gzipped is unfolded on the way.

    Raises OSError here, and SourceError here or later where the gzip is damaged or unfolds to more
    than it can mean.
    """
    if not suffix_of(path.name).endswith(ZIPPED):
        return path.open("rb")
    return cast(BinaryIO, io.BufferedReader(_Unzipped(path)))


def open_text(path: Path, encoding: str, *, newline: str | None = None) -> TextIO:
    """Open a table as text. Raises as `open_bytes`, and UnicodeDecodeError later."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline=newline)


def bad_line(path: Path, number: int, what: str) -> SourceError:
    """The refusal of a table that cannot be parsed there."""
    return SourceError(
        f"The table {clean_text(path.name)!r}, line {number}: {what}. Correct the line."
    )


@final
class _Unzipped(io.RawIOBase):
    """What a gzipped file holds, as far as that is bounded."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stored_bytes = path.stat().st_size
        self._file = gzip.GzipFile(path, "rb")
        self._num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            data = self._file.read(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f"The table {clean_text(self._path.name)!r} cannot be unzipped: {error}. It is "
                "damaged or ends early; fetch it again."
            ) from error
        before = self._num_bytes // _CHECKED_BYTES
        self._num_bytes += len(data)
        if self._num_bytes // _CHECKED_BYTES > before:
            what = f"The table {clean_text(self._path.name)!r} unfolds"
            advice = "Cut it into several tables"
            check_unfolded_bytes(self._num_bytes, self._stored_bytes, what, advice)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
