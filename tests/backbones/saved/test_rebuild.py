"""A network built again from plain data and a file of weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.rebuild import card_from, check_weights, describe_backbone, rebuild
from topwork.core.digests import digest_file
from topwork.errors import WeightsError

NAME = "topwork/mlp:4?pretrained=false&shape=3"


def test_a_description_is_plain() -> None:
    backbone = get_backbone(NAME)
    plain = describe_backbone(backbone)
    assert json.loads(json.dumps(plain)) == plain
    assert card_from(plain["card"]) == backbone.card
    with pytest.raises(TypeError, match="colour"):
        card_from({**plain["card"], "colour": "red"})


def test_the_weights_come_back_checked(tmp_path: Path) -> None:
    backbone = get_backbone(NAME)
    state = backbone.build().module.state_dict()
    state["block0.0.weight"] += 1
    path = tmp_path / "a.safetensors"
    save_file(state, path)
    network = rebuild(backbone.architecture or {}, backbone.input, path, digest_file(path))
    assert torch.equal(network.module.state_dict()["block0.0.weight"], state["block0.0.weight"])
    with pytest.raises(WeightsError, match="damaged or were changed"):
        check_weights(path, "0" * 64)
    other = {**(backbone.architecture or {}), "units": [5]}
    with pytest.raises(WeightsError, match="do not fit 'mlp'"):
        rebuild(other, backbone.input, path)
