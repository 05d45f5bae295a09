"""Backbones as plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from topwork.backbones.architecture import build_blank
from topwork.backbones.base import Backbone, Card, Network
from topwork.backbones.weights import load_tensors
from topwork.core.digests import digest_file
from topwork.errors import WeightsError
from topwork.examples.windows import Input


def describe_backbone(backbone: Backbone) -> dict[str, Any]:
    """Return all of it but its weights, as plain data; of several networks, all of each."""
    networks = {"networks": [describe_backbone(one) for one in backbone.parts]}
    return {
        "name": backbone.name,
        "digest": backbone.digest,
        "architecture": None if backbone.architecture is None else dict(backbone.architecture),
        "precision": backbone.precision,
        "input": backbone.input.settings(),
        "card": asdict(backbone.card),
        **(networks if backbone.parts else {}),
    }


def card_from(data: Mapping[str, Any]) -> Card:
    """Read a card back. Raises TypeError on other data."""
    return Card(**data)


def rebuild(
    architecture: Mapping[str, Any], input: Input, weights: Path, weights_digest: str | None = None
) -> Network:
    """Build a network with the weights of a file, which is checked against the digest first.

    Raises:
        WeightsError: the file is damaged, or holds another network's weights.
        BackboneError: the architecture is not known.
    """
    check_weights(weights, weights_digest)
    network = build_blank(architecture, input)
    try:
        network.module.load_state_dict(load_tensors(weights))
    except RuntimeError as error:
        model = architecture.get("model") or architecture["config"].get("model_type")
        raise WeightsError(
            f"The weights in {str(weights)!r} do not fit {model!r} of this version of "
            f"{architecture['library']}: {str(error).splitlines()[0]}. Run the compiled form "
            "instead: --device cpu."
        ) from error
    return network


def check_weights(weights: Path, weights_digest: str | None) -> None:
    """Raise WeightsError where a file is not the one that has this digest."""
    if weights_digest is not None and digest_file(weights) != weights_digest:
        raise WeightsError(
            f"The weights in {str(weights)!r} are damaged or were changed: their digest is not "
            "the one that was written with them. Copy the file again from where it was made."
        )
