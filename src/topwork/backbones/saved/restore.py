"""Backbones of model folders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from topwork.backbones.base import Backbone, Network, Precision
from topwork.backbones.graphs.find import Arrays, find_graph
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.rebuild import card_from, check_weights, rebuild
from topwork.backbones.weights import load_arrays
from topwork.errors import WeightsError
from topwork.examples.windows import Input


def restore_backbone(
    record: Mapping[str, Any],
    *,
    input: Input,
    weights: Path | None,
    weights_digest: str | None = None,
) -> Backbone:
    """Return a backbone that is built from `weights`, or found by its name where that is None.

    The file is checked against `weights_digest` when it is used, and not before: a CPU needs the
    compiled form alone.

    Args:
        record: what `describe_backbone` gave.

    Raises KeyError or TypeError on another record.
    """
    name, digest, architecture = record["name"], record["digest"], record["architecture"]
    precision = record["precision"]
    if not isinstance(name, str) or not isinstance(digest, str):
        raise TypeError(f"the backbone's name and digest are {name!r} and {digest!r}")
    if not isinstance(architecture, Mapping | None):
        raise TypeError(f"the backbone's architecture is {architecture!r}")
    if precision not in get_args(Precision):
        raise ValueError(
            f"the precision is {precision!r}; accepted: {', '.join(get_args(Precision))}"
        )

    def build() -> Network:
        if weights is None:
            return _by_name(name, digest)
        if architecture is None:
            raise WeightsError(
                f"The backbone {name!r} is a module of somebody's own: only its compiled form can "
                "be run, on a CPU. Say --device cpu."
            )
        return rebuild(architecture, input, weights, weights_digest)

    def read(path: Path) -> Arrays:
        check_weights(path, weights_digest)
        return load_arrays(path)

    graph = None
    if weights is not None and architecture is not None:
        graph = find_graph(architecture, input, partial(read, weights))
    return Backbone(
        name=name,
        digest=digest,
        input=input,
        card=card_from(record["card"]),
        architecture=architecture,
        precision=precision,
        build=build,
        graph=graph,
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
