"""Networks for texts: every layer as transformers gives it, traced with any number and length."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.backbones import folders
from topwork.backbones.base import Network
from topwork.backbones.transformers.encoders import clean_config
from topwork.backbones.transformers.text_network import build_text
from topwork.errors import BackboneError

TOKENS = torch.randint(4, 40, (2, 9), generator=torch.Generator().manual_seed(0))
LONG = torch.randint(4, 40, (1, 45), generator=torch.Generator().manual_seed(1))
KINDS = (
    *("bert", "roberta", "mpnet", "distilbert", "deberta-v2", "modernbert", "albert"),
    *("gpt2", "llama", "qwen3", "bloom"),
)
DECODERS = ("gpt2", "llama", "qwen3", "bloom")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return {
        prefix: folders.write_tokenizer(folder / str(prefix), prefix=prefix)
        for prefix in (True, False)
    }


def build(model: Any, tokenizer: Path, **more: Any) -> Network:
    config = clean_config(json.loads(model.config.to_json_string()), "tiny")
    network = build_text(
        {"config": config, "pooling": None, **more}, name="tiny", tokenizer=tokenizer
    )
    state = {key: v for key, v in model.state_dict().items() if not key.startswith("pooler.")}
    network.module.model.load_state_dict(state)  # type: ignore[union-attr]
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_the_blocks_are_the_hidden_states(kind: str, tokenizers: dict[bool, Path]) -> None:
    causal = kind in DECODERS
    model = folders.make(folders.config_of(kind))
    network = build(model, tokenizers[not causal])
    with torch.inference_mode():
        wanted = model(input_ids=TOKENS, output_hidden_states=True).hidden_states
    found = folders.outputs(network, TOKENS)
    assert len(found) == len(wanted) == 3
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert (network.causal, network.num_prefix_tokens) == (causal, 0 if causal else 1)
    assert (network.layout, network.any_length, network.prefix_is_place) == ("NLC", True, True)


@pytest.mark.parametrize("kind", ["bert", "mpnet", "modernbert", "qwen3"])
def test_openvino_agrees_at_any_number_and_length(kind: str, tokenizers: dict[bool, Path]) -> None:
    # modernbert: what is traced is shorter than its local attention, what is run longer
    layers = 2 if kind == "modernbert" else 1
    config = folders.config_of(kind, num_hidden_layers=layers)
    network = build(folders.make(config), tokenizers[True])
    shapes = ((1, 12), (5, 3), (1, 45))
    others = [torch.randint(4, 40, s, generator=torch.Generator().manual_seed(1)) for s in shapes]
    assert folders.converted(network, TOKENS, others) < 1e-4


def test_a_text_of_one_token_first_does_no_harm(tokenizers: dict[bool, Path]) -> None:
    # without special tokens; attention of OpenVINO 2026.4 without a mask would be wrong thereafter
    config = folders.config_of("bert", num_hidden_layers=1)
    network = build(folders.make(config), tokenizers[False])
    assert network.num_prefix_tokens == 0
    assert folders.converted(network, TOKENS, [], first=[TOKENS[:1, :1], LONG]) < 1e-4


def test_the_encoder_of_a_network_with_a_decoder_is_taken(tokenizers: dict[bool, Path]) -> None:
    config = folders.config_of("t5")
    network = build_text(
        {"config": clean_config(json.loads(config.to_json_string()), "t5")},
        name="t5",
        tokenizer=tokenizers[False],
    )
    assert (network.causal, network.num_prefix_tokens, len(network.blocks)) == (False, 0, 3)


def test_gradients_reach_every_layer(tokenizers: dict[bool, Path]) -> None:
    network = build(folders.make(folders.config_of("bert")), tokenizers[True])
    network.module(TOKENS).sum().backward()
    assert all(p.grad is not None for p in network.module.parameters())


def test_a_text_does_not_depend_on_its_neighbours(tokenizers: dict[bool, Path]) -> None:
    network = build(folders.make(folders.config_of("bert")), tokenizers[True])
    both = folders.outputs(network, TOKENS)
    alone = folders.outputs(network, TOKENS[1:])
    for ours, theirs in zip(both, alone, strict=True):
        torch.testing.assert_close(ours[1:], theirs, rtol=1e-5, atol=1e-5)


def test_a_network_that_takes_more_than_tokens_is_refused(tokenizers: dict[bool, Path]) -> None:
    config = {"model_type": "clip", "text_config": {}, "vision_config": {}}
    with pytest.raises(BackboneError, match="'a/b' does not run"):
        build_text({"config": config}, name="a/b", tokenizer=tokenizers[True])
