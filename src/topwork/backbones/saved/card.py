"""Model card of a pre-trained backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topwork.backbones.base import Backbone


def model_card(backbone: Backbone, report: Mapping[str, Any], folder: str) -> str:
    """Return a short model card in Markdown.

    Args:
        report: plain data; a mapping with `value`, `low` and `high` is shown as a score with its
            interval.
        folder: what a user who stands beside it calls it.
    """
    card, architecture = backbone.card, backbone.architecture or {}
    config = architecture.get("config")
    network = architecture.get("model") or (config or {}).get("model_type")
    rows = {
        "network": f"{network} ({architecture.get('library')}), for {backbone.modality}s",
        "pre-trained on": card.pretrained_on,
        "examples": _figure(card.num_pretraining_examples),
        "source": card.source,
        "licence of the weights": card.licence,
        **{
            key.removeprefix("num_").replace("_", " "): _figure(value)
            for key, value in report.items()
        },
    }
    made = "pre-trained" if report else "packed"
    table = "\n".join(f"| {key} | {_cell(value)} |" for key, value in rows.items())
    return f"""# {backbone.name}

A backbone, {made} with Topwork.

| | |
|---|---|
{table}

To train a model of your own on it:

    topwork train DATA --backbone {folder}

What the pre-training was worth, the same network with random weights shows:

    topwork train DATA --backbone "{folder}?pretrained=false"

Digest of weights, architecture and input: `{backbone.digest}`
"""


def _figure(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool) or not isinstance(value, int | float | Mapping | list):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(_figure(one) for one in value)
    if {"value", "low", "high"} <= set(value):
        interval = f"{_figure(value['low'])} to {_figure(value['high'])}"
        name = f"{value['name']} " if value.get("name") else ""
        return f"{name}{_figure(value['value'])} (95% interval {interval})"
    return ", ".join(f"{key}: {_figure(one)}" for key, one in value.items())


def _cell(text: str) -> str:
    """What a user wrote, on one line that ends no cell."""
    return " ".join(text.split()).replace("|", "\\|")
