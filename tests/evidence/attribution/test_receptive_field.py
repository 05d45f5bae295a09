"""Receptive fields against the closed form for layers one after the other."""

import pytest
import torch

from tests.evidence.pictures import PLAIN, SIDE, backbone_of
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.evidence.attribution.receptive_field import receptive_fields
from topwork.examples.images.preprocessing import ImageInput


def closed_form(layers: list[tuple[int, int, int]]) -> tuple[int, int, float]:
    """Return size, stride and offset of layers of (kernel, stride, padding): Araujo et al. 2019."""
    size, stride, start = 1, 1, 0.5
    for kernel, step, padding in layers:
        size += (kernel - 1) * stride
        start += ((kernel - 1) / 2 - padding) * stride
        stride *= step
    return size, stride, start


@pytest.fixture(scope="module")
def stack() -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return backbone_of(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(8, 8, 3, padding=1, groups=8),
            torch.nn.ReLU(inplace=True),
            torch.nn.AdaptiveAvgPool2d(1),
            blocks=["0", "2", "3", "5"],
        )


def test_they_are_those_of_the_closed_form(stack: Backbone) -> None:
    fields = receptive_fields(stack.build(), PLAIN)
    assert [field.block for field in fields] == ["0", "2", "3"]  # the last has no places
    layers = [(3, 2, 1), (2, 2, 0), (3, 1, 1)]
    for field, depth in zip(fields, (1, 2, 3), strict=True):
        size, stride, offset = closed_form(layers[:depth])
        assert field.size == size
        assert field.stride == stride
        assert field.side == SIDE // stride
        assert field.offset == offset
        assert 1 <= field.effective <= size


def test_a_box_lies_around_what_the_place_sees(stack: Backbone) -> None:
    (field,) = receptive_fields(stack.build(), PLAIN, ["0"])
    assert field.effective == 3
    assert field.box(0, 0) == (-1, -1)
    assert field.box(5, 2) == (9, 3)


def test_the_effective_field_is_smaller_than_the_whole_in_depth() -> None:
    layers = [torch.nn.Conv2d(3 if i == 0 else 6, 6, 3, padding=1) for i in range(10)]
    backbone = backbone_of(*layers, blocks=["9"])
    (field,) = receptive_fields(backbone.build(), PLAIN)
    assert field.size == 21
    assert field.effective < 19


def test_a_token_sees_its_patch_and_a_mean_over_the_picture_all() -> None:
    vit = get_backbone("timm/test_vit?pretrained=false&size=64")
    assert isinstance(vit.input, ImageInput)
    fields = receptive_fields(vit.build(), vit.input)
    assert {(f.size, f.stride, f.offset) for f in fields} == {(16, 16.0, 8.0)}

    class Excited(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x.mean((2, 3), keepdim=True)

    backbone = backbone_of(torch.nn.Conv2d(3, 4, 3), Excited(), blocks=["0", "1"])
    near, everywhere = receptive_fields(backbone.build(), PLAIN)
    assert near.size == 3
    assert everywhere.size == SIDE


def test_the_network_is_left_as_it_was(stack: Backbone) -> None:
    network = stack.build()
    receptive_fields(network, PLAIN)
    assert all(parameter.grad is None for parameter in network.module.parameters())
    assert not any(module._forward_hooks for module in network.module.modules())
