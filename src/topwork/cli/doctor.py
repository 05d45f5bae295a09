"""The command `topwork doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from topwork.cli.options import Shared, shares

if TYPE_CHECKING:
    from topwork.cli.checkup import Check

STYLES = {"well": "green", "wrong": "bold red", "absent": "dim"}


@shares("as_json")
def doctor(*, shared: Shared) -> None:
    """Say what is installed, which device is used, where things lie, and whether all works."""
    import logging

    from topwork.cli import console
    from topwork.cli.checkup import check_up

    findings: list[Check] = []
    with console.following(quiet=True):
        logging.disable(logging.WARNING)
        try:
            findings += check_up()
        finally:
            logging.disable(logging.NOTSET)
    wrong = [one.about for one in findings if one.state == "wrong"]
    if shared.as_json:
        console.print_json({"well": not wrong, "findings": [one.to_dict() for one in findings]})
    else:
        _show(findings, wrong)
    if wrong:
        raise typer.Exit(1)


def _show(findings: list[Check], wrong: list[str]) -> None:
    from rich.table import Table

    from topwork.cli.console import results
    from topwork.cli.markup import escape

    console = results()
    table = Table("", "what", "found", "to do")
    table.columns[1].no_wrap = True
    table.columns[2].overflow = table.columns[3].overflow = "fold"
    for one in findings:
        table.add_row(
            one.state,
            escape(one.about),
            escape(one.found),
            escape(one.advice or ""),
            style=STYLES[one.state],
        )
    console.print(table)
    if wrong:
        console.print(f"Wrong: {escape(', '.join(wrong))}.", style="bold red")
    else:
        console.print("All is well.")
