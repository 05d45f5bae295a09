"""The commands. Each one parses its options, calls what does the work, and shows the result.

What it does not know: how anything is done. The exit codes are in shell.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topwork.cli.advise import advise
from topwork.cli.options import (
    AsJson,
    Device,
    InputColumn,
    LabelColumn,
    Quiet,
    Strict,
    parse_share,
)
from topwork.cli.pretrain import pretrain
from topwork.cli.report import report
from topwork.cli.shell import Commands, use_utf8
from topwork.cli.train import train
from topwork.errors import ExampleError, SettingError

if TYPE_CHECKING:
    from topwork.examples.example import Example, Modality
    from topwork.model.model import Model
    from topwork.model.predictions import Prediction

app = typer.Typer(
    name="topwork",
    cls=Commands,
    help="Transfer learning from few labelled examples, with scores that can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cache_app = typer.Typer(help="See and clean what was computed once and kept.")
app.add_typer(cache_app, name="cache")

ModelFolder = Annotated[Path, typer.Argument(help="A folder that `topwork train` wrote.")]


app.command()(train)
app.command()(advise)
app.command()(pretrain)
app.command()(report)


@app.command()
def predict(
    model: ModelFolder,
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, folders or tables of them; texts; `-`: texts, a line each."),
    ],
    form: Annotated[str, typer.Option("--format", help="lines, csv, jsonl or table.")] = "lines",
    reject: Annotated[
        str | None,
        typer.Option(help="Say `neither` of what is stranger than all but 5% of the examples."),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Of long sounds: what is to be heard when.")
    ] = False,
    input_column: InputColumn = None,
    device: Device = "auto",
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Say what each input is: its name, label and probability, a line each."""
    from topwork.cli.output import WRITERS, write_timelines
    from topwork.model.archive import load

    if form not in WRITERS:
        raise SettingError(f"--format is {form!r}; accepted: {', '.join(WRITERS)}.")
    rate = None if reject is None else parse_share(reject, "--reject")
    if timeline and rate is not None:
        raise SettingError("--reject and --timeline were both given; accepted: one of them.")
    loaded = load(model, device=device)
    examples = _inputs(loaded, inputs, input_column)
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
            if strict:
                raise ExampleError(f"{prediction.name}: {prediction.error}")
            failed.append(prediction)
        write(prediction)
    write(None)
    if failed and not quiet:
        print(f"{len(failed)} of {num} inputs could not be read:", file=sys.stderr)
        for one in failed:
            print(f"  {one.name}: {one.error}", file=sys.stderr)
    if num and len(failed) == num:
        raise typer.Exit(ExampleError.exit_code)


@app.command()
def evaluate(
    model: ModelFolder,
    data: Annotated[Path, typer.Argument(help="Labelled examples that it was not trained on.")],
    input_column: InputColumn = None,
    label_column: LabelColumn = None,
    group_column: Annotated[str | None, typer.Option(help="A table's column of groups.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score a model on labelled examples: accuracy with its interval, by class, confusion."""
    from topwork.cli import console
    from topwork.model.archive import load

    loaded = load(model, device=device)
    with console.progress_bars(quiet=quiet or as_json) as on_progress:
        evaluation = loaded.evaluate(
            data,
            input_column=input_column,
            label_column=label_column,
            group_column=group_column,
            on_progress=on_progress,
        )
    if as_json:
        _print_json(evaluation.to_dict())
        return
    console.show_evaluation(evaluation)
    if not quiet:
        console.name_skipped(evaluation.skipped)


@app.command()
def embed(
    data: Annotated[Path, typer.Argument(help="Labelled examples, as for `train`.")],
    out: Annotated[Path, typer.Option(help="The folder to write features.parquet into.")],
    backbone: Annotated[str | None, typer.Option(help="See `topwork backbones`.")] = None,
    pools: Annotated[
        str, typer.Option(help="Any of mean, std, max, grid3, prefix, last; or all.")
    ] = "mean,prefix,last",
    input_column: InputColumn = None,
    label_column: LabelColumn = None,
    device: Device = "auto",
    strict: Strict = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the table in OUT.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Write the features alone, a row an example, as a Parquet table that other tools read."""
    from topwork.cli import console
    from topwork.runs.embed import embed as run

    with console.progress_bars(quiet=quiet) as on_progress:
        written = run(
            data,
            out,
            backbone=backbone,
            pools=pools.split(","),
            input_column=input_column,
            label_column=label_column,
            device=device,
            strict=strict,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    if not quiet:
        console.name_skipped(written.skipped)
        print(
            f"{written.path}: {written.num_rows:,} rows, {written.num_numbers:,} numbers each "
            f"({written.num_computed:,} computed, {written.num_found:,} found on disk)"
        )


@app.command()
def backbones(as_json: AsJson = False) -> None:
    """List what can be transferred from, its licence, and what it was trained on."""
    from dataclasses import asdict

    from topwork.backbones.catalog import list_backbones
    from topwork.cli import console

    rows = list_backbones()
    if as_json:
        _print_json([asdict(row) for row in rows])
        return
    console.show_backbones(rows)
    print(
        "Any other timm model: timm/<model>.<tag>; any transformers network for sounds or texts: "
        "<organisation>/<model>. With random weights: <name>?pretrained=false. Other options: "
        "?size=160, ?resize=squash; ?max_tokens=128."
    )


@cache_app.callback(invoke_without_command=True)
def cache(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what was computed once and kept: features, and compiled networks."""
    if context.invoked_subcommand is not None:
        return
    from topwork.cli.cache import show_cache, summarise

    if as_json:
        _print_json(summarise())
    else:
        show_cache()


@cache_app.command()
def clean(
    max_size: Annotated[
        str, typer.Option(help="How much may stay (0, 500MB, 2GB): the last used stays.")
    ] = "0",
) -> None:
    """Remove features, those longest unused first, until at most this much is left."""
    from topwork.cli.cache import clean_to, parse_size, readable

    print(f"Freed {readable(clean_to(parse_size(max_size)))}.")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to write the data to.")] = Path("demo"),
    sound: Annotated[bool, typer.Option("--sound", help="Vowels, made here.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Sentences that come with scipy.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Learn handwritten digits (or vowels, or sentences) from few and many examples."""
    from topwork.cli import console
    from topwork.cli.demo import run_demo, show_demo

    if sound and text:
        raise SettingError("--sound and --text were both given; accepted: one of them.")
    modality: Modality = "sound" if sound else "text" if text else "image"
    with console.progress_bars(quiet=quiet or as_json) as on_progress:
        rows = run_demo(out, modality, on_progress=on_progress)
    if as_json:
        _print_json([row.to_dict() for row in rows])
    else:
        show_demo(rows, modality)


def main() -> None:
    """Run the command line."""
    use_utf8()
    app()


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


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
