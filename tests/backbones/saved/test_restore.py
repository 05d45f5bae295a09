"""Backbones brought back from a description and a file of weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from safetensors.torch import save_file

from tests import small
from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.rebuild import describe_backbone
from topwork.backbones.saved.restore import restore_backbone
from topwork.core.digests import digest_file
from topwork.errors import WeightsError
from topwork.examples.windows import input_from

NAME = "timm/resnet18?pretrained=false&size=64"


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return get_backbone(NAME)


@pytest.fixture(scope="module")
def weights(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "backbone.safetensors"
    save_file(backbone.build().module.state_dict(), path)
    return path


def restored(
    backbone: Backbone,
    weights: Path | None,
    weights_digest: str | None = None,
    folder: Path | None = None,
    **changed: Any,
) -> Backbone:
    record = {**json.loads(json.dumps(describe_backbone(backbone))), **changed}
    return restore_backbone(
        record,
        input=input_from(record["input"], folder),
        weights=weights,
        weights_digest=weights_digest,
    )


def test_a_description_is_plain_and_whole(backbone: Backbone, weights: Path) -> None:
    found = restored(backbone, weights)
    assert found == backbone  # all but how it is built


@pytest.mark.parametrize("name", ["name", "digest", "architecture", "card", "precision"])
def test_a_record_that_lacks_something(name: str, backbone: Backbone) -> None:
    record = {key: value for key, value in describe_backbone(backbone).items() if key != name}
    with pytest.raises(KeyError, match=name):
        restore_backbone(record, input=backbone.input, weights=None)
    with pytest.raises(TypeError):
        restored(backbone, None, card={"colour": "red"})


def test_the_weights_come_back(backbone: Backbone, weights: Path) -> None:
    network = restored(backbone, weights, digest_file(weights)).build()
    original = backbone.build()
    assert list(network.blocks) == list(original.blocks)
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 64, 64)))
    with torch.inference_mode():
        ours, theirs = (n.module(images.float()) for n in (network, original))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_network_that_is_drawn_comes_back_as_a_graph(tmp_path: Path) -> None:
    backbone = get_backbone("efficientnet-lite0?pretrained=false&size=64")
    assert backbone.graph is not None
    tensors = backbone.graph().tensors
    path = tmp_path / "drawn.safetensors"
    safetensors.numpy.save_file(dict(tensors), path)
    graph = restored(backbone, path, digest_file(path)).graph
    assert graph is not None
    for name, tensor in graph().tensors.items():
        np.testing.assert_array_equal(tensor, tensors[name])
    changed = restored(backbone, path, "0" * 64).graph
    assert changed is not None
    with pytest.raises(WeightsError, match="are damaged or were changed"):
        changed()
    assert restored(small.tiny_backbone(), path).graph is None


def test_without_weights_it_is_found_by_its_name(backbone: Backbone) -> None:
    network = restored(backbone, None).build()
    assert list(network.blocks) == list(backbone.build().blocks)


def test_another_of_the_same_name_is_refused(backbone: Backbone) -> None:
    other = restored(backbone, None, digest="f" * 64)
    with pytest.raises(WeightsError, match=r"not the one .*trained on \(fff"):
        other.build()


def test_changed_weights_are_refused(backbone: Backbone, weights: Path, tmp_path: Path) -> None:
    digest = digest_file(weights)
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    (tmp_path / "changed.safetensors").write_bytes(data)
    changed = restored(backbone, tmp_path / "changed.safetensors", digest)
    with pytest.raises(WeightsError, match="are damaged or were changed"):
        changed.build()


def test_weights_of_another_network_are_refused(backbone: Backbone, weights: Path) -> None:
    other = restored(
        backbone, weights, architecture={"library": "timm", "model": "resnet34", "arguments": {}}
    )
    with pytest.raises(WeightsError, match="do not fit 'resnet34'"):
        other.build()


def test_a_module_of_ones_own_has_no_architecture(weights: Path) -> None:
    own = restored(small.tiny_backbone(), weights)
    with pytest.raises(WeightsError, match="'tiny' is a module"):
        own.build()


@pytest.mark.parametrize("kind", ["bert", "wav2vec2", "speech-embedding"])
def test_networks_for_texts_and_sounds_come_back(kind: str, tmp_path: Path) -> None:
    name: str | Path = tmp_path / "tiny"
    if kind == "bert":
        folders.text_folder(tmp_path / "tiny")
    elif kind == "wav2vec2":
        folders.sound_folder(tmp_path / "tiny", kind)
    else:
        name = kind
    backbone = get_backbone(name)
    original = backbone.build()
    save_file(original.module.state_dict(), tmp_path / "backbone.safetensors")
    found = restored(backbone, tmp_path / "backbone.safetensors", folder=tmp_path / "tiny")
    assert found == backbone
    network = found.build()
    windows = torch.randint(4, 30, (2, 9)) if kind == "bert" else torch.randn(2, 16000)
    assert (network.blocks, network.layout) == (original.blocks, original.layout)
    with torch.inference_mode():
        ours, theirs = (n.module(windows) for n in (network, original))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
