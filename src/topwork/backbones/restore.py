"""Brings back a backbone from what a model folder says of it, with the weights that lie there.

What it does not know: the rest of the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from topwork.backbones.bare import build_bare
from topwork.backbones.base import Backbone, Card, Network, Precision
from topwork.backbones.named import get_backbone
from topwork.backbones.weights import load_tensors
from topwork.digests import digest_file
from topwork.errors import WeightsError
from topwork.examples.windows import Input


def describe_backbone(backbone: Backbone) -> dict[str, Any]:
    """Return all of it but its weights, as plain data."""
    return {
        "name": backbone.name,
        "digest": backbone.digest,
        "architecture": None if backbone.architecture is None else dict(backbone.architecture),
        "precision": backbone.precision,
        "input": backbone.input.settings(),
        "card": asdict(backbone.card),
    }


def card_from(data: Mapping[str, Any]) -> Card:
    """Read a card back. Raises TypeError on other data."""
    return Card(**data)


def restore_backbone(
    *,
    name: str,
    digest: str,
    input: Input,
    card: Card,
    architecture: Mapping[str, Any] | None,
    precision: Precision = "f32",
    weights: Path | None,
    weights_digest: str | None = None,
) -> Backbone:
    """Return a backbone that is built from `weights`, or found by its name where that is None.

    The file is checked against `weights_digest` when it is used, and not before: a CPU needs the
    compiled form alone.
    """

    def build() -> Network:
        if weights is None:
            return _by_name(name, digest)
        if architecture is None:
            raise WeightsError(
                f"The backbone {name!r} is a module of somebody's own: only its compiled form can "
                "be run, on a CPU. Say --device cpu."
            )
        if weights_digest is not None and digest_file(weights) != weights_digest:
            raise WeightsError(
                f"The weights in {str(weights)!r} are damaged or were changed: their digest is not "
                "the one that was written with them. Copy the file again from where it was made."
            )
        return _rebuilt(architecture, input, weights)

    return Backbone(
        name=name,
        digest=digest,
        input=input,
        card=card,
        architecture=architecture,
        precision=precision,
        build=build,
    )


def _by_name(name: str, digest: str) -> Network:
    backbone = get_backbone(name)
    if backbone.digest != digest:
        raise WeightsError(
            f"The backbone {name!r} that is here (digest {backbone.digest[:12]}...) is not the one "
            f"that the model was trained on ({digest[:12]}...). Train the model again, or save it "
            "with its weights where it was made."
        )
    return backbone.build()


def _rebuilt(architecture: Mapping[str, Any], input: Input, weights: Path) -> Network:
    network = build_bare(architecture, input)
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
