"""The first filters against the weights of the networks that they were taken from."""

import numpy as np
import pytest
import torch

from tests import small
from tests.evidence.pictures import backbone_of
from topwork.backbones.registry import get_backbone
from topwork.evidence.attribution.filters import MAX_FILTERS, draw, first_filters


def test_they_are_the_weights_up_to_scale_and_order() -> None:
    layer = torch.nn.Conv2d(3, 12, 5)
    found = first_filters(backbone_of(layer, torch.nn.ReLU(), blocks=["1"]))
    assert found is not None
    assert found.shape == (12, 5, 5, 3)
    assert found.dtype == np.uint8
    weights = layer.weight.detach().numpy().transpose(0, 2, 3, 1)
    wanted = 127.5 + 127.5 * weights / np.abs(weights).max((1, 2, 3), keepdims=True)
    gaps = np.abs(found[:, None].astype(float) - wanted[None]).max((2, 3, 4))
    assert gaps.min(1).max() <= 0.51  # rounded
    assert sorted(gaps.argmin(1)) == list(range(12))


def test_of_many_the_strongest_are_shown() -> None:
    weights = np.random.default_rng(0).normal(size=(100, 3, 3, 3))
    weights[::2] *= 1e-3
    weights[:, 0, 0, 0] = np.arange(100) % 2 * 9  # the strong ones' largest weight
    found = draw(weights)
    assert len(found) == 50 + (MAX_FILTERS - 50)
    assert (found[:, 0, 0, 0] == 255).sum() >= 50


def test_light_and_dark_come_before_colours_and_by_direction() -> None:
    across = np.tile(np.array([-1.0, 0, 1]), (3, 3, 1))
    down = across.transpose(0, 2, 1)
    red = np.zeros((3, 3, 3))
    red[0] = 1
    found = draw(np.stack([red, down, across]))
    assert (found[2, :, :, 0] == 255).all()  # red is last
    assert np.ptp(found[0, 0, :, 0].astype(int)) == 255  # from side to side
    assert np.ptp(found[1, :, 0, 0].astype(int)) == 255


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("timm/test_vit?pretrained=false", 64),
        ("timm/test_efficientnet?pretrained=false&size=64", 24),
    ],
)
def test_networks_of_timm_have_some(name: str, count: int) -> None:
    found = first_filters(get_backbone(name))
    assert found is not None
    assert len(found) == count


def test_without_a_convolution_over_colours_there_are_none() -> None:
    dense = backbone_of(torch.nn.Flatten(), torch.nn.Linear(3 * 48 * 48, 4), blocks=["1"])
    assert first_filters(dense) is None
    folded = backbone_of(torch.nn.PixelUnshuffle(2), torch.nn.Conv2d(12, 4, 3), blocks=["1"])
    assert first_filters(folded) is None
    assert first_filters(small.tiny_text_backbone()) is None


def test_weights_of_nothing_are_grey() -> None:
    assert np.isin(draw(np.zeros((2, 3, 1, 1))), (127, 128)).all()
