"""Graphs by architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from topwork.backbones.base import Graph
from topwork.backbones.catalog import SPEECH_EMBEDDING
from topwork.backbones.graphs import bert, efficientnet, speech
from topwork.backbones.transformers.tokenizer import starts_with_special
from topwork.core.shapes import Shaped
from topwork.errors import WeightsError
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.windows import Input

Arrays = dict[str, Shaped[np.ndarray, "..."]]

RANDOM_VERSION = 1
"""Raise it when `random_arrays` gives other numbers: it is part of their digest."""

IMAGE = {"library": "timm", "model": efficientnet.MODEL}
SOUND = {"library": "topwork", "model": SPEECH_EMBEDDING.name}


def is_drawn(architecture: Mapping[str, Any]) -> bool:
    """Whether an architecture, as a Backbone has it, can be had as a graph."""
    plain = {key: value for key, value in architecture.items() if value}
    if plain in (IMAGE, SOUND):
        return True
    config, pooling = plain.get("config"), plain.get("pooling")
    return (
        plain.get("library") == "transformers"
        and isinstance(config, Mapping)
        and bert.is_drawn(config)
        and (pooling is None or bert.pools_drawn(pooling))
    )


def random_arrays(architecture: Mapping[str, Any], seed: int) -> Arrays:
    """Return random weights of an architecture that is drawn, which depend on the seed alone."""
    if architecture.get("model") == IMAGE["model"]:
        return efficientnet.random_tensors(seed)
    if architecture.get("model") == SOUND["model"]:
        return speech.random_tensors(seed)
    return bert.random_tensors(architecture["config"], seed)


def find_graph(
    architecture: Mapping[str, Any], input: Input, read: Callable[[], Arrays]
) -> Callable[[], Graph] | None:
    """Return what makes the graph with the weights that `read` gives; None where none is drawn."""
    if not is_drawn(architecture):
        return None

    def make() -> Graph:
        tensors = read()
        _check(tensors, shapes_of(architecture))
        if isinstance(input, TextInput):
            return bert.bert_graph(
                tensors,
                architecture["config"],
                starts_with_special=starts_with_special(input.tokenizer),
                pooling=architecture.get("pooling"),
            )
        if architecture.get("model") == IMAGE["model"]:
            return efficientnet.efficientnet_graph(tensors)
        return speech.speech_graph(tensors)

    return make


def shapes_of(architecture: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of every tensor of an architecture that is drawn, by its name."""
    if architecture.get("model") == IMAGE["model"]:
        return efficientnet.SHAPES
    if architecture.get("model") == SOUND["model"]:
        return speech.shapes()
    return bert.shapes(architecture["config"])


def _check(tensors: Arrays, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise WeightsError where the weights are not those of the architecture."""
    given = {name: tensor.shape for name, tensor in tensors.items()}
    odd = [name for name in {**wanted, **given} if given.get(name) != wanted.get(name)]
    if odd:
        shapes = [one.get(odd[0]) for one in (given, wanted)]
        found, expected = ("none" if one is None else str(list(one)) for one in shapes)
        raise WeightsError(
            f"The weights are not those of the network: {odd[0]!r} has the shape {found}, expected "
            f"{expected} ({len(odd)} differ). Fetch its configuration and weights again, together."
        )
