"""Networks with random weights: those of the seed, under one digest wherever they are asked for."""

import pytest
import torch

from tests import small
from tests.training import jobs
from topwork.backbones.random import random_backbone, with_random_weights
from topwork.backbones.registry import get_backbone
from topwork.errors import SettingError


def test_random_weights_are_those_of_the_seed_and_say_so() -> None:
    backbone = jobs.conv2d()
    one, same, other = (with_random_weights(backbone, seed) for seed in (1, 1, 2))
    assert one.digest == same.digest
    assert len({one.digest, other.digest, backbone.digest}) == 3
    weights = [next(b.build().module.parameters()) for b in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert one.card.pretrained_on == "nothing (random weights)"
    assert one.name == f"{backbone.name}, random weights"
    assert one.build().blocks == backbone.build().blocks


def test_a_module_of_the_users_own_cannot_be_had_anew() -> None:
    with pytest.raises(SettingError, match=r"'tiny' is a module.*--train all"):
        with_random_weights(small.tiny_backbone(), 0)


@pytest.mark.parametrize(
    "name",
    [
        "timm/test_resnet?pretrained=false&size=32",
        "topwork/conv1d:4,8?pretrained=false&shape=2x32",
        "minilm-l6?pretrained=false",
        "speech-embedding?pretrained=false",
    ],
)
def test_a_network_of_random_weights_is_the_same_by_every_way(name: str) -> None:
    backbone = get_backbone(name)
    assert with_random_weights(backbone, 0) is backbone
    assert backbone.architecture is not None
    made = random_backbone(backbone.architecture, backbone.input, name="made", source="a test")
    assert (made.digest, made.input) == (backbone.digest, backbone.input)
    ours, theirs = (one.build().module.state_dict() for one in (made, backbone))
    assert list(ours) == list(theirs)
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())
    other = with_random_weights(backbone, 1)
    assert other.digest != backbone.digest
    assert with_random_weights(other, 2).name == other.name  # it says so once
    assert with_random_weights(other, 0).digest == backbone.digest


def test_the_pretrained_network_is_another_one() -> None:
    pretrained, random = get_backbone("minilm-l6"), get_backbone("minilm-l6?pretrained=false")
    assert with_random_weights(pretrained, 0).digest == random.digest != pretrained.digest
    assert with_random_weights(pretrained, 0).precision == pretrained.precision
