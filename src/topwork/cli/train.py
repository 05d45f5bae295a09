"""The command `topwork train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.options import AsJson, Device, GroupColumn, InputColumn, LabelColumn, Quiet, Strict

Strategy = Annotated[
    str | None,
    typer.Option(
        "--train", help="auto (the default), head, last:K (the last K blocks), all, or scratch."
    ),
]
TimeLimit = Annotated[
    str | None, typer.Option(help="For what goes beyond the head: 90s, 10m, 1h30m.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="With last:K: these begin with random weights.")
]
Resume = Annotated[bool, typer.Option(help="Go on where the training of blocks was stopped.")]
Log = Annotated[
    Path | None, typer.Option(help="A folder for TensorBoard, where blocks are trained.")
]


def train(
    data: Annotated[
        Path | None, typer.Argument(help="A folder per class, or a .csv/.jsonl/.parquet table.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to save the model in.")] = None,
    backbone: Annotated[
        str | None, typer.Option(help="What to transfer from; see `topwork backbones`.")
    ] = None,
    strategy: Strategy = None,
    head: Annotated[
        str | None, typer.Option(help="kernel, linear, nearest, or mlp:256,128 (hidden layers).")
    ] = None,
    time_limit: TimeLimit = None,
    fresh: Fresh = False,
    input_column: InputColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe.toml: every run writes one into its model.")
    ] = None,
    device: Device = "auto",
    resume: Resume = True,
    log: Log = None,
    strict: Strict = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model in OUT.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on labelled images, sounds or texts, and say how good it is."""
    from topwork.cli import console
    from topwork.runs import train as pipeline

    with console.progress_bars(quiet=quiet or as_json):
        model = pipeline.train(
            data,
            backbone=backbone,
            out=out,
            overwrite=overwrite,
            device=device,
            recipe=recipe,
            resume=resume,
            log=log,
            train=strategy,
            head=head,
            time_limit=time_limit,
            fresh=fresh or None,
            input_column=input_column,
            label_column=label_column,
            group_column=group_column,
            strict=strict or None,
        )
    if as_json:
        from topwork.model.archive import summary

        console.print_json({"model": None if out is None else str(out), **summary(model.parts)})
        return
    console.show_training(model, None if out is None else str(out))
    if not quiet:
        console.show_skipped(model.data)
