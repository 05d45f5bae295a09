"""Reader of `.npy` files."""

from __future__ import annotations

import threading
from typing import IO

import numpy as np

from topwork.core.shapes import Shaped

_ONE_AT_A_TIME = threading.Lock()
"""NumPy reads a header with Python's own parser, which on 3.11 fails now and then where several
threads use it (SystemError: AST constructor recursion depth mismatch)."""


def read_npy(file: IO[bytes]) -> Shaped[np.ndarray, "..."]:
    """Return the array; nothing pickled is loaded.

    Raises ValueError, EOFError, TypeError, SyntaxError, MemoryError or OverflowError on other data.
    """
    with _ONE_AT_A_TIME:
        return np.lib.format.read_array(file, allow_pickle=False)
