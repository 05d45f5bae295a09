"""Terminal output: progress, tables, remarks.

Progress and remarks go to standard error, results to standard output, so that the results can be
piped.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from topwork.backbones.hub_models import Row
from topwork.cli.account import show_account, show_classes, with_interval
from topwork.cli.markup import escape
from topwork.cli.progress_lines import progress_lines
from topwork.core.bars import bars
from topwork.core.printable import printable
from topwork.core.telling import LOGGER
from topwork.evaluation.metrics import Evaluation
from topwork.examples.example import Skipped
from topwork.model.model import Model
from topwork.model.parts import DataCounts

if TYPE_CHECKING:
    from topwork.runs.pretrain import Pretrained
    from topwork.training.loop.task import Epoch

PIPE_WIDTH = 120
MAX_NAMED = 20
"""Skipped inputs, classes and the like that are named before "... and 37 more"."""


@final
class _Lines(logging.Handler):
    """Prints what a run says of itself: above the bars, where there are any."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        looks_wrong = record.levelno >= logging.WARNING
        text = f"Remark: {record.getMessage()}" if looks_wrong else record.getMessage()
        self._console.print(
            printable(text), style="yellow" if looks_wrong else "dim", markup=False, soft_wrap=True
        )


@contextmanager
def _lines(handler: logging.Handler) -> Iterator[None]:
    level, passed_on = LOGGER.level, LOGGER.propagate
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        LOGGER.propagate = passed_on


@contextmanager
def following(*, quiet: bool) -> Iterator[None]:
    """Show what runs inside: what it says of itself, and how far its stages are.

    In a terminal a bar for each stage; in a pipe or a file a line now and then.
    """
    console = Console(stderr=True, highlight=False)
    with _lines(logging.NullHandler() if quiet else _Lines(console)):
        if quiet:
            yield
            return
        with bars(console) if console.is_terminal else progress_lines(console):
            yield


def print_json(data: Any) -> None:
    """Print plain data, and nothing else, to standard output."""
    sys.stdout.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def say(text: str, *, style: str | None = None) -> None:
    """Print a remark to standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(printable(text), style=style, markup=False)


def results() -> Console:
    """Return what results are printed with; into a file or pipe, lines may be wider."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def show_training(model: Model, out: str | None) -> None:
    """Print what was learned, from what, and how well."""
    console = results()
    data, card = model.data, model.backbone.card
    console.print(
        f"[bold]{data.num_train:,}[/] examples of [bold]{len(model.classes)}[/] classes, "
        f"on [bold]{escape(model.backbone.name)}[/] (trained on {escape(card.pretrained_on)}; "
        f"licence {escape(card.licence)})"
    )
    columns = {}
    if model.evaluation is not None:
        columns[f"{model.evaluation.method}"] = model.evaluation
    if model.test is not None:
        columns[f"{model.test.method}"] = model.test
    if columns:
        console.print(_scores(columns))
    show_account(console, model)
    if model.evaluation is not None:
        show_classes(console, model.evaluation)
        command = f"topwork threshold {out or 'MODEL'} --positive"
        line = describe_positive(model.evaluation, command)
        if line and model.recipe.positive is None:
            console.print(escape(line), style="dim")
    for note in model.notes:
        console.print(f"Note: {escape(note)}")
    if out is not None:
        console.print(f"Saved to [bold]{escape(out)}[/]. Next: topwork predict {escape(out)} FILES")


def epoch_line(epoch: Epoch, num_epochs: int) -> str:
    """Return what an epoch gave, as one line."""
    speed = epoch.examples / max(epoch.seconds, 1e-9)
    return (
        f"epoch {epoch.number:>{len(str(num_epochs))}} of {num_epochs}: loss {epoch.loss:.3f}, "
        f"accuracy {epoch.accuracy:.3f} in training, rate {epoch.lr:.2g}, {epoch.seconds:.1f} s "
        f"({speed:,.0f}/s)"
    )


def show_pretraining(made: Pretrained, out: str) -> None:
    """Print what a network was pre-trained on, how long, and how well it does its own task."""
    console = results()
    console.print(
        f"[bold]{made.num_train:,}[/] examples of [bold]{len(made.classes)}[/] classes, "
        f"{len(made.history)} epochs in {made.seconds:,.0f} s"
    )
    if made.evaluation is not None:
        console.print(_scores({made.evaluation.method: made.evaluation}))
    for note in made.notes:
        console.print(f"Note: {escape(note)}")
    console.print(
        f"Saved to [bold]{escape(out)}[/]. Next: topwork train DATA --backbone {escape(out)}"
    )


def show_evaluation(evaluation: Evaluation) -> None:
    """Print scores, the table of classes, and the confusion matrix where it fits."""
    console = results()
    console.print(_scores({evaluation.method: evaluation}))
    table = Table("class", title="By class", title_justify="left")
    for name in ("examples", "recall", "precision", "F1", "AUROC"):
        table.add_column(name, justify="right")
    for one in evaluation.per_class:
        table.add_row(
            escape(one.label),
            str(one.num_examples),
            with_interval(one.recall),
            with_interval(one.precision),
            f"{one.f1:.3f}",
            with_interval(one.auroc),
        )
    console.print(table)
    if len(evaluation.classes) <= MAX_NAMED:
        console.print(_confusion(evaluation))
    else:
        console.print("The confusion matrix is in the output of --json.", style="dim")


def show_backbones(rows: Sequence[Row]) -> None:
    """Print a table of backbones for each kind of input."""
    console = results()
    for modality in dict.fromkeys(row.modality for row in rows):
        table = Table(title=f"For {modality}s", title_justify="left")
        table.add_column("name", no_wrap=True)
        for title in ("licence", "trained on", "examples", "note"):
            table.add_column(
                title, justify="right" if title == "examples" else "left", overflow="fold"
            )
        for row in rows:
            if row.modality == modality:
                count = row.card.num_pretraining_examples
                table.add_row(
                    row.name,
                    row.card.licence,
                    row.card.pretrained_on,
                    "?" if count is None else f"{count:,}",
                    row.note,
                )
        console.print(table)


def show_skipped(data: DataCounts) -> None:
    """Name what was passed over, on standard error."""
    if data.num_duplicates:
        say(f"{data.num_duplicates} inputs repeat another's content; each content counts once.")
    if data.ignored:
        kinds = ", ".join(f"{count} {reason}" for reason, count in sorted(data.ignored.items()))
        say(f"Passed over: {kinds}.")
    name_skipped(data.skipped)


def name_skipped(skipped: Sequence[Skipped]) -> None:
    """Name inputs that were not used, and why, on standard error."""
    if not skipped:
        return
    say(f"{len(skipped)} inputs were not used:", style="yellow")
    for one in skipped[:MAX_NAMED]:
        say(f"  {one.name}: {one.reason}")
    if len(skipped) > MAX_NAMED:
        say(f"  ... and {len(skipped) - MAX_NAMED} more (all of them: --json)")


def _scores(columns: dict[str, Evaluation]) -> Table:
    table = Table("", title="Scores, with 95% intervals", title_justify="left")
    for method in columns:
        table.add_column(escape(method), justify="right")
    many = any(len(one.classes) > 2 for one in columns.values())
    rows = {
        "accuracy": "accuracy",
        "balanced accuracy": "balanced_accuracy",
        "macro F1": "macro_f1",
        "AUROC, mean of each against the rest" if many else "AUROC": "auroc",
        "log loss": "log_loss",
        "calibration error": "calibration_error",
        "baseline: commonest class": "baseline",
    }
    for title, name in rows.items():
        style = "bold" if name == "accuracy" else None
        scores = [with_interval(getattr(evaluation, name)) for evaluation in columns.values()]
        table.add_row(title, *scores, style=style)
    found = [evaluation.binary for evaluation in columns.values()]
    positive = next((one.positive for one in found if one is not None), None)
    if positive is not None:
        table.add_section()
        for name in ("sensitivity", "specificity", "average_precision"):
            scores = [with_interval(one and getattr(one, name)) for one in found]
            table.add_row(f"{name.replace('_', ' ')} ({escape(positive)})", *scores)
    return table


def describe_positive(evaluation: Evaluation, option: str) -> str | None:
    """Return which of two classes is the positive one, and how to have the other; None of more."""
    if evaluation.positive is None:
        return None
    other = next(name for name in evaluation.classes if name != evaluation.positive)
    return f"The positive class is {evaluation.positive!r}; for the other: {option} {other!r}."


def _confusion(evaluation: Evaluation) -> Table:
    table = Table("true \\ answer", title="Confusion", title_justify="left")
    for name in evaluation.classes:
        table.add_column(escape(name), justify="right")
    for i, row in enumerate(evaluation.confusion):
        cells = [
            Text("." if not value else f"{value:g}", style="bold" if i == j else "")
            for j, value in enumerate(row)
        ]
        table.add_row(escape(evaluation.classes[i]), *cells)
    return table
