"""The command `topwork backbones`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.epilogs import EPILOGS
from topwork.cli.options import Shared, shares

app = typer.Typer(help="List what can be transferred from, and pack one for pip.")


@app.callback(invoke_without_command=True)
@shares("as_json")
def backbones(context: typer.Context, *, shared: Shared) -> None:
    """List what can be transferred from, its licence, and what it was trained on."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    from topwork.backbones.catalog import list_backbones
    from topwork.backbones.registry import installed_rows
    from topwork.cli import console

    rows = [*list_backbones(), *installed_rows()]
    if shared.as_json:
        console.print_json([asdict(row) for row in rows])
        return
    console.show_backbones(rows)
    print(
        "Any other timm model: timm/<model>.<tag>; any transformers network for sounds or texts: "
        "<organisation>/<model>. Several under one head: <name>+<name>. With random weights: "
        "<name>?pretrained=false. Other options: ?size=160, ?resize=squash; ?max_tokens=128."
    )


@app.command(epilog=str(EPILOGS["pack"]))
@shares("as_json")
def pack(
    backbone: Annotated[str, typer.Argument(help="A name, or a folder; with its options.")],
    out: Annotated[Path, typer.Option(help="A folder that is not there yet.")],
    name: Annotated[
        str | None, typer.Option(help="What is typed to have it; default: the last part of NAME.")
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Write a package that pip installs, with a backbone's weights and card, and no code."""
    from topwork.backbones.registry import get_backbone
    from topwork.backbones.saved.pack import pack_backbone
    from topwork.cli import console

    packed = pack_backbone(get_backbone(backbone), out, name=name)
    if shared.as_json:
        console.print_json({"name": packed, "folder": str(out)})
    else:
        print(f"Packed {packed} into {out}. Next: pip install --no-deps {out}")
        print(f"Then, there: topwork train DATA --backbone {packed}")
