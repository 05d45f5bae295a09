"""Results on disk under a key.

A key covers all that a result depends on, the code included. A disk that refuses costs time later
and stops nothing now; a file that is damaged counts as none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy

from topwork.core import files, leftovers
from topwork.core.digests import digest_bytes, digest_settings
from topwork.core.extras import installed_version
from topwork.core.sealed import read_sealed, write_sealed
from topwork.core.shapes import Shaped

T = TypeVar("T")

ARRAYS = ".arrays"
"""Of a digest and a file of safetensors, so no such file."""

_cleared: set[Path] = set()


def memo_folder() -> Path:
    """Return where results are kept."""
    return files.cache_folder() / "folds"


@cache
def code_version() -> str:
    """Return the digest of the package's code and of what it computes with."""
    package = Path(__file__).parent.parent
    versions = {n: installed_version(n) for n in ("topwork", "numpy", "scipy", "torch")}
    sources = sorted(package.rglob("*.py"))
    return digest_bytes(
        digest_settings(versions).encode(), *(path.read_bytes() for path in sources)
    )


def key_of(*parts: Any) -> str:
    """Return the key of a result that depends on these plain data, and on the code."""
    return digest_settings([code_version(), *parts])


def memo(
    key: str,
    make: Callable[[], T],
    *,
    read: Callable[[Any], T],
    write: Callable[[T], Any],
) -> T:
    """Return what `make` gives, from the disk where it was made before.

    Args:
        read: undoes `write`; where it fails, the result is made anew.
        write: gives plain data.
    """
    kept = read_sealed(memo_folder() / f"{key}.json")
    if kept is not None:
        with suppress(ValueError, KeyError, TypeError):  # of use to another version
            return read(json.loads(kept))
    made = make()
    keep_file(f"{key}.json", json.dumps(write(made)).encode())
    return made


def keep_file(name: str, data: bytes) -> None:
    """Keep a file of this name."""
    folder = memo_folder()
    if folder not in _cleared:
        _cleared.add(folder)
        leftovers.clear(folder)
    try:
        write_sealed(folder / name, data)
    except OSError as error:
        files.warn_once(folder, error)


def keep_arrays(key: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
    """Keep arrays under a key."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    keep_file(key + ARRAYS, safetensors.numpy.save(whole))


def kept_arrays(key: str) -> dict[str, Shaped[np.ndarray, "..."]] | None:
    """Return the arrays of a key; None where there are none of any use."""
    kept = read_sealed(memo_folder() / (key + ARRAYS))
    return None if kept is None else dict(safetensors.numpy.load(kept))
