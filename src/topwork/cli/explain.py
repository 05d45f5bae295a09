"""The command `topwork explain`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topwork.cli.inputs import inputs_of
from topwork.cli.options import ModelFolder, Shared, shares
from topwork.errors import ExampleError, SettingError

if TYPE_CHECKING:
    from rich.text import Text

    from topwork.evidence.attribution.explain import Explanation
    from topwork.examples.example import Example
    from topwork.model.model import Model

NUM_NAMED = 3
"""Parts that are named, of those that spoke for the class and of those against it."""

MAX_NAME = 60
"""Letters of an input's name that go into its file's."""


@shares("input_column", "device", "overwrite", "as_json", "quiet")
def explain(
    model: ModelFolder,
    inputs: Annotated[list[str], typer.Argument(help="Files, folders or tables of them; texts.")],
    out: Annotated[Path, typer.Option(help="The folder for pictures, or of texts pages.")] = Path(
        "explained"
    ),
    label: Annotated[
        str | None, typer.Option(help="The class to ask about; by default the one it names.")
    ] = None,
    *,
    shared: Shared,
) -> None:
    """Show what spoke for an answer: places of a picture, moments of a sound, words of a text.

    Each part is hidden in turn; what the answer loses is its weight, in log-odds.
    """
    from topwork.cli import console
    from topwork.evidence.attribution.explain import check_explainable, explain_example
    from topwork.model.model import load

    failed: list[tuple[str, str]] = []
    found: list[tuple[Explanation, Path]] = []
    with console.following(quiet=shared.silent):
        loaded = load(model, device=shared.device)
        check_explainable(loaded)
        examples = inputs_of(loaded, inputs, shared.input_column, command="explain")
        paths = _paths(loaded, examples, out, overwrite=shared.overwrite)
        for example, path in zip(examples, paths, strict=True):
            try:
                one = explain_example(loaded, example, label)
            except ExampleError as error:
                failed.append((example.name, str(error)))
                continue
            found.append((one, one.save(path)))
    if shared.as_json:
        console.print_json([{**one.to_dict(), "file": str(path)} for one, path in found])
    else:
        for one, path in found:
            _show(one, path)
    for name, reason in failed:
        console.say(f"{name} cannot be explained: {reason}")
    if failed and not found:
        raise typer.Exit(ExampleError.exit_code)


def _paths(model: Model, examples: Sequence[Example], out: Path, *, overwrite: bool) -> list[Path]:
    """Return a file for each example. Raises SettingError where one is there, before any work."""
    from topwork.evidence.attribution.explain import suffix_for

    suffix = suffix_for(model.backbone.modality)
    taken: set[str] = set()
    paths = []
    for example in examples:
        stem = re.sub(r"[^\w-]+", "_", Path(example.name).stem).strip("_")[:MAX_NAME] or "input"
        name, number = stem, 1
        while name.lower() in taken:  # some disks tell no capitals
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        paths.append(out / f"{name}{suffix}")
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise SettingError(
            f"There is a file {str(there[0])!r} already. Give another folder (--out), or say "
            "--overwrite to replace it."
        )
    return paths


def _show(one: Explanation, path: Path) -> None:
    """Print a text with its words coloured, or the strongest parts by name."""
    from topwork.cli.console import results
    from topwork.cli.markup import escape

    console = results()
    said = f"{escape(one.label)} ({one.probability:.3f}), {escape(str(path))}"
    console.print(f"[bold]{escape(one.name)}[/]: {said}")
    if one.modality == "text":
        console.print(_coloured(one))
    for title, sign in (("for it", 1), ("against it", -1)):
        own = sorted((p for p in one.parts if sign * p.weight > 0), key=lambda p: -sign * p.weight)
        if own:
            parts = "; ".join(f"{escape(p.what)} {p.weight:+.2f}" for p in own[:NUM_NAMED])
            console.print(f"  {title}: {parts}", highlight=False)


def _coloured(one: Explanation) -> Text:
    """Return the words before orange or blue, the strongest before the fullest."""
    from rich.text import Text

    from topwork.core.printable import printable
    from topwork.evidence.attribution.image_grid import AGAINST, FOR

    top = max((abs(part.weight) for part in one.parts), default=0.0) or 1.0
    text = Text()
    for part in one.parts:
        share = min(abs(part.weight) / top, 1.0)
        colour = FOR if part.weight > 0 else AGAINST
        mixed = (round(255 + (value - 255) * share) for value in colour)
        text.append(printable(part.what), style=f"black on rgb({','.join(map(str, mixed))})")
        text.append(" ")
    return text
