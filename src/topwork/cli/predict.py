"""The command `topwork predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.options import ModelFolder, Shared, shares
from topwork.core.units import parse_share
from topwork.errors import ExampleError, SettingError, SourceError

if TYPE_CHECKING:
    from topwork.cli.output import Cells
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
    guard_cells: Annotated[
        bool, typer.Option("--guard-cells", help="With csv: no cell is a spreadsheet's formula.")
    ] = False,
    *,
    shared: Shared,
) -> None:
    """Predict the class of each input: name, label and probability, a line each."""
    from topwork.cli import console
    from topwork.cli.output import WRITERS, Cells, write_timelines
    from topwork.model.model import load

    if form not in WRITERS:
        raise SettingError(f"--format is {form!r}; accepted: {', '.join(WRITERS)}.")
    rate = None if reject is None else parse_share(reject, "--reject")
    if timeline and rate is not None:
        raise SettingError("--reject and --timeline were both given; accepted: one of them.")
    if guard_cells and form != "csv":
        raise SettingError(f"--guard-cells was given with --format {form}; accepted: csv.")
    cells = Cells(guard=guard_cells)
    with console.following(quiet=shared.quiet):
        loaded = load(model, device=shared.device)
        examples = _inputs(loaded, inputs, shared.input_column)
    if timeline:
        write_timelines(((e.name, loaded.timeline(e.read())) for e in examples), form, cells)
        _say_last(cells, quiet=shared.quiet)
        return
    predictions = loaded.stream(examples, reject=rate)
    write = WRITERS[form](loaded.classes, cells)
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
    _say_last(cells, quiet=shared.quiet)
    if failed:  # in any case: an input without an answer is no remark
        console.say(f"{len(failed)} of {num} inputs could not be read:")
        for one in failed:
            console.say(f"  {one.name}: {one.error}")
    if num and len(failed) == num:
        raise typer.Exit(ExampleError.exit_code)


def _say_last(cells: Cells, *, quiet: bool) -> None:
    from topwork.cli import console

    if cells.remark and not quiet:
        console.say(cells.remark, style="yellow")


def _inputs(model: Model, inputs: list[str], input_column: str | None) -> list[Example]:
    """Return what the arguments stand for; of texts, also themselves and the lines of `-`."""
    things: list[str | Path] = []
    for given in inputs:
        of_texts = model.backbone.modality == "text" and not Path(given).exists()
        if given == "-" and of_texts:
            things += [line.rstrip("\r\n") for line in sys.stdin]
        elif of_texts and _is_named_file(given):
            raise SourceError(
                f"There is no file {given!r}. Check its path. If it is a text: "
                f"echo {given!r} | topwork predict MODEL -"
            )
        else:
            things.append(given if of_texts else Path(given))
    return model.read(things, input_column=input_column)


def _is_named_file(given: str) -> bool:
    """Whether a text that names no file is a file's name spelt wrong: by a suffix that is known."""
    from topwork.examples.kinds import DOCUMENT_SUFFIXES, TABLE_SUFFIXES, modality_of, suffix_of

    one_word = len(given.split()) == 1
    suffix = suffix_of(given)
    return one_word and (
        modality_of(given) is not None or suffix in (*DOCUMENT_SUFFIXES, *TABLE_SUFFIXES)
    )
