"""Tensor files with a digest inside.

They are safetensors; in the words that such a file may say of itself stands the SHA-256 of the
rest. What it does not know: what the tensors mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from topwork.core import files
from topwork.core.digests import file_facts
from topwork.core.shapes import Shaped
from topwork.errors import StoreError

SUFFIX = ".safetensors"
METADATA, DIGEST = "__metadata__", "sha256"
"""Where safetensors lets a file say words of itself: the digest of its tensors, and of where they
lie."""

PIECE_BYTES = 2**20

MAX_HEADER_BYTES = 100 * 2**20
"""What safetensors itself accepts."""

CODES = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}

_sound: set[tuple[int, ...]] = set()
"""Shards whose numbers this process has checked."""


class DamagedShardError(StoreError):
    """A shard is cut off, foreign or altered. Whoever meets it removes it and computes anew."""


def write_tensors(path: Path, tensors: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
    """Write C-contiguous tensors as one file. Raises StoreError where the disk refuses."""
    # As safetensors lays them out: the widest type first, so that all are aligned. Written here
    # because its own writer copies everything twice, and hides that the disk is full.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    header: dict[str, Any] = {}
    end = 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        code = CODES[tensor.dtype.name]
        shape = list(tensor.shape)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [begin, end]}
    digest = _digest(header, (tensor.data for _, tensor in ordered))
    text = json.dumps({METADATA: {DIGEST: digest}} | header).encode()
    text += b" " * (-len(text) % 8)
    with (
        files.disk_errors("Saving features"),
        files.replacing(path) as temporary,
        temporary.open("wb") as file,
    ):
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            file.write(tensor.data)


def check_numbers(path: Path) -> None:
    """Read all of a shard, once in a process, and compare its digest with the one in its header.

    Raises:
        DamagedShardError: it has another, or none.
        OSError: the file cannot be read.
    """
    known = file_facts(path)
    if known in _sound:
        return
    header, start, _ = _read_whole_header(path)
    metadata = header.pop(METADATA, None)
    claimed = metadata.get(DIGEST) if isinstance(metadata, dict) else None
    with path.open("rb") as file:
        file.seek(start)
        found = _digest(header, iter(lambda: file.read(PIECE_BYTES), b""))
    if claimed != found:
        raise DamagedShardError(
            f"The shard {path} is damaged: its digest is not the one that was written. Remove it."
        )
    _sound.add(known)


def _digest(header: Mapping[str, Any], data: Iterable[bytes | memoryview]) -> str:
    state = hashlib.sha256(json.dumps(header).encode())
    for piece in data:
        state.update(piece)
    return state.hexdigest()


def read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """Return the header, where the data begins, and the length of the file.

    Raises:
        DamagedShardError: there is no readable header.
        OSError: the file cannot be opened.
    """
    header, start, size_bytes = _read_whole_header(path)
    header.pop(METADATA, None)
    return header, start, size_bytes


def _read_whole_header(path: Path) -> tuple[dict[str, Any], int, int]:
    with path.open("rb") as file:
        size_bytes = file.seek(0, 2)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, size_bytes - 8):
            raise DamagedShardError(
                f"The shard {path} is damaged: {size_bytes:,} bytes are too few. Remove it."
            )
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedShardError(
            f"The shard {path} is damaged: its header is no JSON. Remove it."
        ) from error
    if not isinstance(header, dict):
        raise DamagedShardError(f"The shard {path} is damaged: its header is no table. Remove it.")
    return header, 8 + length, size_bytes
