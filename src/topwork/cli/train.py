"""The command `topwork train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.options import Backbone, Shared, shares

if TYPE_CHECKING:
    from topwork.model.model import Model

STOPPED = (
    "Stopped: what goes deeper than the head was not finished. The same command goes on from here."
)

Strategy = Annotated[
    str | None,
    typer.Option(
        "--train",
        help="auto (the default), head, last:K (the last K blocks), contrast:K (these, by pairs of "
        "examples), all, or scratch.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(help="For what goes beyond the head: 90s, 10m, 1h30m; 15m where auto decides."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="With last:K: these begin with random weights.")
]


@shares(
    *("input_column", "label_column", "group_column", "time_columns", "groups", "device"),
    *("resume", "log", "strict", "as_json", "quiet"),
)
def train(
    data: Annotated[
        Path | None, typer.Argument(help="A folder per class, or a .csv/.jsonl/.parquet table.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to save the model in.")] = None,
    backbone: Backbone = None,
    strategy: Strategy = None,
    head: Annotated[
        str | None, typer.Option(help="kernel, linear, nearest, or mlp:256,128 (hidden layers).")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Of two classes, the one that is looked for; else the rarer.")
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="Instead of data, of texts: a file of the names of the classes."),
    ] = None,
    time_limit: TimeLimit = None,
    fresh: Fresh = False,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe.toml: every run writes one into its model.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model in OUT.")
    ] = False,
    *,
    shared: Shared,
) -> None:
    """Train a model on labelled images, sounds or texts, and score it.

    Of auto the head is saved first. Ctrl-C then leaves it, and the same command goes on.
    """
    from topwork.cli import console
    from topwork.examples.texts.class_names import read_names
    from topwork.runs import train as pipeline

    names, described = (None, None) if classes is None else read_names(classes)
    heads: list[Model] = []
    stopped = False
    with console.following(quiet=shared.silent):
        try:
            model = pipeline.train(
                data,
                groups=shared.groups,
                backbone=backbone,
                out=out,
                overwrite=overwrite,
                device=shared.device,
                recipe=recipe,
                resume=shared.resume,
                log=shared.log,
                on_head=heads.append,
                train=strategy,
                head=head,
                positive=positive,
                classes=names,
                class_descriptions=described or None,
                time_limit=time_limit,
                fresh=fresh or None,
                input_column=shared.input_column,
                label_column=shared.label_column,
                group_column=shared.group_column,
                time_columns=shared.time_columns,
                strict=shared.strict or None,
            )
        except KeyboardInterrupt:
            if not heads:
                raise
            model, stopped = heads[-1], True
    _show(model, out, shared)
    if stopped:
        console.say(STOPPED)
        raise typer.Exit(130)


def _show(model: Model, out: Path | None, shared: Shared) -> None:
    from topwork.cli import console

    if shared.as_json:
        from topwork.model.archive import summary

        console.print_json({"model": None if out is None else str(out), **summary(model.parts)})
        return
    console.show_training(model, None if out is None else str(out))
    if not shared.quiet:
        console.show_skipped(model.data)
