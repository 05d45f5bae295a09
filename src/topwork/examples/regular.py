"""Paths that are no regular files."""

from __future__ import annotations

import stat
from pathlib import Path

from topwork.errors import ExampleError, SourceError

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path) -> None:
    """Raise ExampleError on a pipe, device or socket: to open or read it may wait for ever.

    Raises OSError where nothing is there.
    """
    kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    if kind is not None:
        raise ExampleError(
            f"it is {kind}, which may never end; accepted: a regular file. Save what comes from "
            "it to a file first"
        )


def check_regular_table(path: Path, origin: str) -> None:
    """Raise SourceError where a table is a pipe, device or socket."""
    try:
        check_regular(path)
    except ExampleError as error:
        raise SourceError(f"The table {origin!r} cannot be read: {error}.") from error
