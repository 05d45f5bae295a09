"""Weights of packages and folders, verified.

Nothing it reads can run code: safetensors, JSON, ONNX, and PyTorch files through `weights_only`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors

from topwork.backbones.repository import Repository
from topwork.backbones.torch_file import read_torch_file
from topwork.core.digests import digest_file, digest_settings
from topwork.core.shapes import Shaped
from topwork.errors import WeightsError

if TYPE_CHECKING:
    import torch

INDEX = ".index.json"
WHOLE = ("model.safetensors", "pytorch_model.bin")
IN_PARTS = tuple(name + INDEX for name in WHOLE)
CHOICES = (WHOLE[0], IN_PARTS[0], WHOLE[1], IN_PARTS[1])
"""The hub's layout: one file, or an index of several; the first that is there is taken."""


NUMPY_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
"""Of safetensors, by its own names."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights on this disk: one file, or several that hold parts.

    Attributes:
        digest: SHA-256 of the file, or of all of theirs.
    """

    paths: Sequence[Path]
    digest: str


def find_weights(repository: Repository) -> Weights:
    """Return the weights of a folder or hub repository.

    Raises:
        WeightsError: there are none, or a part is missing.
    """
    path = repository.need(*CHOICES)
    if not path.name.endswith(INDEX):
        return Weights(paths=(path,), digest=digest_file(path))
    names = repository.config(path.name).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
        raise WeightsError(
            f"The index {path} names no files; accepted: an object 'weight_map' from the tensors' "
            "names to their files. Fetch it again."
        )
    paths = [repository.need(name) for name in sorted(set(names.values()))]
    return Weights(paths=paths, digest=digest_settings([digest_file(part) for part in paths]))


def _check_members(path: Path) -> None:
    """Raise ValueError where a PyTorch file was altered: torch itself does not look at the CRCs."""
    if zipfile.is_zipfile(path):  # those of before 2020 are none, and have no checksum
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"it is damaged: the checksum of its {damaged} does not fit")


def load_weights(weights: Weights) -> dict[str, torch.Tensor]:
    """Read the tensors of all parts. Raises WeightsError as `load_tensors` does."""
    tensors: dict[str, torch.Tensor] = {}
    for path in weights.paths:
        tensors |= load_tensors(path)
    return tensors


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a file, in its order, without running anything that is in it.

    Raises:
        WeightsError: it is no such file, or holds more than tensors.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        _check_members(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    tensors = tensors.get("state_dict", tensors) if isinstance(tensors, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(value, torch.Tensor) for value in tensors.values()
    ):
        raise WeightsError(
            f"The weights in {path} are not a dictionary of tensors. Save "
            "`module.state_dict()` with safetensors.torch.save_file."
        )
    return dict(tensors)


def load_arrays(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Read the tensors of a file as arrays, in its order, without torch; bfloat16 as float32.

    Raises:
        WeightsError: it is no such file, or holds more than tensors.
    """
    try:
        if path.suffix != ".safetensors":
            return read_torch_file(path)
        found = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
        return {name: _array(stored) for name, stored in found}
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error


def _array(stored: Mapping[str, Any]) -> Shaped[np.ndarray, "..."]:
    """Return a tensor as safetensors gives it: its type, shape and bytes."""
    kind, data = stored["dtype"], stored["data"]
    if kind == "BF16":  # the upper half of a float32
        values = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    else:
        values = np.frombuffer(data, NUMPY_TYPES[kind])
    return values.reshape(stored["shape"])


def _unreadable(path: Path, error: Exception) -> WeightsError:
    reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
    return WeightsError(
        f"The weights in {path} cannot be read: {reason}. Accepted: safetensors, "
        "or a PyTorch file of tensors and nothing else. Fetch the file again."
    )
