"""The command `topwork evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topwork.cli.options import (
    AsJson,
    Device,
    GroupColumn,
    InputColumn,
    LabelColumn,
    ModelFolder,
    Quiet,
)


def evaluate(
    model: ModelFolder,
    data: Annotated[Path, typer.Argument(help="Labelled examples that it was not trained on.")],
    input_column: InputColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score a model on labelled examples: accuracy with its interval, by class, confusion."""
    from topwork.cli import console
    from topwork.model.model import load

    loaded = load(model, device=device)
    with console.progress_bars(quiet=quiet or as_json):
        evaluation = loaded.evaluate(
            data,
            input_column=input_column,
            label_column=label_column,
            group_column=group_column,
        )
    if as_json:
        console.print_json(evaluation.to_dict())
        return
    console.show_evaluation(evaluation)
    if not quiet:
        console.name_skipped(evaluation.skipped)
