"""The command `topwork demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.options import Shared, shares
from topwork.errors import SettingError

if TYPE_CHECKING:
    from topwork.examples.example import Modality


@shares("as_json", "quiet")
def demo(
    out: Annotated[Path, typer.Option(help="The folder to write the data to.")] = Path("demo"),
    sound: Annotated[bool, typer.Option("--sound", help="Vowels, made here.")] = False,
    text: Annotated[bool, typer.Option("--text", help="Sentences that come with scipy.")] = False,
    *,
    shared: Shared,
) -> None:
    """Learn handwritten digits (or vowels, or sentences) from few and many examples."""
    from topwork.cli import console
    from topwork.cli.demos import run_demo, show_demo, show_first

    if sound and text:
        raise SettingError("--sound and --text were both given; accepted: one of them.")
    modality: Modality = "sound" if sound else "text" if text else "image"
    coming = run_demo(out, modality)
    with console.following(quiet=shared.silent):
        rows = [next(coming)]
    if not shared.as_json:
        show_first(rows[0], modality)
    with console.following(quiet=shared.silent):
        rows += coming
    if shared.as_json:
        console.print_json([row.to_dict() for row in rows])
    else:
        show_demo(rows, modality)
