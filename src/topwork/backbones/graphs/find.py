"""Graphs by architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

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
"""Raise it when random weights are other numbers: it is part of their digest."""

SOUND = {"library": "topwork", "model": SPEECH_EMBEDDING.name}


@final
@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How an architecture is drawn.

    Attributes:
        shapes: of every tensor, by its name.
        random: random weights, which depend on the seed alone.
        graph: of weights, and the input that the network takes.
    """

    shapes: Mapping[str, tuple[int, ...]]
    random: Callable[[int], Arrays]
    graph: Callable[[Arrays, Input], Graph]


def find_drawing(architecture: Mapping[str, Any]) -> Drawing | None:
    """Return how an architecture, as a Backbone has it, is drawn; None where it is not."""
    plain = {key: value for key, value in architecture.items() if value}
    model = plain.get("model")
    if plain == {"library": "timm", "model": model} and model in efficientnet.SCALES:
        return Drawing(
            shapes=efficientnet.shapes_of(model),
            random=partial(efficientnet.random_tensors, model),
            graph=lambda tensors, _: efficientnet.efficientnet_graph(model, tensors),
        )
    if plain == SOUND:
        return Drawing(
            shapes=speech.SHAPES,
            random=speech.random_tensors,
            graph=lambda tensors, _: speech.speech_graph(tensors),
        )
    config, pooling = plain.get("config"), plain.get("pooling")
    if plain.get("library") != "transformers" or not isinstance(config, Mapping):
        return None
    if not bert.is_drawn(config) or not (pooling is None or bert.pools_drawn(pooling)):
        return None
    return Drawing(
        shapes=bert.shapes(config),
        random=partial(bert.random_tensors, config),
        graph=partial(_bert_graph, config, pooling),
    )


def find_graph(
    architecture: Mapping[str, Any], input: Input, read: Callable[[], Arrays]
) -> Callable[[], Graph] | None:
    """Return what makes the graph with the weights that `read` gives; None where none is drawn."""
    drawing = find_drawing(architecture)
    return None if drawing is None else partial(_make, drawing, input, read)


def _make(drawing: Drawing, input: Input, read: Callable[[], Arrays]) -> Graph:
    tensors = read()
    _check(tensors, drawing.shapes)
    return drawing.graph(tensors, input)


def _bert_graph(
    config: Mapping[str, Any], pooling: Mapping[str, Any] | None, tensors: Arrays, input: Input
) -> Graph:
    special = isinstance(input, TextInput) and starts_with_special(input.tokenizer)
    return bert.bert_graph(tensors, config, starts_with_special=special, pooling=pooling)


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
