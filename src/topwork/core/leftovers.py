"""Temporary names, and what killed processes leave.

A temporary file or folder is locked by the process that fills it. The lock falls with the process,
however it ends, so what can be locked by another is nobody's any more.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PART, OLD = ".part", ".old"
OLD_SECONDS = 24 * 3600
"""Where there are no such locks, what is this old belongs to no process that still writes it."""


def temporary(path: Path, *, folder: bool) -> tuple[Path, int | None]:
    """Make an empty file or folder beside `path`, and lock it: close the descriptor to let go."""
    while True:
        prefix = f".{path.name}."
        if folder:
            made = Path(tempfile.mkdtemp(prefix=prefix, suffix=PART, dir=path.parent))
        else:
            handle, name = tempfile.mkstemp(prefix=prefix, suffix=PART, dir=path.parent)
            os.close(handle)
            made = Path(name)
        taken, held = _lock(made)
        if not taken:
            return made, held
        # Another process saw it before it was locked, and removes it as left behind.


def lock(path: Path) -> int | None:
    """Lock what lies there; None where that cannot be."""
    return _lock(path)[1]


def clear(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left in a folder, of one name or of all.

    What was moved aside for something new, which then never came, is put back.
    """
    named = ".+" if name is None else re.escape(name)
    pattern = re.compile(rf"\.({named})\.[a-z0-9_]{{8}}(\{PART}|\{OLD})")
    with suppress(OSError):  # no such folder; whoever writes there will say what is wrong with it
        with os.scandir(folder) as entries:
            found = [match for e in entries if (match := pattern.fullmatch(e.name))]
        for match in found:
            _clear(folder / match[0], folder / match[1], was_aside=match[2] == OLD)


def _clear(left: Path, target: Path, *, was_aside: bool) -> None:
    taken, held = _lock(left)
    if taken or not (held is not None or _is_old(left)):
        return
    with suppress(OSError):
        if was_aside and not os.path.lexists(target):
            left.rename(target)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink()
    if held is not None:
        os.close(held)


def _lock(path: Path) -> tuple[bool, int | None]:
    """Return whether a living process has it, or it is gone; and the lock, where there is one."""
    if sys.platform == "win32":
        return False, None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True, None
    except OSError:
        return False, None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return True, None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return False, None
    try:
        if os.path.samestat(path.stat(), os.fstat(descriptor)):
            return False, descriptor
    except OSError:
        pass
    os.close(descriptor)
    return True, None


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - OLD_SECONDS
    except OSError:
        return False
