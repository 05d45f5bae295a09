"""Reader of `.npy` files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Shaped

_ONE_AT_A_TIME = threading.Lock()
"""NumPy reads a header with Python's own parser, which on 3.11 fails now and then where several
threads use it (SystemError: AST constructor recursion depth mismatch)."""


def read_npy(file: IO[bytes]) -> Shaped[np.ndarray, "..."]:
    """Return the array; nothing pickled is loaded. Raises ValueError on other data."""
    with _npy_errors(), _ONE_AT_A_TIME:
        return np.lib.format.read_array(file, allow_pickle=False)


def map_npy(path: Path) -> Shaped[np.ndarray, "..."]:
    """Return the array in a file, which is not read yet: a header can claim any size.

    Raises ValueError on other data, and OSError where the file cannot be read.
    """
    with _npy_errors(), _ONE_AT_A_TIME:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
        return array


@contextmanager
def _npy_errors() -> Iterator[None]:
    """Raise ValueError, whatever NumPy meets hostile headers with; an OSError as it is."""
    try:
        yield
    except (ValueError, OSError):
        raise
    except MemoryError as error:
        raise ValueError(f"its header claims more than the memory holds: {error}") from error
    except Exception as error:
        # Python's tokenizer and parser, and ctypes, fail with errors of any kind.
        raise ValueError(f"its header is damaged: {error}") from error
