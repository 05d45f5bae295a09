"""Printed account of what a model is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from topwork.cli.markup import escape
from topwork.evaluation.intervals import Estimate
from topwork.evaluation.metrics import Evaluation
from topwork.evaluation.ood_scores import OODScores
from topwork.model.model import Model
from topwork.training.selection import Selection

BEFORE = "the best\nbefore"

MAX_CLASSES, MAX_PAIRS = 10, 3
"""That are named, the worst first."""


def show_account(console: Console, model: Model) -> None:
    """Print what was tried where there was a choice, and what the model is made of."""
    selection = model.selection
    if len(selection.candidates) > 1:
        console.print(_candidates(selection))
    if selection.reason:
        console.print(escape(selection.reason))
    if selection.trained:
        console.print(escape(selection.trained), style="dim")
    else:
        _show_head(console, model)
    if model.ood is not None:
        console.print(escape(describe_ood(model.ood)))


def show_classes(console: Console, evaluation: Evaluation) -> None:
    """Print how much of each class is found, the worst first, and what is confused most often."""
    found = [one for one in evaluation.per_class if one.num_examples]
    found.sort(key=lambda one: (one.recall.value, -one.num_examples))
    table = Table("class", title="Found of each class, the worst first", title_justify="left")
    table.add_column("of its examples", justify="right")
    table.add_column("recall", justify="right")
    for one in found[:MAX_CLASSES]:
        table.add_row(escape(one.label), f"{one.num_examples:,}", with_interval(one.recall))
    console.print(table)
    if len(found) > MAX_CLASSES:
        console.print(f"... and {len(found) - MAX_CLASSES} more (all of them: --json)", style="dim")
    if pairs := confused(evaluation):
        named = "; ".join(
            f"{true!r} taken for {answer!r} ({count:.3g} of {of:,})"
            for true, answer, count, of in pairs
        )
        console.print(escape(f"Most often confused: {named}."))


def confused(evaluation: Evaluation) -> list[tuple[str, str, float, int]]:
    """Return the classes that are most often taken for another: class, answer, how often, of all.

    With repeated cross-validation it is the mean of the repeats; less than one example is none.
    """
    pairs = [
        (one.label, evaluation.classes[k], count, one.num_examples)
        for i, (one, row) in enumerate(zip(evaluation.per_class, evaluation.confusion, strict=True))
        for k, count in enumerate(row)
        if k != i and count >= 1
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:MAX_PAIRS]


def describe_ood(scores: OODScores) -> str:
    """Return in a sentence what comes of rejecting inputs that belong to no class."""
    got = scores.false_accept
    return (
        f"Inputs of no class: where --reject {scores.rate:.0%} says `unknown`, "
        f"{got.value:.0%} ({got.low:.0%} to {got.high:.0%}) of them would still be given a class "
        f"(AUROC {scores.auroc:.3f}; measured: {scores.method})."
    )


def _show_head(console: Console, model: Model) -> None:
    head = model.head
    kept = dict.fromkeys(segment.pool for segment in head.segments)
    width = sum(segment.size for segment in head.segments)
    console.print(
        f"Features: {', '.join(kept)} of {len(model.blocks)} blocks, {width:,} numbers each.",
        style="dim",
    )
    if not model.data.num_train:
        console.print("Head: the cosine with what each class is called.", style="dim")
        return
    console.print(
        f"Head: {head.form}, on {len(head.blocks)} of {len(model.blocks)} blocks "
        f"({escape(head.span)}), pools {', '.join(head.pools)}; chosen by cross-validation inside "
        "the training data.",
        style="dim",
    )


def _candidates(selection: Selection) -> Table:
    title = "What was tried, each beside the best before it on the same examples"
    table = Table("trained", title=title, title_justify="left")
    for name in ("left out", "accuracy", BEFORE, "gain ± standard error", "seconds"):
        table.add_column(name, justify="right", no_wrap=name != BEFORE)
    table.add_column("verdict", overflow="fold")
    for place, row in enumerate(selection.candidates):
        accuracy, before, gain = "", "", ""
        if row.num_examples:
            accuracy = with_interval(row.accuracy)
        if row.incumbent is not None:
            before = f"{row.incumbent.value:.3f}"
        if row.gain is not None and row.gain_error is not None:
            gain = f"{100 * row.gain:+.1f} ± {100 * row.gain_error:.1f} points"
        verdict = row.verdict or ("taken" if place == selection.taken else "")
        table.add_row(
            escape(row.strategy),
            f"{row.num_examples:,}" if row.num_examples else "",
            accuracy,
            before,
            gain,
            f"{row.seconds:,.0f}",
            escape(verdict),
            style="bold" if place == selection.taken else None,
        )
    return table


def with_interval(score: Estimate | None) -> str:
    """Return a score as the tables of the command line have it."""
    if score is None:
        return "not measured"
    return f"{score.value:.3f}  ({score.low:.3f} to {score.high:.3f})"
