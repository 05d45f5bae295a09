"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps, openvino or torch.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first unreadable input.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in OUT.")]
InputColumn = Annotated[str | None, typer.Option(help="A table's column of files or texts.")]
LabelColumn = Annotated[str | None, typer.Option(help="A table's column of labels.")]
GroupColumn = Annotated[
    str | None, typer.Option(help="A table's column of groups that are never split.")
]
ModelFolder = Annotated[Path, typer.Argument(help="A folder that `topwork train` wrote.")]
