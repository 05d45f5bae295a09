"""The command `topwork predict`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
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


@shares("out", "overwrite", "input_column", "device", "strict", "quiet")
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

    rate = None if reject is None else parse_share(reject, "--reject")
    _check_forms(form, shared, timeline=timeline, guard_cells=guard_cells)
    if timeline and rate is not None:
        raise SettingError("--reject and --timeline were both given; accepted: one of them.")
    cells, out = Cells(guard=guard_cells), shared.out
    with console.following(quiet=shared.quiet):
        loaded = load(model, device=shared.device)
        examples = _inputs(loaded, inputs, shared.input_column)
    if timeline:
        write_timelines(((e.name, loaded.timeline(e.read())) for e in examples), form, cells)
        _say_last(cells, quiet=shared.quiet)
        return
    write = WRITERS[form](loaded.classes, cells) if out is None else None
    failed: list[Prediction] = []
    answers: list[Prediction] = []
    num = 0
    with nullcontext() if out is None else console.following(quiet=shared.quiet):
        for prediction in loaded.stream(examples, reject=rate):
            num += 1
            if prediction.error is not None:
                if shared.strict:
                    raise ExampleError(f"{prediction.name}: {prediction.error}")
                failed.append(prediction)
            if write is None:
                answers.append(replace(prediction, probabilities={}))
            else:
                write(prediction)
    if write is not None:
        write(None)
    if out is not None:
        _write_table(answers, inputs, out, cells, quiet=shared.quiet)
    _say_last(cells, quiet=shared.quiet)
    if failed:  # in any case: an input without an answer is no remark
        console.say(f"{len(failed)} of {num} inputs could not be read:")
        for one in failed:
            console.say(f"  {one.name}: {one.error}")
    if num and len(failed) == num:
        raise typer.Exit(ExampleError.exit_code)


def _check_forms(form: str, shared: Shared, *, timeline: bool, guard_cells: bool) -> None:
    """Raise SettingError where the forms that were asked for do not go together."""
    from topwork.cli.output import WRITERS
    from topwork.model.scored_table import check_out

    out = shared.out
    if form not in WRITERS:
        raise SettingError(f"--format is {form!r}; accepted: {', '.join(WRITERS)}.")
    if guard_cells and form != "csv" and (out is None or out.suffix not in (".csv", ".tsv")):
        raise SettingError(f"--guard-cells was given with --format {form}; accepted: csv.")
    if out is None:
        if shared.overwrite:
            raise SettingError("--overwrite was given without --out; accepted: both.")
        return
    if form != "lines" or timeline:
        other = "--timeline" if timeline else f"--format {form}"
        raise SettingError(
            f"--out and {other} were both given; accepted: one of them. The name of the file says "
            "its form (--out scored.csv)."
        )
    check_out(out, overwrite=shared.overwrite)


def _write_table(
    answers: list[Prediction], inputs: list[str], out: Path, cells: Cells, *, quiet: bool
) -> None:
    """Write the answers beside the columns of the one table that was given, if it is one."""
    from topwork.cli import console
    from topwork.examples.own_columns import own_columns
    from topwork.model.scored_table import scored_table, write_table

    own = own_columns(inputs[0]) if len(inputs) == 1 and Path(inputs[0]).exists() else None
    table, said = scored_table(answers, own)
    said += write_table(table, out, cell=cells)
    if not quiet:
        for line in said:
            console.say(line, style="yellow")
        console.say(f"{out}: {table.num_rows:,} rows, {table.num_columns} columns")


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
