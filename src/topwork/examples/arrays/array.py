"""Arrays in the form that backbones take."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32
from topwork.errors import ExampleError
from topwork.examples.arrays.npy import read_npy
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.decode import read_file
from topwork.examples.kinds import PREFIX_BYTES, describe

_MARK = b"\x93NUMPY"


def decode_array(content: object, preprocessing: ArrayInput) -> Float32[np.ndarray, "..."]:
    """Return the array as float32 of the input's shape, contiguous.

    Args:
        content: an array of floats, whole numbers or bool; or a `.npy` file's path or bytes. [T] is
            taken where (1, T) or (T, 1) is wanted; otherwise the shape must be the one wanted.
        preprocessing: the form to bring it into.

    Raises:
        ExampleError: it is of another shape or type, not finite, or damaged.
    """
    content = _array(content)
    if content.dtype.kind not in "fiub":
        raise ExampleError(
            f"its numbers are of type {content.dtype}; accepted: floats, whole numbers, bool"
        )
    wanted = preprocessing.shape
    line = content.ndim == 1 and wanted in ((1, content.size), (content.size, 1))
    if content.shape != wanted and not line:
        raise ExampleError(
            f"its shape is {content.shape}; the backbone takes {wanted}. Bring every array to that "
            "shape first"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is counted below
        array = np.array(content, np.float32, order="C").reshape(wanted)
    num_bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if num_bad:
        raise ExampleError(
            f"{num_bad:,} of its {array.size:,} numbers are NaN, infinite, or too large for "
            "float32. Fill in what is missing first"
        )
    return array


def array_shape(content: object) -> tuple[int, ...]:
    """Return an array's shape. Raises ExampleError where it is none, or damaged."""
    return tuple(_array(content).shape)


def _array(content: object) -> npt.NDArray[Any]:
    if isinstance(content, str | os.PathLike):
        content = read_file(Path(content))
    if isinstance(content, bytes | bytearray | memoryview):
        content = _load(bytes(content))
    if not isinstance(content, np.ndarray):
        raise ExampleError(
            f"it is a {type(content).__name__}; accepted are a NumPy array, or the path or "
            "bytes of a .npy file"
        )
    return content


def _load(data: bytes) -> npt.NDArray[Any]:
    if not data:
        raise ExampleError("it is empty (0 bytes)")
    if not data.startswith(_MARK):
        raise ExampleError(f"it is not a .npy array: it looks like {describe(data[:PREFIX_BYTES])}")
    try:
        return read_npy(io.BytesIO(data))
    except ValueError as error:
        raise ExampleError(
            f"the .npy data is damaged, ends early or is pickled ({error})"
        ) from error
