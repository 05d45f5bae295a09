"""The command `topwork threshold`."""

from __future__ import annotations

from typing import Annotated

import typer

from topwork.cli.options import ModelFolder, Shared, shares
from topwork.core.units import parse_share
from topwork.errors import SettingError


@shares("as_json")
def threshold(
    model: ModelFolder,
    sensitivity: Annotated[
        str | None,
        typer.Option(help="Choose it to find this share of the positive examples: 95%."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The threshold itself, a probability: 0.3 or 30%.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="The class that is looked for; the rarer at first.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Name the more probable class again.")
    ] = False,
    *,
    shared: Shared,
) -> None:
    """Keep in a model of two classes from which probability on one of them is named.

    It is chosen on answers to examples that were left out of the training.
    """
    from topwork.cli import console
    from topwork.cli.markup import escape
    from topwork.model.archive import read_model
    from topwork.model.thresholds import decided, keep_decision, without_threshold

    given = {"--sensitivity": sensitivity, "--at": at, "--remove": remove or None}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise SettingError(f"{' and '.join(named)} were given; accepted: one of them.")
    parts = read_model(model)
    changes = bool(named) or positive is not None
    if changes or parts.positive is None:
        parts = decided(
            parts,
            None if at is None else parse_share(at, "--at"),
            sensitivity=None if sensitivity is None else parse_share(sensitivity, "--sensitivity"),
            positive=positive,
        )
    if changes:
        keep_decision(model, parts)
    decision = parts.decision or without_threshold(parts, parts.positive or "")
    if shared.as_json:
        console.print_json({"model": str(model), "changed": changes, **decision.to_dict()})
        return
    out = console.results()
    out.print(escape(decision.message))
    if decision.threshold is None:
        out.print("The more probable of the two classes is named: there is no threshold.")
    if changes:
        out.print(f"Kept in {escape(str(model))}: predict and evaluate go by it.")
