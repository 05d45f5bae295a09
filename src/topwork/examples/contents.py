"""Hashing and reading of contents."""

from __future__ import annotations

import codecs
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.digests import digest_bytes, digest_file
from topwork.core.shapes import Shaped
from topwork.errors import ExampleError
from topwork.examples.arrays.npy import map_npy
from topwork.examples.deduplicate import RawExample
from topwork.examples.example import Modality
from topwork.examples.images.decode import read_at_most, read_file
from topwork.examples.kinds import PREFIX_BYTES, describe
from topwork.examples.regular import check_regular
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.tables.encoding import bad_bytes

EMPTY = "the file is empty (0 bytes)"
EMPTY_TEXT = "the text is empty"

MAX_TEXT_BYTES = 2**26
"""A text of 64 MB is some ten thousand pages: a whole data set in one file, by mistake."""

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
          (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class InMemory:
    """Gives what it holds: the content of an example in memory, in as few bytes as can be."""

    content: object

    def __call__(self) -> object:
        """Return it."""
        return self.content


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """Says, whenever it is read, why it cannot be."""

    reason: str

    def __call__(self) -> object:
        """Raise ExampleError with the reason."""
        raise ExampleError(self.reason)


def found_file(path: Path, name: str, modality: Modality, **known: object) -> RawExample:
    """Return the input that a file of this kind is; `known` as in `Found`."""
    return RawExample(
        name=name,
        digest=partial(_digest, modality, path),
        read=partial(_READERS[modality], path),
        **known,  # type: ignore[arg-type]
    )


def _digest(modality: Modality, path: Path) -> str:
    check_regular(path)
    return _DIGESTS[modality](path)


def read_text(path: Path) -> str:
    """Return a file's text, which is UTF-8, else UTF-16 or UTF-32 with its mark, else cp1252.

    Raises ExampleError where it cannot be read, is no text, or holds nothing but blanks.
    """
    advice = "Cut it into the texts that it is made of"
    data = read_at_most(path, MAX_TEXT_BYTES, kind="of a text ", advice=advice)
    return check_text(decode_text(data))


def decode_text(data: bytes) -> str:
    """Return the text that the bytes of a plain text file stand for. Raises ExampleError."""
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if marked is None and b"\x00" in data:
        raise ExampleError(
            f"it is not plain text: it looks like {describe(data[:PREFIX_BYTES])}. Save it as "
            "UTF-8 text"
        )
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as failure:
            error = failure
        if marked is None and bad_bytes(data) is None:
            raise ExampleError(
                f"its text is UTF-8, but damaged or cut off at byte {error.start:,}. Copy the file "
                "again"
            ) from error
    raise ExampleError(
        f"its text is neither UTF-8 nor {error.encoding} (byte {error.start}). Save it as UTF-8"
    ) from error


def check_text(text: str) -> str:
    """Return the text. Raises ExampleError where it holds nothing but blanks."""
    if not text or text.isspace():
        raise ExampleError(EMPTY_TEXT)
    return text


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8; half characters, as JSON can spell them, too."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def array_digest(array: Shaped[np.ndarray, "..."]) -> str:
    """Return the digest of an array's numbers, their type, and its shape."""
    about = f"{array.dtype.str} {array.shape}"
    return digest_bytes(about.encode(), np.ascontiguousarray(array).data)


def sound_digest(samples: Shaped[np.ndarray, "..."], rate_hz: int) -> str:
    """Return the digest of samples and their rate."""
    return digest_bytes(array_digest(samples).encode(), str(rate_hz).encode())


def part_digest(whole: str, start_seconds: float | None, end_seconds: float | None) -> str:
    """Return the digest of a part of a sound; of one that is no part, that of the whole."""
    if start_seconds is None and end_seconds is None:
        return whole
    return digest_bytes(f"{whole} {start_seconds!r} {end_seconds!r}".encode())


class FileDigest:
    """A file's SHA-256, computed once however many rows name the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest: str | None = None
        self._lock = threading.Lock()

    def of_part(self, start_seconds: float | None, end_seconds: float | None) -> str:
        """The digest of a part of the file. Raises OSError or ExampleError where it is none."""
        with self._lock:
            if self._digest is None:
                check_regular(self._path)
                self._digest = digest_file(self._path)
        return part_digest(self._digest, start_seconds, end_seconds)


def check_numbers(array: Shaped[np.ndarray, "..."]) -> None:
    """Raise ExampleError where an array holds anything but numbers, or nothing."""
    if array.dtype.kind not in "buif":
        raise ExampleError(f"it is an array of {array.dtype}; numbers are accepted")
    if array.size == 0:
        raise ExampleError(f"the array is empty (shape {array.shape})")


def _mapped(path: Path) -> npt.NDArray[Any]:
    """The array in a file, which is not read yet: a header can claim any size."""
    check_regular(path)
    try:
        array = map_npy(path)
    except ValueError as error:
        if "Python objects" in str(error):
            raise ExampleError(
                "it holds Python objects (a pickle), which are never loaded: they can run any "
                "code. Save numbers of one type"
            ) from error
        raise ExampleError(f"it is not a .npy file, is damaged or ends early ({error})") from error
    check_numbers(array)
    return array


def read_array_file(path: Path) -> Shaped[np.ndarray, "..."]:
    """Return a .npy file's numbers. Raises ExampleError where it cannot be read as such."""
    try:
        return np.array(_mapped(path))
    except OSError as error:
        raise ExampleError(f"the file cannot be read: {error.strerror or error}") from error


def _sound_file(path: Path) -> SoundFile:
    return SoundFile(source=path)


_DIGESTS: dict[Modality, Callable[[Path], str]] = {
    "image": digest_file,
    "sound": digest_file,
    "text": lambda path: text_digest(read_text(path)),
    "array": lambda path: array_digest(_mapped(path)),
}
_READERS: dict[Modality, Callable[[Path], object]] = {
    "image": read_file,
    "sound": _sound_file,
    "text": read_text,
    "array": read_array_file,
}
