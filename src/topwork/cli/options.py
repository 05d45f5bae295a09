"""The options that several commands share, each worded once.

What it does not know: what a command does with them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from topwork.errors import SettingError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps, openvino or torch.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first unreadable input.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in OUT.")]
InputColumn = Annotated[str | None, typer.Option(help="A table's column of files or texts.")]
LabelColumn = Annotated[str | None, typer.Option(help="A table's column of labels.")]


def parse_share(text: str, option: str) -> float:
    """Read a share such as `5%` or `0.05`. Raises SettingError on anything else."""
    number = text.strip()
    try:
        return float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError as error:
        raise SettingError(
            f"{option} is {text!r}; accepted: a share such as 5% or 0.05."
        ) from error
