"""The command `topwork predict`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.inputs import inputs_of
from topwork.cli.options import ModelFolder, Shared, shares
from topwork.core.units import parse_share
from topwork.errors import ExampleError, SettingError

if TYPE_CHECKING:
    from topwork.cli.output import Cells
    from topwork.model.predictions import Prediction


@shares("out", "overwrite", "input_column", "device", "strict", "as_json", "quiet")
def predict(
    model: ModelFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, folders or tables of them; texts; `-`: texts, a line each."),
    ],
    form: Annotated[
        str | None, typer.Option("--format", help="lines (the default), csv, jsonl, json or table.")
    ] = None,
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
    form = _form_of(form, shared)
    _check_forms(form, shared, timeline=timeline, guard_cells=guard_cells)
    if timeline and rate is not None:
        raise SettingError("--reject and --timeline were both given; accepted: one of them.")
    cells, out = Cells(guard=guard_cells), shared.out
    with console.following(quiet=shared.silent):
        loaded = load(model, device=shared.device)
        examples = inputs_of(loaded, inputs, shared.input_column)
    if loaded.decision is not None and loaded.decision.threshold and not shared.silent:
        console.say(loaded.decision.message, style="dim")
    if timeline:
        write_timelines(((e.name, loaded.timeline(e.read())) for e in examples), form, cells)
        _say_last(cells, quiet=shared.silent)
        return
    write = WRITERS[form](loaded.classes, cells) if out is None else None
    failed: list[Prediction] = []
    answers: list[Prediction] = []
    num = 0
    with nullcontext() if out is None else console.following(quiet=shared.silent):
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
        _write_table(answers, inputs, out, cells, quiet=shared.silent)
    _say_last(cells, quiet=shared.silent)
    if failed:  # in any case: an input without an answer is no remark
        console.say(f"{len(failed)} of {num} inputs could not be read:")
        for one in failed:
            console.say(f"  {one.name}: {one.error}")
    if num and len(failed) == num:
        raise typer.Exit(ExampleError.exit_code)


def _form_of(form: str | None, shared: Shared) -> str:
    """Return the form that is meant; `--json` is `--format json`."""
    if not shared.as_json:
        return form or "lines"
    if form not in (None, "json"):
        raise SettingError(f"--format {form} and --json were both given; accepted: one of them.")
    return "json"


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
