"""BERT without torch.

The names of its tensors and blocks are those of transformers, behind `model.`, so that the weights
of one form fit the other. Devlin et al. 2019, 'BERT'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from topwork.backbones.base import Graph
from topwork.core.shapes import Shaped

NEEDED: Mapping[str, Any] = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
"""The published form, which a configuration need not say."""

SIZES = (
    *("hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads"),
    *("num_hidden_layers", "type_vocab_size", "vocab_size"),
)
SENTENCE, SENTENCE_POOLS = "sentence", ("cls", "max", "mean")
NOT_RUN = ("pooler.", "embeddings.position_ids")
"""Of a published file: the head of its pre-training, and a row of numbers."""


def is_drawn(config: Mapping[str, Any]) -> bool:
    """Whether this is a BERT of the published form, whose configuration says everything."""
    return (
        config.get("model_type") == "bert"
        and all(config.get(key, value) == value for key, value in NEEDED.items())
        and all(type(config.get(key)) is int and config[key] > 0 for key in SIZES)
        and isinstance(config.get("layer_norm_eps"), float)
        and not config.get("is_decoder")
        and config["hidden_size"] % config["num_attention_heads"] == 0
    )


def pools_drawn(pooling: Mapping[str, Any]) -> bool:
    """Whether the text's one vector (sentence.py) is a plain mean, maximum or first token."""
    return not pooling["dense"] and all(pool in SENTENCE_POOLS for pool in pooling["pools"])


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor by its name, in the module's order."""
    return dict(_shapes(config))


def _shapes(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    size, inner = config["hidden_size"], config["intermediate_size"]
    rows = {
        "word_embeddings": config["vocab_size"],
        "position_embeddings": config["max_position_embeddings"],
        "token_type_embeddings": config["type_vocab_size"],
    }
    for name, count in rows.items():
        yield f"model.embeddings.{name}.weight", (count, size)
    yield from _both("model.embeddings.LayerNorm", (size,))
    for number in range(config["num_hidden_layers"]):
        layer = f"model.encoder.layer.{number}"
        for name in ("query", "key", "value"):
            yield from _both(f"{layer}.attention.self.{name}", (size, size))
        yield from _both(f"{layer}.attention.output.dense", (size, size))
        yield from _both(f"{layer}.attention.output.LayerNorm", (size,))
        yield from _both(f"{layer}.intermediate.dense", (inner, size))
        yield from _both(f"{layer}.output.dense", (size, inner))
        yield from _both(f"{layer}.output.LayerNorm", (size,))


def _both(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def name_tensors(
    tensors: Mapping[str, Shaped[np.ndarray, "..."]], config: Mapping[str, Any]
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Name the tensors of a published file as the module's; what is not run is left out."""
    named = {
        f"model.{name.removeprefix('bert.')}": tensor
        for name, tensor in tensors.items()
        if not name.removeprefix("bert.").startswith(NOT_RUN)
    }
    return {name: named[name] for name in shapes(config) if name in named}


def random_tensors(config: Mapping[str, Any], seed: int) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return tensors of random weights, as transformers initialises them.

    Matrices are normal (`initializer_range`), biases 0, norms change nothing, and the padding's
    row is 0.
    """
    drawn, spread = np.random.default_rng(seed), float(config.get("initializer_range", 0.02))
    found: dict[str, Shaped[np.ndarray, "..."]] = {}
    for name, shape in shapes(config).items():
        if len(shape) == 2:
            found[name] = drawn.normal(0, spread, shape).astype(np.float32)
        else:
            start = np.ones if name.endswith("LayerNorm.weight") else np.zeros
            found[name] = start(shape, np.float32)
    padding = config.get("pad_token_id")
    if isinstance(padding, int) and 0 <= padding < config["vocab_size"]:
        found["model.embeddings.word_embeddings.weight"][padding] = 0
    return found


def bert_graph(
    tensors: dict[str, Shaped[np.ndarray, "..."]],
    config: Mapping[str, Any],
    *,
    starts_with_special: bool,
    pooling: Mapping[str, Any] | None = None,
) -> Graph:
    """Return the graph with these tensors, of token numbers [N, L] without padding.

    Args:
        starts_with_special: whether its tokenizer puts a token of its own first.
        pooling: of the text's one vector, which is then the last block.
    """
    layers = (f"model.encoder.layer.{i}" for i in range(config["num_hidden_layers"]))
    return Graph(
        tensors=tensors,
        draw=partial(_draw, tensors, config, pooling, masked=not starts_with_special),
        blocks=("model.embeddings", *layers, *((SENTENCE,) if pooling else ())),
        layout="NLC",
        num_prefix_tokens=int(starts_with_special),
        prefix_is_place=True,
        any_length=True,
    )


def _draw(
    tensors: dict[str, Shaped[np.ndarray, "..."]],
    config: Mapping[str, Any],
    pooling: Mapping[str, Any] | None,
    tokens: Any,
    *,
    masked: bool,
) -> dict[str, Any]:
    import openvino.opset13 as ops

    from topwork.backbones.graphs.operators import normalise_layer, numbers, project, whole

    epsilon, heads = float(config["layer_norm_eps"]), config["num_attention_heads"]

    def normal(x: Any, name: str) -> Any:
        return normalise_layer(x, tensors, name, epsilon=epsilon)

    words, positions, kinds = (
        tensors[f"model.embeddings.{name}_embeddings.weight"]
        for name in ("word", "position", "token_type")
    )
    length = ops.gather(ops.shape_of(tokens), whole(1), whole(0))
    places = ops.range(whole(0), length, whole(1), "i64")
    x = ops.gather(numbers(words), tokens, whole(0)) + ops.unsqueeze(
        # every token is of the first kind: nothing here compares two texts
        ops.gather(numbers(positions + kinds[0]), places, whole(0)),
        whole(0),
    )
    x = normal(x, "model.embeddings.LayerNorm")
    outputs = {"model.embeddings": x}
    # See text_network.py: without a mask, OpenVINO does not survive a first text of one token.
    mask = [ops.convert(tokens * whole(0), "f32")] if masked else []
    mask = [ops.unsqueeze(one, whole([1, 2])) for one in mask]
    split, joined = whole([0, 0, heads, config["hidden_size"] // heads]), whole([0, 0, -1])
    for number in range(config["num_hidden_layers"]):
        layer = f"model.encoder.layer.{number}"
        query, key, value = (
            ops.transpose(
                ops.reshape(project(x, tensors, f"{layer}.attention.self.{name}"), split, True),
                whole([0, 2, 1, 3]),
            )
            for name in ("query", "key", "value")
        )
        seen = ops.scaled_dot_product_attention(query, key, value, *mask)
        seen = ops.reshape(ops.transpose(seen, whole([0, 2, 1, 3])), joined, True)
        seen = project(seen, tensors, f"{layer}.attention.output.dense")
        x = normal(seen + x, f"{layer}.attention.output.LayerNorm")
        inner = ops.gelu(project(x, tensors, f"{layer}.intermediate.dense"), "erf")
        inner = project(inner, tensors, f"{layer}.output.dense")
        x = outputs[layer] = normal(inner + x, f"{layer}.output.LayerNorm")
    if pooling:
        outputs[SENTENCE] = ops.concat([_one(x, pool) for pool in pooling["pools"]], 1)
    return outputs


def _one(tokens: Any, pool: str) -> Any:
    """Return one vector for each row of tokens."""
    import openvino.opset13 as ops

    from topwork.backbones.graphs.operators import whole

    if pool == "cls":
        return ops.gather(tokens, whole(0), whole(1))
    reduce = ops.reduce_max if pool == "max" else ops.reduce_mean
    return reduce(tokens, whole([1]), False)
