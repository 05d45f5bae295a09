"""The command `topwork evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.options import ModelFolder, Shared, shares


@shares(
    *("input_column", "label_column", "group_column", "time_columns", "groups", "device"),
    *("as_json", "quiet"),
)
def evaluate(
    model: ModelFolder,
    data: Annotated[Path, typer.Argument(help="Labelled examples that it was not trained on.")],
    include_known: Annotated[
        bool, typer.Option("--include-known", help="Score what it was trained on, too.")
    ] = False,
    positive: Annotated[
        str | None, typer.Option(help="Of two classes, the one that is looked for.")
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Score a model on labelled examples: accuracy with its interval, by class, confusion."""
    from topwork.cli import console
    from topwork.model.model import load

    loaded = load(model, device=shared.device)
    with console.following(quiet=shared.silent):
        evaluation = loaded.evaluate(
            data,
            groups=shared.groups,
            input_column=shared.input_column,
            label_column=shared.label_column,
            group_column=shared.group_column,
            time_columns=shared.time_columns,
            include_known=include_known,
            positive=positive,
        )
    if shared.as_json:
        console.print_json(evaluation.to_dict())
        return
    console.show_evaluation(evaluation)
    if not shared.quiet:
        line = console.describe_positive(evaluation, "--positive")
        if line and positive is None and evaluation.threshold is None:
            console.say(line, style="dim")
        console.name_skipped(evaluation.skipped)
