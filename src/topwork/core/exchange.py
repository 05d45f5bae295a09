"""Two names that change places at one stroke."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HERE = -100
"""AT_FDCWD: a name is looked up from the current folder."""

_SWAP = 2
"""RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS."""


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places, so that at no moment either names nothing.

    False, and nothing is changed, where the system or the file system cannot.
    """
    names = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(library.renamex_np(*names, _SWAP)) == 0
        return int(library.renameat2(_HERE, names[0], _HERE, names[1], _SWAP)) == 0
    except (AttributeError, OSError, TypeError):  # no such function; Windows has no CDLL(None)
        return False
