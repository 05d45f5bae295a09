"""What was computed once and kept, in words and numbers, and how to get rid of it.

What it does not know: how the features lie on disk (features/store.py).
"""

from __future__ import annotations

import re
import shutil
from typing import Any

from topwork.core import files
from topwork.errors import SettingError
from topwork.evaluation.fold_cache import folds_folder
from topwork.features.store import FeatureStore

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def summarise() -> dict[str, Any]:
    """Return where the cache is, and what is in it, as plain data."""
    spaces = [
        {
            "backbone": space.backbone,
            "key": space.key,
            "num_examples": space.num_examples,
            "size_bytes": space.size_bytes,
            "last_used": space.last_used.isoformat(timespec="seconds"),
        }
        for space in FeatureStore().spaces()
    ]
    root = files.cache_folder()
    return {
        "folder": str(root),
        "features": spaces,
        "compiled_bytes": files.folder_bytes(root / "compiled"),
        "folds_bytes": files.folder_bytes(folds_folder()),
        "training_bytes": files.folder_bytes(root / "training"),
    }


def show_cache() -> None:
    """Print the same for a person."""
    from rich.table import Table

    from topwork.cli.console import results

    console = results()
    found = summarise()
    console.print(f"Cache: {found['folder']}", markup=False)
    table = Table("features of", "examples", "size", "last used", "key")
    for space in found["features"]:
        table.add_row(
            space["backbone"],
            f"{space['num_examples']:,}",
            readable(space["size_bytes"]),
            space["last_used"].replace("T", " ").removesuffix("+00:00"),
            space["key"][:12],
        )
    if found["features"]:
        console.print(table)
    else:
        console.print("No features are kept.")
    console.print(
        f"Compiled networks: {readable(found['compiled_bytes'])}; "
        f"outcomes of folds: {readable(found['folds_bytes'])}; "
        f"trainings that were stopped: {readable(found['training_bytes'])}."
    )
    console.print("To make room: topwork cache clean --max-size 2GB", style="dim")


def clean_to(max_bytes: int) -> int:
    """Remove what was longest unused until at most this much is left; return the bytes freed.

    With 0, the compiled networks, the outcomes of folds and stopped trainings go as well.
    """
    with files.disk_errors("Cleaning the cache"):
        freed = FeatureStore().clean(max_bytes)
        if max_bytes == 0:
            root = files.cache_folder()
            for folder in (
                root / "compiled",
                root / "backbones",
                root / "training",
                folds_folder(),
            ):
                if folder.is_dir():
                    freed += files.folder_bytes(folder)
                    shutil.rmtree(folder, ignore_errors=True)
    return freed


def parse_size(text: str) -> int:
    """Return the bytes that a text such as `500MB` or `1.5 GB` stands for."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    unit = match[2].upper() if match else None
    if match is None or unit not in UNITS:
        raise SettingError(
            f"The size is {text!r}; accepted: a number and one of B, KB, MB, GB, TB, such as "
            "500MB. Correct --max-size."
        )
    return int(float(match[1]) * UNITS[unit])


def readable(num_bytes: int) -> str:
    """Return a size for a person."""
    for unit in ("TB", "GB", "MB", "kB"):
        size = UNITS[unit.upper()]
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"
