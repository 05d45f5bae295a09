"""The command `topwork predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.options import ModelFolder, Shared, shares
from topwork.core.units import parse_share
from topwork.errors import ExampleError, SettingError

if TYPE_CHECKING:
    from topwork.examples.example import Example
    from topwork.model.model import Model
    from topwork.model.predictions import Prediction


@shares("input_column", "device", "strict", "quiet")
def predict(
    model: ModelFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, folders or tables of them; texts; `-`: texts, a line each."),
    ],
    form: Annotated[str, typer.Option("--format", help="lines, csv, jsonl or table.")] = "lines",
    reject: Annotated[
        str | None,
        typer.Option(help="Say `unknown` of what is stranger than all but 5% of the examples."),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Of long sounds: what is to be heard when.")
    ] = False,
    *,
    shared: Shared,
) -> None:
    """Predict the class of each input: name, label and probability, a line each."""
    from topwork.cli.output import WRITERS, write_timelines
    from topwork.model.model import load

    if form not in WRITERS:
        raise SettingError(f"--format is {form!r}; accepted: {', '.join(WRITERS)}.")
    rate = None if reject is None else parse_share(reject, "--reject")
    if timeline and rate is not None:
        raise SettingError("--reject and --timeline were both given; accepted: one of them.")
    loaded = load(model, device=shared.device)
    examples = _inputs(loaded, inputs, shared.input_column)
    if timeline:
        write_timelines(((e.name, loaded.timeline(e.read())) for e in examples), form)
        return
    predictions = loaded.stream(examples, reject=rate)
    write = WRITERS[form](loaded.classes)
    failed: list[Prediction] = []
    num = 0
    for prediction in predictions:
        num += 1
        if prediction.error is not None:
            if shared.strict:
                raise ExampleError(f"{prediction.name}: {prediction.error}")
            failed.append(prediction)
        write(prediction)
    write(None)
    if failed and not shared.quiet:
        print(f"{len(failed)} of {num} inputs could not be read:", file=sys.stderr)
        for one in failed:
            print(f"  {one.name}: {one.error}", file=sys.stderr)
    if num and len(failed) == num:
        raise typer.Exit(ExampleError.exit_code)


def _inputs(model: Model, inputs: list[str], input_column: str | None) -> list[Example]:
    """Return what the arguments stand for; of texts, also themselves and the lines of `-`."""
    things: list[str | Path] = []
    for given in inputs:
        of_texts = model.backbone.modality == "text" and not Path(given).exists()
        if given == "-" and of_texts:
            things += [line.rstrip("\r\n") for line in sys.stdin]
        else:
            # A single word that is no file is more likely a file's name spelt wrong.
            things.append(given if of_texts and " " in given.strip() else Path(given))
    return model.read(things, input_column=input_column)
