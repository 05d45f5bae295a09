"""The command `topwork backbones`."""

from __future__ import annotations

from topwork.cli.options import Shared, shares


@shares("as_json")
def backbones(*, shared: Shared) -> None:
    """List what can be transferred from, its licence, and what it was trained on."""
    from dataclasses import asdict

    from topwork.backbones.catalog import list_backbones
    from topwork.cli import console

    rows = list_backbones()
    if shared.as_json:
        console.print_json([asdict(row) for row in rows])
        return
    console.show_backbones(rows)
    print(
        "Any other timm model: timm/<model>.<tag>; any transformers network for sounds or texts: "
        "<organisation>/<model>. With random weights: <name>?pretrained=false. Other options: "
        "?size=160, ?resize=squash; ?max_tokens=128."
    )
