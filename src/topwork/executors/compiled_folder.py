"""Folders of compiled networks, with their digests.

network.xml, .bin     what OpenVINO loads
layout.json           what goes in, what comes out, and digests of the other files and of itself
weights.safetensors   the backbone's own weights, for a model folder to take along
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topwork.core.digests import digest_file, digest_once, digest_settings
from topwork.errors import BackboneError

FORMAT = 4
"""Raise it when the compiled form changes: pooled.py, the layout."""

WITHOUT_DIGESTS = 3
"""Also read: of models that were saved before. `model.json` has digests of these."""

NETWORK, LAYOUT, WEIGHTS = "network.xml", "layout.json", "weights.safetensors"
NUMBERS = "network.bin"

REMOVE = "Remove the folder, and name the backbone again to have it made."


def write_layout(folder: Path, layout: Mapping[str, Any]) -> None:
    """Write the layout, with the digests of the files that are there."""
    found = {path.name: digest_file(path) for path in sorted(folder.iterdir())}
    whole: dict[str, Any] = {"format": FORMAT, **layout, "files": found}
    whole["sha256"] = digest_settings(whole)
    (folder / LAYOUT).write_text(json.dumps(whole, indent=1), encoding="utf-8")


def read_layout(folder: Path) -> dict[str, Any]:
    """Return the layout, its form checked, and its digest where it has one.

    Raises:
        BackboneError: it is missing, damaged, or of another version.
    """
    try:
        layout = _of_format_2(json.loads((folder / LAYOUT).read_text(encoding="utf-8")))
        if not isinstance(layout, dict):
            raise TypeError(f"{LAYOUT} holds no table")
        form = layout.get("format")
        if form not in (FORMAT, WITHOUT_DIGESTS):
            raise BackboneError(
                f"The compiled network in {folder} is of format {form!r}; this version of Topwork "
                f"reads {FORMAT}. {REMOVE}"
            )
        if form == FORMAT and layout.pop("sha256") != digest_settings(layout):
            raise ValueError(f"{LAYOUT} was changed after it was written")
        _check_form(layout)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackboneError(
            f"The compiled network in {folder} cannot be read: {type(error).__name__}: {error}. "
            f"{REMOVE}"
        ) from error
    return layout


def _of_format_2(layout: Any) -> Any:
    """Return a layout of when there were only images and float32 as one of format 3."""
    if not isinstance(layout, dict) or layout.get("format") != 2:
        return layout
    windows = {"dtype": "uint8", "shape": [layout["size"], layout["size"], 3], "max_batch": 1}
    return {**layout, "format": WITHOUT_DIGESTS, "windows": windows, "precision": "f32"}


def _check_form(layout: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where the layout is not what `write_layout` takes."""
    taken = layout["windows"]
    if (
        not all(n is None or (type(n) is int and n > 0) for n in taken["shape"])
        or not isinstance(taken["dtype"], str)
        or type(taken["max_batch"]) is not int
    ):
        raise ValueError(f"its windows are {taken!r}")
    if not isinstance(layout["precision"], str):
        raise TypeError(f"its precision is {layout['precision']!r}")
    if not layout["segments"]:
        raise ValueError("it has no segments")
    for block, pool, size in layout["segments"]:
        if not isinstance(block, str) or not isinstance(pool, str) or type(size) is not int:
            raise TypeError(f"a segment is {[block, pool, size]!r}")
        if not 0 < size < math.inf:
            raise ValueError(f"a segment has the size {size}")


def check_files(folder: Path, layout: Mapping[str, Any], *, whole: bool = False) -> None:
    """Compare the files with the digests in the layout, once in a process.

    Args:
        whole: also the weights, which a model folder keeps under another name.

    Raises:
        BackboneError: one is missing or damaged.
    """
    claimed: Mapping[str, str] = layout.get("files", {})
    try:
        for name in claimed if whole else (NETWORK, NUMBERS):
            if name in claimed and digest_once(folder / name) != claimed[name]:
                raise BackboneError(
                    f"The compiled network in {folder} is damaged: {name} is not what was written. "
                    f"{REMOVE}"
                )
    except OSError as error:
        raise BackboneError(
            f"The compiled network in {folder} cannot be read: {error.strerror or error}. {REMOVE}"
        ) from error
