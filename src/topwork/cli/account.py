"""Printed account of what a model is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from topwork.cli.markup import escape
from topwork.evaluation.ood_scores import OODScores
from topwork.model.model import Model
from topwork.training.selection import Candidate


def show_account(console: Console, model: Model) -> None:
    """Print what was tried where there was a choice, and what the model is made of."""
    selection = model.selection
    if len(selection.candidates) > 1:
        console.print(_candidates(selection.candidates, selection.strategy))
    if selection.reason:
        console.print(escape(selection.reason))
    if selection.trained:
        console.print(escape(selection.trained), style="dim")
    else:
        _show_head(console, model)
    if model.ood is not None:
        console.print(escape(describe_ood(model.ood)))


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
    console.print(
        f"Head: {head.form}, on {len(head.blocks)} of {len(model.blocks)} blocks "
        f"({escape(head.blocks[0])} to {escape(head.blocks[-1])}), pools "
        f"{', '.join(head.pools)}; chosen by cross-validation inside the training data.",
        style="dim",
    )


def _candidates(rows: Sequence[Candidate], strategy: str) -> Table:
    table = Table("trained", title="What was tried", title_justify="left")
    for name in ("left out", "accuracy", "gain ± standard error", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("verdict", overflow="fold")
    for row in rows:
        accuracy, gain = "", ""
        if row.num_examples:
            one = row.accuracy
            accuracy = f"{one.value:.3f}  ({one.low:.3f} to {one.high:.3f})"
        if row.gain is not None and row.gain_error is not None:
            gain = f"{100 * row.gain:+.1f} ± {100 * row.gain_error:.1f} points"
        verdict = row.verdict or ("taken" if row.strategy == strategy else "")
        table.add_row(
            escape(row.strategy),
            f"{row.num_examples:,}" if row.num_examples else "",
            accuracy,
            gain,
            f"{row.seconds:,.0f}",
            escape(verdict),
            style="bold" if row.strategy == strategy else None,
        )
    return table
