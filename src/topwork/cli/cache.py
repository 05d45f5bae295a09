"""The command `topwork cache`."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from topwork.cli.epilogs import EPILOGS
from topwork.cli.options import Shared, shares
from topwork.core.units import parse_size, readable

PARTED = ("compiled", "compiled/blobs", "folds", "training", "backbones", "tokenizers")
"""Of which each entry is removed by its own last use; features go shard by shard."""

FOLDERS = ("features", "compiled", "folds", "training", "backbones", "tokenizers", "locks")

OLD_SECONDS = 3600
"""A lock that is younger may be about to be taken."""

app = typer.Typer(help="Show and remove what was computed and saved.")


@app.callback(invoke_without_command=True)
@shares("as_json")
def cache(context: typer.Context, *, shared: Shared) -> None:
    """Show what was computed once and kept: features, and compiled networks."""
    if context.invoked_subcommand is not None:
        return
    from topwork.cli import console

    if shared.as_json:
        console.print_json(summarise())
    else:
        show_cache()


@app.command(epilog=str(EPILOGS["clean"]))
@shares("as_json")
def clean(
    max_size: Annotated[
        str, typer.Option(help="How much may stay (0, 500MB, 2GB): the last used stays.")
    ] = "0",
    *,
    shared: Shared,
) -> None:
    """Remove what was longest unused, of whatever kind, until at most this much is left."""
    from topwork.cli import console

    freed = clean_to(parse_size(max_size))
    if shared.as_json:
        console.print_json({"freed_bytes": freed})
    else:
        print(f"Freed {readable(freed)}.")


def summarise() -> dict[str, Any]:
    """Return where the cache is, and what is in it, as plain data."""
    from topwork.core import files
    from topwork.features.store import FeatureStore

    root = files.cache_folder()
    with files.disk_errors(f"Reading the cache {str(root)!r}"):
        spaces = [
            asdict(space) | {"last_used": space.last_used.isoformat(timespec="seconds")}
            for space in FeatureStore().spaces()
        ]
        sizes = {name: files.folder_bytes(root / name) for name in FOLDERS}
    return {
        "folder": str(root),
        "features": spaces,
        "compiled_bytes": sizes["compiled"],
        "folds_bytes": sizes["folds"],
        "training_bytes": sizes["training"],
        "total_bytes": sum(sizes.values()),
    }


def show_cache() -> None:
    """Print the same for a person."""
    from rich.table import Table

    from topwork.cli.console import results

    out = results()
    found = summarise()
    out.print(f"Cache: {found['folder']}", markup=False)
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
        out.print(table)
    else:
        out.print("No features are kept.")
    out.print(
        f"Compiled networks: {readable(found['compiled_bytes'])}; "
        f"outcomes of folds: {readable(found['folds_bytes'])}; "
        f"trainings that were stopped: {readable(found['training_bytes'])}; "
        f"all together: {readable(found['total_bytes'])}."
    )
    out.print("To make room: topwork cache clean --max-size 2GB", style="dim")


def clean_to(max_bytes: int) -> int:
    """Remove what was longest unused until at most this much is left; return the bytes freed.

    Whatever it is: features, compiled networks, outcomes of folds, stopped trainings.
    """
    from topwork.core import files, leftovers
    from topwork.features.store import FeatureStore

    root = files.cache_folder()
    store = FeatureStore()
    with files.disk_errors("Cleaning the cache"):
        for folder in [root / "compiled", root / "compiled" / "blobs", root / "folds"]:
            leftovers.clear(folder)
        before = left = sum(files.folder_bytes(root / name) for name in FOLDERS)
        kept = [*store.by_use(), *(one for folder in PARTED for one in _by_use(root / folder))]
        for _, path, size_bytes in sorted(kept):
            if left <= max_bytes:
                break
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            left -= size_bytes
        store.remove_empty()
        for path in (root / "locks").glob("*"):
            held = leftovers.lock(path)  # not where a run has it
            if held is not None:
                if path.stat().st_mtime < time.time() - OLD_SECONDS:
                    path.unlink(missing_ok=True)
                os.close(held)
        return before - sum(files.folder_bytes(root / name) for name in FOLDERS)


def _by_use(folder: Path) -> list[tuple[float, Path, int]]:
    """List what lies in a folder with when it was last used and its bytes, all below it together.

    What is being written is left alone.
    """
    from topwork.core import files

    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(".") or path.name == "blobs":
            continue
        with suppress(FileNotFoundError):  # another process removes it
            whole = [path, *path.rglob("*")] if path.is_dir() else [path]
            used = max(one.lstat().st_mtime for one in whole)
            size_bytes = files.folder_bytes(path) if path.is_dir() else path.lstat().st_size
            found.append((used, path, size_bytes))
    return found
