"""The command `topwork report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.options import ModelFolder, Shared, shares
from topwork.errors import SettingError


@shares("device", "as_json", "quiet")
def report(
    model: ModelFolder,
    data: Annotated[
        Path | None, typer.Option(help="Where the labelled examples lie now, if they were moved.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; by default report.html in MODEL.")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(help="Train the same network from scratch for so long (5m), to compare with."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    *,
    shared: Shared,
) -> None:
    """Write a page on a model: scores, mistakes, learning curve, data problems, what it sees."""
    from topwork.cli import console
    from topwork.core.units import parse_seconds
    from topwork.model.archive import REPORT
    from topwork.reports.assemble import report as run

    limit = None if control is None else parse_seconds(control)
    path = model / REPORT if out is None else out
    if path.is_dir():
        raise SettingError(f"--out is {str(path)!r}, a folder. Give the name of a file: {REPORT}.")
    if path.exists() and not overwrite:
        raise SettingError(
            f"There is a file {str(path)!r} already. Give another name (--out), or say --overwrite "
            "to replace it."
        )
    with console.following(quiet=shared.silent):
        made = run(model, path, data=data, control=limit, device=shared.device)
    if shared.as_json:
        table = None if made.table is None else str(made.table)
        console.print_json(
            {"report": str(made.path), "problems": table, "messages": list(made.messages),
             "num_bytes": made.num_bytes, "seconds": made.seconds}
        )  # fmt: skip
        return
    beside = "" if made.table is None else f", and {made.table.name} beside it"
    size = f"{made.num_bytes / 1e6:.1f} MB"
    sys.stdout.write("\n".join([f"{made.path} ({size}{beside})", *made.messages]) + "\n")
