"""The blocks of timm networks are found, by family or by what timm says."""

import pytest
import torch

from topwork.backbones.base import Network
from topwork.backbones.timm.build import build_timm, find_blocks
from topwork.errors import BackboneError, SettingError
from topwork.executors.block_shapes import listening


def build(architecture: str, size: int = 64, fixed_size: int | None = None):  # type: ignore[no-untyped-def]
    return build_timm(
        {"model": architecture, "fixed_size": fixed_size}, name=architecture, size=size
    )


@pytest.mark.parametrize(
    ("architecture", "fixed", "count", "first", "last", "layout", "prefix"),
    [
        ("mobilenetv3_small_050", None, 14, "bn1", "act2", "NCHW", 0),
        ("resnet18", None, 9, "maxpool", "layer4.1", "NCHW", 0),
        ("convnext_atto", None, 13, "stem", "stages.3.blocks.1", "NCHW", 0),
        ("regnety_002", None, 14, "stem", "s4.b7", "NCHW", 0),
        ("vit_tiny_patch16_224", 224, 14, "patch_embed", "norm", "NLC", 1),
        ("swin_tiny_patch4_window7_224", 224, 14, "patch_embed", "norm", "NHWC", 0),
        ("hgnetv2_b0", None, 4, "stages.0", "stages.3", "NCHW", 0),  # by feature_info
    ],
)
def test_blocks_by_family(
    architecture: str,
    fixed: int | None,
    count: int,
    first: str,
    last: str,
    layout: str,
    prefix: int,
) -> None:
    network = build(architecture, fixed_size=fixed)
    assert (len(network.blocks), network.blocks[0], network.blocks[-1]) == (count, first, last)
    assert (network.layout, network.num_prefix_tokens) == (layout, prefix)
    assert not network.module.training


def test_tokens_of_an_unknown_family_are_seen() -> None:
    assert build("mixer_s32_224", size=224).layout == "NLC"


def test_channels_last_of_an_unknown_family_are_seen() -> None:
    class Last(torch.nn.Module):
        feature_info = ({"module": "a", "num_chs": 8},)

        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Linear(3, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(x.permute(0, 2, 3, 1))

    assert find_blocks(Last(), "last", 16).layout == "NHWC"


def test_a_network_of_no_known_form_is_refused() -> None:
    with pytest.raises(BackboneError, match=r"'x' \(Linear\) are not known"):
        find_blocks(torch.nn.Linear(1, 1), "x", 16)


def test_a_size_that_a_network_cannot_take_is_refused() -> None:
    with pytest.raises(SettingError, match="100 px"):
        build("twins_pcpvt_small", size=100, fixed_size=224)


def test_arguments_that_timm_refuses_are_named() -> None:
    with pytest.raises(BackboneError, match=r"'resnet18'.*'no_such': 1"):
        build_timm({"model": "resnet18", "arguments": {"no_such": 1}}, name="a", size=64)


def test_a_small_stem_is_for_resnets() -> None:
    with pytest.raises(SettingError, match=r"VisionTransformer; accepted .*stem=small: Res"):
        build_timm({"model": "test_vit", "stem": "small"}, name="a", size=64)


@pytest.mark.parametrize("architecture", ["resnet18", "test_resnet", "resnet10t"])
def test_a_small_stem_throws_nothing_away(architecture: str) -> None:
    def make(seed: int) -> Network:
        return build_timm({"model": architecture, "stem": "small"}, name="a", size=32, seed=seed)

    network, again, other = make(1), make(1), make(2)
    places = {}
    with listening(network, lambda block, out: places.update({block: out.shape[2:]})):
        network.module(torch.zeros(1, 3, 32, 32))
    assert places["maxpool"] == (32, 32)
    assert list(network.blocks) == list(build(architecture).blocks)
    weights = [one.module.state_dict()["conv1.weight"] for one in (network, again, other)]
    assert weights[0].shape[1:] == (3, 3, 3)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
