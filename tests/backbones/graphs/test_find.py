"""Graphs have the names, the tensors and the random weights of the torch modules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.backbones import folders
from topwork.backbones.cut import until
from topwork.backbones.graphs.find import find_drawing
from topwork.backbones.random import with_random_weights
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, WeightsError

NAMES = ("efficientnet-lite0", "minilm-l6", "speech-embedding")


@pytest.mark.parametrize("options", ["", "?pretrained=false&seed=3"], ids=["trained", "random"])
@pytest.mark.parametrize("name", NAMES)
def test_the_tensors_and_blocks_are_the_modules(name: str, options: str) -> None:
    backbone = get_backbone(name + options)
    assert backbone.graph is not None
    graph, network = backbone.graph(), backbone.build()
    state = network.module.state_dict()
    assert list(graph.tensors) == list(state)
    for key, tensor in state.items():
        np.testing.assert_array_equal(graph.tensors[key], tensor.numpy())
    for field in ("blocks", "layout", "num_prefix_tokens", "prefix_is_place", "any_length"):
        assert getattr(graph, field) == getattr(network, field)


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_depend_on_the_seed_alone(name: str) -> None:
    backbone = get_backbone(f"{name}?pretrained=false&seed=1")
    again, other = (with_random_weights(get_backbone(name), seed) for seed in (1, 2))
    assert again.digest == backbone.digest != other.digest
    assert backbone.architecture is not None
    drawing = find_drawing(backbone.architecture)
    assert drawing is not None
    one, two, three = (drawing.random(seed) for seed in (1, 1, 2))
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])
    assert any((one[key] != three[key]).any() for key in one)


def test_random_weights_spread_as_the_libraries_have_it() -> None:
    """timm draws with 2 / fan-out; transformers with 0.02."""
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0).state_dict()
    _agree(get_backbone("efficientnet-lite0?pretrained=false").build().module.state_dict(), theirs)
    backbone = get_backbone("minilm-l6?pretrained=false")
    assert backbone.architecture is not None
    config = backbone.architecture["config"]
    from transformers import AutoConfig, AutoModel

    data = {key: value for key, value in config.items() if key != "model_type"}
    model = AutoModel.from_config(AutoConfig.for_model("bert", **data))
    theirs = {f"model.{key}": one for key, one in model.state_dict().items() if "pooler" not in key}
    _agree(backbone.build().module.state_dict(), theirs)


def _agree(own: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> None:
    assert list(own) == list(theirs)
    for key, tensor in own.items():
        if tensor.numel() > 2_000:
            assert float(tensor.std()) == pytest.approx(float(theirs[key].std()), rel=0.08), key
            assert abs(float(tensor.mean())) < 4 * float(tensor.std()) / tensor.numel() ** 0.5
        elif tensor.ndim == 1:
            torch.testing.assert_close(tensor, theirs[key])


@pytest.mark.parametrize(
    "architecture",
    [
        {"library": "timm", "model": "resnet18"},
        {"library": "timm", "model": "tf_efficientnet_lite0", "stem": "small"},
        {"library": "timm", "model": "tf_efficientnet_lite0", "arguments": {"drop_rate": 0.1}},
        {"library": "transformers", "config": {"model_type": "bert"}},
        {"library": "transformers", "config": {"model_type": "roberta", "hidden_act": "gelu"}},
    ],
)
def test_other_architectures_are_not_drawn(architecture: dict[str, Any]) -> None:
    assert find_drawing(architecture) is None


def test_a_bert_with_another_activation_is_not_drawn() -> None:
    architecture = get_backbone("minilm-l6").architecture
    assert architecture is not None
    assert find_drawing(architecture) is not None
    for changed in ({"hidden_act": "relu"}, {"is_decoder": True}, {"num_attention_heads": 7}):
        config = {**architecture["config"], **changed}
        assert find_drawing({**architecture, "config": config}) is None


def test_the_graph_of_a_network_that_ends_earlier_ends_there() -> None:
    backbone = until(get_backbone("efficientnet-lite0"), "blocks.2.1")
    assert backbone.graph is not None
    assert backbone.graph().blocks == ("blocks.2.1",)
    nowhere = until(get_backbone("efficientnet-lite0"), "blocks.9.9")
    assert nowhere.graph is not None
    with pytest.raises(BackboneError, match=r"has no block 'blocks\.9\.9'; nearest: 'blocks"):
        nowhere.graph()


def test_weights_of_another_configuration_are_refused(tmp_path: Path) -> None:
    folders.text_folder(tmp_path, "bert")
    tensors = load_file(tmp_path / "model.safetensors")
    name = next(key for key in tensors if key.endswith("word_embeddings.weight"))
    save_file({**tensors, name: tensors[name][:-1].clone()}, tmp_path / "model.safetensors")
    backbone = get_backbone(tmp_path)
    assert backbone.graph is not None
    with pytest.raises(WeightsError, match=r"word_embeddings.weight' has the shape .*expected"):
        backbone.graph()
