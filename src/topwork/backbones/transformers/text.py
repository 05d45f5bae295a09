"""Backbones for texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from topwork.backbones.base import Backbone, Card, Precision
from topwork.backbones.catalog import PROMPTS, EmbeddedBackbone, card_of
from topwork.backbones.graphs import bert
from topwork.backbones.graphs.find import Arrays, find_graph
from topwork.backbones.random import named_backbone
from topwork.backbones.repository import CONFIG, Repository
from topwork.backbones.spec import Spec
from topwork.backbones.transformers.encoders import clean_config
from topwork.backbones.transformers.sentence import MODULES, read_sentence
from topwork.backbones.transformers.text_network import build_text
from topwork.backbones.transformers.tokenizer import find_tokenizer
from topwork.backbones.weights import Weights, find_weights, load_arrays
from topwork.core.digests import digest_file
from topwork.errors import BackboneError, SettingError
from topwork.examples.texts.preprocessing import TOKENIZER, TextInput

MAX_TOKENS = 512
"""Of a window, where more is possible: attention costs the square of it. `?max_tokens=` asks."""

VOCABULARY = ("vocab_size", "n_words")

FROM_PADDING = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"),
    *("data2vec-text", "longformer", "xmod", "ibert", "luke", "mluke", "esm"),
}
"""Networks that count positions from the padding's number on, and so have that many fewer."""


def embedded_text(spec: Spec, entry: EmbeddedBackbone, files: Mapping[str, Path]) -> Backbone:
    """Return the embedded backbone; its weights where the spec wants them, else random ones."""
    config = clean_config(json.loads(files[CONFIG].read_text(encoding="utf-8")), entry.name)
    text = TextInput(
        tokenizer=files[TOKENIZER],
        tokenizer_digest=entry.sha256[TOKENIZER],
        max_tokens=_max_tokens(spec, config, [int(entry.settings["max_tokens"])]),
        prompt=spec.prompt or "",
    )
    file = next(name for name in entry.sha256 if name.endswith(".safetensors"))
    weights = Weights(paths=(files[file],), digest=entry.sha256[file])
    return _backbone(
        spec,
        text,
        {"library": "transformers", "config": config, "pooling": None},
        card=entry.card,
        weights=weights if spec.pretrained else None,
        precision=entry.precision,
    )


def text_from(spec: Spec, repository: Repository) -> Backbone:
    """Return the transformers or sentence-transformers network of a folder or hub repository."""
    inner, pooling = repository, None
    dense: list[Path] = []
    if repository.json(MODULES) is not None:
        inner, pooling, dense = read_sentence(repository)
    config = clean_config(inner.config(), repository.name)
    if not any(key in config for key in VOCABULARY):
        raise BackboneError(
            f"The backbone {repository.name!r} is a {config.get('model_type')!r} of transformers, "
            "which takes no texts, and is none of the networks for sounds that Topwork knows. Take "
            "another, or give the module itself: topwork.from_module(...)."
        )
    own = inner.json("sentence_bert_config.json")
    own = own if isinstance(own, dict) else {}
    if own.get("do_lower_case"):
        raise BackboneError(
            f"The backbone {repository.name!r} wants its texts in lower case before the tokenizer "
            "(do_lower_case in its sentence_bert_config.json), which Topwork does not do. Take "
            "another backbone."
        )
    read = inner.json("tokenizer_config.json")
    read = read if isinstance(read, dict) else {}
    published = [own.get("max_seq_length"), read.get("model_max_length")]
    tokenizer = find_tokenizer(inner)
    text = TextInput(
        tokenizer=tokenizer,
        tokenizer_digest=digest_file(tokenizer),
        max_tokens=_max_tokens(spec, config, published),
        prompt=_prompt(repository) if spec.prompt is None else spec.prompt,
    )
    return _backbone(
        spec,
        text,
        {"library": "transformers", "config": config, "pooling": pooling},
        card=card_of(repository),
        weights=find_weights(inner) if spec.pretrained else None,
        dense=dense,
    )


def _backbone(
    spec: Spec,
    text: TextInput,
    architecture: Mapping[str, Any],
    *,
    card: Card,
    weights: Weights | None,
    dense: Sequence[Path] = (),
    precision: Precision = "f32",
) -> Backbone:
    backbone = named_backbone(
        spec,
        text,
        architecture,
        card=card,
        weights=weights and [weights.digest, *(digest_file(path) for path in dense)],
        build=lambda: build_text(
            architecture, name=str(spec), tokenizer=text.tokenizer, weights=weights, dense=dense
        ),
        precision=precision,
    )
    if weights is None:
        return backbone
    read = partial(_read, architecture["config"], weights)
    return replace(backbone, graph=find_graph(architecture, text, read))


def _read(config: Mapping[str, Any], weights: Weights) -> Arrays:
    tensors: Arrays = {}
    for path in weights.paths:
        tensors |= load_arrays(path)
    return bert.name_tensors(tensors, config)


def _max_tokens(spec: Spec, config: Mapping[str, Any], published: list[Any]) -> int:
    """Return the tokens of a window: as asked for, else as published, but at most 512."""
    limit = _positions(config)
    if spec.max_tokens is not None:
        if limit is not None and spec.max_tokens > limit:
            raise SettingError(
                f"The backbone {spec.base!r} takes at most {limit} tokens; max_tokens is "
                f"{spec.max_tokens}. Longer texts are cut into windows: ask for {limit} or fewer."
            )
        return spec.max_tokens
    known = [n for n in (*published, limit) if isinstance(n, int) and n > 0]
    return min([*known, MAX_TOKENS])


def _positions(config: Mapping[str, Any]) -> int | None:
    for key in ("max_position_embeddings", "n_positions"):
        positions = config.get(key)
        if isinstance(positions, int) and positions > 0:
            before = int(config.get("pad_token_id") or 0) + 1
            return positions - (before if config.get("model_type") in FROM_PADDING else 0)
    return None


def _prompt(repository: Repository) -> str:
    """Return what its authors want before every text: as their files say, or the catalog."""
    saved_config = repository.json("config_sentence_transformers.json")
    saved_config = saved_config if isinstance(saved_config, dict) else {}
    prompts = saved_config.get("prompts")
    chosen = (
        prompts.get(saved_config.get("default_prompt_name")) if isinstance(prompts, dict) else None
    )
    return chosen if isinstance(chosen, str) else PROMPTS.get(repository.name, "")
