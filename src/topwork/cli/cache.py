"""The command `topwork cache`."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Annotated, Any

import typer

from topwork.cli.options import Shared, shares
from topwork.core.units import parse_size, readable

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


@app.command()
def clean(
    max_size: Annotated[
        str, typer.Option(help="How much may stay (0, 500MB, 2GB): the last used stays.")
    ] = "0",
) -> None:
    """Remove features, those longest unused first, until at most this much is left."""
    print(f"Freed {readable(clean_to(parse_size(max_size)))}.")


def summarise() -> dict[str, Any]:
    """Return where the cache is, and what is in it, as plain data."""
    from topwork.core import files
    from topwork.core.memo import memo_folder
    from topwork.features.store import FeatureStore

    spaces = [
        asdict(space) | {"last_used": space.last_used.isoformat(timespec="seconds")}
        for space in FeatureStore().spaces()
    ]
    root = files.cache_folder()
    return {
        "folder": str(root),
        "features": spaces,
        "compiled_bytes": files.folder_bytes(root / "compiled"),
        "folds_bytes": files.folder_bytes(memo_folder()),
        "training_bytes": files.folder_bytes(root / "training"),
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
        f"trainings that were stopped: {readable(found['training_bytes'])}."
    )
    out.print("To make room: topwork cache clean --max-size 2GB", style="dim")


def clean_to(max_bytes: int) -> int:
    """Remove what was longest unused until at most this much is left; return the bytes freed.

    With 0, the compiled networks, the outcomes of folds and stopped trainings go as well.
    """
    from topwork.core import files
    from topwork.core.memo import memo_folder
    from topwork.features.store import FeatureStore

    with files.disk_errors("Cleaning the cache"):
        freed = FeatureStore().clean(max_bytes)
        if max_bytes == 0:
            root = files.cache_folder()
            for folder in (
                root / "compiled",
                root / "backbones",
                root / "training",
                memo_folder(),
            ):
                if folder.is_dir():
                    freed += files.folder_bytes(folder)
                    shutil.rmtree(folder, ignore_errors=True)
    return freed
