"""Files with their digest in front.

Their first line is the SHA-256 of their name and of all that follows. Times and sizes would not do
in its place: a bad sector or a bad cable changes neither.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from topwork.core import files
from topwork.core.digests import digest_bytes

log = logging.getLogger(__name__)


def write_sealed(path: Path, data: bytes | memoryview) -> None:
    """Write a whole file, or leave the old one as it was. Raises OSError."""
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_line(path, data))
        file.write(data)


def read_sealed(path: Path) -> bytes | None:
    """Return what was written; None where there is nothing, or nothing that can be trusted.

    A damaged file is named in a warning and removed.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(65)
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        files.warn_once(path.parent, error)
        return None
    if line == _line(path, data):
        with suppress(OSError):  # for whoever cleans by last use
            os.utime(path)
        return data
    log.warning("%s is damaged. It is removed, and what it held is computed anew.", path)
    with suppress(OSError):
        path.unlink()
    return None


def _line(path: Path, data: bytes | memoryview) -> bytes:
    # With the name: the result of another key is as wrong as a damaged one.
    return digest_bytes(path.name.encode(), data).encode() + b"\n"
