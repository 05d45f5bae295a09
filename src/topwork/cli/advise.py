"""The command `topwork advise`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.options import Backbone, Data, Shared, shares

if TYPE_CHECKING:
    from rich.table import Table

    from topwork.evaluation.intervals import Estimate
    from topwork.evidence.transfer.advice import Advice
    from topwork.evidence.transfer.backbone_comparison import BackboneComparison
    from topwork.evidence.transfer.layer_probe import LayerProbe
    from topwork.evidence.transfer.verdict import Verdict

ANSWERS = {True: "yes", False: "no", None: "in part, or not known"}


@shares(
    *("input_column", "label_column", "group_column", "time_columns", "groups", "device"),
    *("as_json", "quiet"),
)
def advise(
    data: Data,
    backbone: Backbone = None,
    backbones: Annotated[
        str | None, typer.Option(help="Several to compare, with commas between: a,b,c.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="For training from scratch: 90s, 3m (the default), 1h.")
    ] = None,
    control: Annotated[
        bool, typer.Option("--control/--no-control", help="Train the network from scratch too.")
    ] = True,
    *,
    shared: Shared,
) -> None:
    """Say whether transfer makes sense on labelled examples, from which backbone, and how deep."""
    from topwork.cli import console
    from topwork.evidence.transfer.advice import advise as run

    with console.following(quiet=shared.silent):
        advice = run(
            data,
            groups=shared.groups,
            backbone=backbone,
            backbones=[name.strip() for name in (backbones or "").split(",") if name.strip()],
            time_limit=time_limit,
            control=control,
            device=shared.device,
            input_column=shared.input_column,
            label_column=shared.label_column,
            group_column=shared.group_column,
            time_columns=shared.time_columns,
        )
    if shared.as_json:
        console.print_json(advice.to_dict())
        return
    show_advice(advice)


def show_advice(advice: Advice) -> None:
    """Print the verdict, and a table for each question."""
    from topwork.cli.console import results
    from topwork.cli.markup import escape

    console = results()
    console.print(f"[bold]{escape(advice.verdict.message)}[/]")
    console.print(
        f"{advice.num_examples:,} examples of {advice.num_classes} classes, on "
        f"{escape(advice.backbone)} (trained on {escape(advice.pretrained_on)}).",
        style="dim",
    )
    console.print(_without(advice))
    for note in advice.verdict.notes:
        console.print(escape(note), style="dim")
    console.print(_conditions(advice.verdict))
    if advice.backbone_comparison is not None:
        console.print(_rivals(advice.backbone_comparison))
        console.print(escape(advice.backbone_comparison.message))
    console.print(_depth(advice.depth))
    console.print(escape(advice.depth.sentence))
    if advice.curve is not None:
        console.print(f"[bold]More examples?[/] {escape(advice.curve.sentence)}")
    for note in advice.notes:
        console.print(f"Note: {escape(note)}")
    console.print(f"{advice.seconds:,.0f} s in all.", style="dim")


def _without(advice: Advice) -> Table:
    from rich.table import Table

    from topwork.cli.markup import escape

    verdict = advice.verdict
    table = Table("", title="Transfer, and doing without it", title_justify="left")
    for name in ("accuracy (95% interval)", "left out", "seconds"):
        table.add_column(name, justify="right")
    own = verdict.transferred
    name = f"transfer: a new head on {escape(advice.backbone)}"
    table.add_row(name, _scored(own), f"{verdict.num_examples:,}", "", style="bold")
    for one in verdict.without:
        style = "bold" if one.name == verdict.control_name else None
        table.add_row(escape(one.name), _scored(one.accuracy), f"{one.num_examples:,}",
                      f"{one.seconds:,.0f}", style=style)  # fmt: skip
    return table


def _conditions(verdict: Verdict) -> Table:
    from rich.table import Table

    from topwork.cli.markup import escape

    table = Table("question", "answer", title="What speaks for transfer", title_justify="left")
    table.add_column("because", overflow="fold")
    for one in verdict.conditions:
        table.add_row(escape(one.question), ANSWERS[one.answer], escape(one.because))
    return table


def _rivals(backbone_comparison: BackboneComparison) -> Table:
    from rich.table import Table

    from topwork.cli.markup import escape

    title = f"Which backbone? On the same {backbone_comparison.num_examples:,} examples left out"
    table = Table("backbone", title=title, title_justify="left")
    for name in ("accuracy", "behind by, points", "ms/example", "parameters", "MB"):
        table.add_column(name, justify="right")
    for one in backbone_comparison.backbones:
        name = escape(one.name)
        if one.accuracy is None:
            table.add_row(name, "failed", style="dim")
            continue
        behind = ""
        if one.behind is not None:
            low, high = 100 * one.behind.low, 100 * one.behind.high
            behind = f"{100 * one.behind.value:.1f} ({low:+.1f} to {high:+.1f})"
        table.add_row(
            name,
            _scored(one.accuracy),
            behind,
            f"{one.ms_per_example:.1f}",
            f"{one.num_parameters:,}",
            f"{one.megabytes:,.1f}",
        )
    failed = [
        f"{escape(one.name)}: {escape(one.error)}"
        for one in backbone_comparison.backbones
        if one.error
    ]
    if failed:
        table.caption, table.caption_justify = "\n".join(failed), "left"
    return table


def _depth(depth: LayerProbe) -> Table:
    from rich.table import Table

    from topwork.cli.markup import escape

    on = f"{depth.num_examples:,} examples"
    if depth.num_examples < depth.num_all:
        on = f"{on} drawn from {depth.num_all:,}"
    table = Table("block", title=f"How deep? A probe on each block; {on}", title_justify="left")
    for name in ("pre-trained", "random weights"):
        table.add_column(name, justify="right")
    if depth.raw is not None:
        table.add_row(f"none: {escape(depth.raw_name)}", _scored(depth.raw), "", end_section=True)
    best = depth.best.block
    for one in depth.blocks:
        table.add_row(
            escape(one.block),
            _scored(one.pretrained),
            "" if one.random is None else _scored(one.random),
            style="bold" if one.block == best else None,
        )
    return table


def _scored(score: Estimate) -> str:
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"
