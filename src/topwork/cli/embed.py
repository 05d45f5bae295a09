"""The command `topwork embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.options import Overwrite, Shared, shares


@shares("input_column", "label_column", "time_columns", "device", "strict", "as_json", "quiet")
def embed(
    data: Annotated[Path, typer.Argument(help="Labelled examples, as for `train`.")],
    out: Annotated[Path, typer.Option(help="The folder to write features.parquet into.")],
    backbone: Annotated[str | None, typer.Option(help="See `topwork backbones`.")] = None,
    pools: Annotated[
        str, typer.Option(help="Any of mean, std, max, grid3, prefix, last; or all.")
    ] = "mean,prefix,last",
    overwrite: Overwrite = False,
    *,
    shared: Shared,
) -> None:
    """Write the features alone, a row an example, as a Parquet table that other tools read."""
    from dataclasses import fields

    from topwork.cli import console
    from topwork.core.plain import to_plain
    from topwork.runs.embed import write_features as run

    with console.following(quiet=shared.silent):
        written = run(
            data,
            out,
            backbone=backbone,
            pools=pools.split(","),
            columns=shared.columns,
            options=shared.run,
            overwrite=overwrite,
        )
    if shared.as_json:
        own = {one.name: getattr(written, one.name) for one in fields(written)}
        console.print_json(to_plain({**own, "path": str(written.path)}))
    elif not shared.quiet:
        console.name_skipped(written.skipped)
        print(
            f"{written.path}: {written.num_rows:,} rows, {written.num_numbers:,} numbers each "
            f"({written.num_computed:,} computed, {written.num_found:,} found on disk)"
        )
