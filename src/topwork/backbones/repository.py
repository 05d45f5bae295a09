"""Folders in the Hugging Face hub's layout.

What is cached is used as it is, without asking the network, so that a run can be repeated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from topwork.errors import WeightsError

CONFIG = "config.json"

_unreachable: set[str] = set()
"""Hub repositories that could not be reached: a second optional file is not waited for again."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Files by their names.

    Attributes:
        name: of the hub's repository, or the folder.
        folder: where it lies; None for the hub and its cache.
        inside: a folder in it that names are taken in.
    """

    name: str
    folder: Path | None = None
    inside: str = ""

    @property
    def source(self) -> str:
        """Where the files come from, in words."""
        return f"Hugging Face hub, {self.name}" if self.folder is None else f"folder {self.folder}"

    def under(self, path: str) -> Repository:
        """Return a folder of this one. Raises WeightsError on a path that leads out of it."""
        parts = PurePosixPath(path).parts
        if ".." in parts or path.startswith("/") or "\\" in path or ":" in path:
            raise WeightsError(
                f"The files of {self.name!r} name the path {path!r}; accepted: paths inside it. "
                "Fetch it from where you trust it."
            )
        return replace(self, inside=str(PurePosixPath(self.inside, path)) if path else self.inside)

    def find(self, file: str) -> Path | None:
        """Return a file, or None where there is none (or it cannot be asked for)."""
        found = self._here(file)
        if found is not None or self.name in _unreachable:
            return found or None
        try:
            return _download(self.name, self._whole(file))
        except WeightsError:
            _unreachable.add(self.name)
            return None

    def need(self, *files: str) -> Path:
        """Return the first of these files that is there.

        Raises:
            WeightsError: none is, or the hub cannot be reached.
        """
        for file in files:
            if here := self._here(file):
                return here
        for file in files if self.folder is None else ():
            if found := _download(self.name, self._whole(file)):
                return found
        raise WeightsError(
            f"{self.folder or self.name} is not a backbone's folder: it needs {CONFIG} and the "
            f"weights, as the Hugging Face hub has them, and has no {' or '.join(files)}. Run "
            "`hf download <organisation>/<model> --local-dir <folder>` to get one."
        )

    def json(self, file: str) -> Any:
        """Return what a JSON file holds; None where there is no such file.

        Raises:
            WeightsError: it is not JSON.
        """
        path = self.find(file)
        return None if path is None else _read_json(path)

    def config(self, file: str = CONFIG) -> dict[str, Any]:
        """Return the object that a JSON file holds. Raises WeightsError where it is not there."""
        path = self.need(file)
        config = _read_json(path)
        if not isinstance(config, dict):
            raise WeightsError(
                f"The backbone's configuration {path} holds {type(config).__name__}, not an "
                "object. Fetch it again."
            )
        return config

    def _here(self, file: str) -> Path | Literal[False] | None:
        """Return a file on this disk; False where there is none anywhere, None where unknown."""
        if self.folder is None:
            return _cached(self.name, self._whole(file))
        path = self.folder / self._whole(file)
        return path if path.is_file() else False

    def _whole(self, file: str) -> str:
        parent = str(PurePosixPath(file).parent)
        return str(PurePosixPath(self.under("" if parent == "." else parent).inside,
                                 PurePosixPath(file).name))  # fmt: skip


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"The backbone's configuration {path} cannot be read: {error}. Fetch it again."
        ) from error


def _cached(repository: str, file: str) -> Path | Literal[False] | None:
    """Return the file in the hub's cache; False where the hub has none; None where unknown."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.hf_hub_download(repository, file, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):  # not cached, or no name of a repository
        pass
    try:
        known = huggingface_hub.try_to_load_from_cache(repository, file)
    except ValueError:
        return None
    return False if known is huggingface_hub._CACHED_NO_EXIST else None


def _download(repository: str, file: str) -> Path | None:
    """Return the hub's file; None where it has none. Raises WeightsError: it cannot be reached."""
    import huggingface_hub
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        return Path(huggingface_hub.hf_hub_download(repository, file))
    except RemoteEntryNotFoundError:
        return None
    except (OSError, ValueError) as error:
        line = str(error).strip().split("\n", 1)[0]
        raise WeightsError(
            f"The weights of {repository!r} are not in the hub's cache here, and cannot be "
            f"downloaded ({file}: {type(error).__name__}: {line}). On a machine with a network, "
            f"run `hf download {repository} --local-dir <folder>`, copy the folder here, and give "
            "its path as the backbone. Or take an embedded one: `topwork backbones` lists them."
        ) from error
