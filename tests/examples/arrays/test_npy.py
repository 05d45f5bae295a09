"""Many threads may read .npy files at once."""

from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from topwork.errors import ExampleError
from topwork.examples.arrays.npy import map_npy, read_npy
from topwork.examples.contents import read_array_file


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


FLOATS = "{'descr': '<f8', 'fortran_order': False, "
HOSTILE = {
    "left open": "{'descr': '<f8', 'shape': (((",
    "deep": "(" * 9_000,
    "of truths": FLOATS + "'shape': (True, 12)}",
    "beyond 64 bits": FLOATS + "'shape': (2147483648000000000000, 0)}",
    "larger than any memory": FLOATS + "'shape': (2, 2199023255552)}",
    "of letters that are none": "{'descr': '<U3', 'fortran_order': False, 'shape': (8,)}",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name].encode() + b"\n"
    data = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text + b"\xff" * 96
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    if name != "of letters that are none":  # they are mapped, and are no numbers
        with pytest.raises(ValueError, match=r"header|dimension|mmap length"):
            read_npy(io.BytesIO(data))
        with pytest.raises(ValueError, match=r"header|dimension|mmap length"):
            map_npy(path)
    with pytest.raises(ExampleError, match=r"damaged or ends early|an array of <U3"):
        read_array_file(path)
