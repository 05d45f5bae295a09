"""Many threads may read .npy files at once."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from topwork.examples.arrays.npy import read_npy


def encoded(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def test_threads_read_what_was_written() -> None:
    arrays = [np.full((3, 4), i, np.float64) for i in range(8)]
    files = [encoded(array) for array in arrays]

    def read(i: int) -> np.ndarray:
        return read_npy(io.BytesIO(files[i % 8]))

    with ThreadPoolExecutor(8) as pool:
        for i, found in enumerate(pool.map(read, range(2000))):
            np.testing.assert_array_equal(found, arrays[i % 8])


def test_objects_are_not_loaded() -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        read_npy(io.BytesIO(encoded(np.array([{}], object))))
