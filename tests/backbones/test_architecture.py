"""A network built again from plain data alone."""

import json
from typing import Any

import pytest
import torch

from topwork.backbones.architecture import build_bare
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError


@pytest.mark.parametrize(
    "name",
    [
        "timm/test_vit?pretrained=false&size=64",
        "timm/test_resnet?pretrained=false&size=32&stem=small",
        "topwork/conv1d:4,8?pretrained=false&shape=2x32",
        "speech-embedding",
        "minilm-l6",
    ],
)
def test_the_same_network_with_weights_of_the_seed(name: str) -> None:
    backbone = get_backbone(name)
    plain = json.loads(json.dumps(backbone.architecture))
    first, again, other = (build_bare(plain, backbone.input, seed) for seed in (1, 1, 2))
    wanted = backbone.build()
    assert (first.blocks, first.layout) == (wanted.blocks, wanted.layout)
    states = [network.module.state_dict() for network in (first, again, other, wanted)]
    assert [list(state) for state in states] == [list(states[0])] * 4
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not all(torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize(
    "plain",
    [{}, {"library": "timm", "model": "resnet18"}, {"library": "topwork", "model": "x"},
     {"library": "transformers"}],
    ids=str,
)  # fmt: skip
def test_what_is_not_known_is_refused(plain: dict[str, Any]) -> None:
    with pytest.raises(BackboneError, match=r"architecture is .* for texts; accepted"):
        build_bare(plain, get_backbone("minilm-l6").input)


def test_a_folder_from_elsewhere_runs_no_code() -> None:
    plain = {"library": "transformers", "config": {"model_type": "x", "auto_map": {"a": "b"}}}
    with pytest.raises(BackboneError, match="runs no code"):
        build_bare(plain, get_backbone("minilm-l6").input)
