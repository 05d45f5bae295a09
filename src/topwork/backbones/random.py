"""Networks with random weights.

The one place that makes them: `?pretrained=false`, the scratch baseline and pre-training ask here,
so that the same architecture, input and seed have the same weights under the same digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from topwork.backbones.architecture import build_bare
from topwork.backbones.base import RANDOM, Backbone, Card, Network, Precision
from topwork.backbones.catalog import random_card
from topwork.backbones.graphs.find import RANDOM_VERSION, find_drawing, find_graph
from topwork.backbones.joined import join_backbones
from topwork.backbones.spec import Spec
from topwork.backbones.timm.families import backbone_digest
from topwork.backbones.timm.timm_metadata import package_versions
from topwork.errors import SettingError
from topwork.examples.windows import Input

PACKAGES = {"timm": "timm", "transformers": "transformers", "topwork": "torch"}
"""By an architecture's library: whose version may change the weights of a seed."""


def random_backbone(
    architecture: Mapping[str, Any],
    input: Input,
    *,
    name: str,
    source: str,
    seed: int = 0,
    precision: Precision = "f32",
) -> Backbone:
    """Return a backbone whose weights depend on its architecture and `seed` alone.

    Args:
        architecture: as `build_bare` takes it.
        source: what the architecture is that of, for the card.
    """
    drawing = find_drawing(architecture)
    return Backbone(
        name=name,
        digest=backbone_digest(
            input,
            architecture=dict(architecture),
            seed=seed,
            versions=_versions(architecture),
        ),
        input=input,
        card=random_card(source, seed),
        architecture=architecture,
        precision=precision,
        build=lambda: build_bare(architecture, input, seed),
        graph=None
        if drawing is None
        else find_graph(architecture, input, partial(drawing.random, seed)),
    )


def _versions(architecture: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of what makes the weights of a seed."""
    if find_drawing(architecture) is not None:
        return {"topwork": str(RANDOM_VERSION)}
    return package_versions(PACKAGES.get(str(architecture.get("library")), "torch"))


def random_by_name(
    spec: Spec,
    input: Input,
    architecture: Mapping[str, Any],
    *,
    source: str | None = None,
    precision: Precision = "f32",
) -> Backbone:
    """Return the network of random weights that a name stands for.

    Args:
        source: what the architecture is that of, for the card; None: what the name begins with.
        precision: where the name does not say.
    """
    return random_backbone(
        architecture,
        input,
        name=str(spec),
        source=source or spec.base,
        seed=spec.seed,
        precision=spec.precision or precision,
    )


def named_backbone(
    spec: Spec,
    input: Input,
    architecture: Mapping[str, Any],
    *,
    card: Card,
    weights: Any,
    build: Callable[[], Network],
    precision: Precision = "f32",
) -> Backbone:
    """Return the backbone that a name stands for; one of random weights where it has no others.

    Args:
        weights: digests of the weights; None for random ones.
        build: makes the network with these weights.
        precision: where the name does not say.
    """
    if weights is None:
        return random_by_name(spec, input, architecture, precision=precision)
    return Backbone(
        name=str(spec),
        digest=backbone_digest(input, architecture=dict(architecture), weights=weights),
        input=input,
        card=card,
        architecture=architecture,
        precision=spec.precision or precision,
        build=build,
    )


def with_random_weights(backbone: Backbone, seed: int) -> Backbone:
    """Return the same network with random weights; of several, each.

    Raises SettingError for a module of the user's own, which cannot be built anew.
    """
    if backbone.parts:
        return join_backbones([with_random_weights(one, seed) for one in backbone.parts])
    if backbone.architecture is None:
        raise SettingError(
            f"The backbone {backbone.name!r} is a module of your own, and cannot be built anew "
            "with random weights. Give one that was not trained, and train all of it: --train all."
        )
    made = random_backbone(
        backbone.architecture,
        backbone.input,
        name=backbone.name.removesuffix(RANDOM) + RANDOM,
        source=backbone.name,
        seed=seed,
        precision=backbone.precision,
    )
    return backbone if made.digest == backbone.digest else made
