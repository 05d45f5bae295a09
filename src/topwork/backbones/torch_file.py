"""Tensors of PyTorch's files without torch.

A file is a pickle, and a pickle may call anything that can be imported. This reader knows five
names, by which it makes arrays itself; what asks for another is refused, and nothing is imported.
Both of PyTorch's forms are read: the archive of version 1.6 and later, and the row of pickles
before it.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np

from topwork.core.shapes import Shaped

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_PICKLE_BYTES = 64 * 2**20
"""Of all but the numbers; that of EfficientNet-Lite0 takes 27 kB."""

MAX_DIMENSIONS = 8

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


@final
class _Storage:
    """Numbers that tensors lie in; they come after the pickle."""

    def __init__(self, kind: str, count: int) -> None:
        self.dtype, self.count = np.dtype(STORAGES[kind]), count
        self.values: Shaped[np.ndarray, " n"] | None = None


@final
class _Tensor:
    """Where a tensor lies in its storage."""

    def __init__(self, storage: object, start: object, shape: object, strides: object) -> None:
        sizes, steps = _whole_numbers(shape), _whole_numbers(strides)
        if not isinstance(storage, _Storage) or type(start) is not int or start < 0:
            raise pickle.UnpicklingError("a tensor lies in no storage")
        last = start + sum((n - 1) * step for n, step in zip(sizes, steps, strict=True))
        count: int = math.prod(sizes)
        if count > storage.count or (count and last >= storage.count):
            raise pickle.UnpicklingError("a tensor is larger than its storage")
        self._storage, self._start, self._shape, self._strides = storage, start, sizes, steps

    def array(self) -> Shaped[np.ndarray, "..."]:
        """Return its numbers, copied."""
        values = self._storage.values
        if values is None:
            raise pickle.UnpicklingError("the numbers of a tensor are missing")
        steps = tuple(step * values.itemsize for step in self._strides)
        seen = np.lib.stride_tricks.as_strided(values[self._start :], self._shape, steps)
        return np.array(seen, order="C")


def _whole_numbers(values: object) -> tuple[int, ...]:
    if (
        not isinstance(values, tuple)
        or len(values) > MAX_DIMENSIONS
        or not all(type(one) is int and one >= 0 for one in values)
    ):
        raise pickle.UnpicklingError(f"a tensor has the shape or strides {str(values)[:80]}")
    return values


def _rebuild(storage: object, start: object, shape: object, strides: object, *_: object) -> _Tensor:
    return _Tensor(storage, start, shape, strides)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


class _Dictionary(OrderedDict[Any, Any]):
    """An OrderedDict whose attributes (a module's version) are passed over."""

    def __setstate__(self, state: object) -> None:
        """Take nothing of it."""


KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _Dictionary,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


@final
class _Reader(pickle._Unpickler):
    """Reads a pickle of tensors, and of nothing else.

    It is Python's own unpickler, not the one in C, which takes gigabytes at once where a changed
    byte numbers an object so.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return our own of a name that is known; nothing is imported."""
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        if module == "torch" and name in STORAGES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no tensor")

    def persistent_load(self, given: object) -> _Storage:
        """Return the storage of this key."""
        match given:
            case ("storage", str(kind), str(key), _, int(count), *more) if not any(more):
                if kind in STORAGES and count >= 0:
                    storage = self.storages.setdefault(key, _Storage(kind, count))
                    if storage.dtype == STORAGES[kind] and storage.count == count:
                        return storage
        raise pickle.UnpicklingError(f"it has a storage of the form {str(given)[:80]}")


def read_torch_file(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return the tensors of a file by name, in its order.

    Raises:
        ValueError: it is no such file, is damaged, or holds more than tensors.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            found = _read_archive(file) if zipfile.is_zipfile(file) else _read_row(file)
        except Exception as error:  # of what is no pickle, its reader raises whatever it meets
            reason = str(error).split("\n", 1)[0][:200] or type(error).__name__
            raise ValueError(reason) from error
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(one, _Tensor) for name, one in found.items()
    ):
        raise ValueError("it is not a dictionary of tensors")
    try:
        return {name: one.array() for name, one in found.items()}
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error


def _read_row(file: BinaryIO) -> Any:
    """Read the older form: four pickles, the storages' keys, and each storage's numbers."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if _Reader(file).load() != MAGIC or _Reader(file).load() != PROTOCOL:
        raise ValueError("it is no file of PyTorch's")
    system = _Reader(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its numbers are big-endian")
    reader = _Reader(file)
    found, keys = reader.load(), _Reader(file).load()
    if not isinstance(keys, list) or set(map(str, keys)) != set(reader.storages):
        raise ValueError("it lists other storages than its tensors lie in")
    for key in keys:
        storage = reader.storages[key]
        head = file.read(8)
        count = int.from_bytes(head, "little")
        size_bytes = count * storage.dtype.itemsize
        if len(head) < 8 or count != storage.count or size_bytes > size - file.tell():
            raise ValueError("it is cut off")
        storage.values = np.frombuffer(file.read(size_bytes), storage.dtype)
    return found


def _read_archive(file: BinaryIO) -> Any:
    """Read the form of PyTorch 1.6 and later: a pickle and a member for each storage."""
    with zipfile.ZipFile(file) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist()}
        pickles = [name for name in sizes if name.rsplit("/", 1)[-1] == "data.pkl"]
        if len(pickles) != 1 or sizes[pickles[0]] > MAX_PICKLE_BYTES:
            raise ValueError("it is no file of PyTorch's")
        inside = pickles[0].removesuffix("data.pkl")
        if archive.read(f"{inside}byteorder") != b"little" if f"{inside}byteorder" in sizes else 0:
            raise ValueError("its numbers are big-endian")
        reader = _Reader(io.BytesIO(archive.read(pickles[0])))
        found = reader.load()
        for key, storage in reader.storages.items():
            name = f"{inside}data/{key}"
            if sizes.get(name) != storage.count * storage.dtype.itemsize:
                raise ValueError(f"its member {name!r} is missing, or of another size")
            # its checksum is compared as it is read
            storage.values = np.frombuffer(archive.read(name), storage.dtype)
        return found
