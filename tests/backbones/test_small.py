"""Topwork's own small architectures: named, built, cut, and run."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from topwork.backbones.architecture import build_bare
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.backbones.small import MODELS, build_small
from topwork.errors import SettingError, UnknownBackboneError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput
from topwork.executors.block_shapes import block_shapes
from topwork.executors.choose import open_executor

NAMES = (
    "topwork/mlp:16,8?pretrained=false&shape=3x20",
    "topwork/mlp:8?pretrained=false&shape=7",
    "topwork/conv1d:8,8,16?pretrained=false&shape=3x40",
    "topwork/conv1d:8,16?pretrained=false&shape=33",
    "topwork/conv2d:8,16?pretrained=false&shape=2x12x14",
    "topwork/conv2d:8,16?pretrained=false&shape=9x9",
    "topwork/conv2d:8,16,16?pretrained=false&size=16",
)
POOLS = ("mean", "std", "max", "grid2", "grid3")
SMALL_WIDTHS = st.lists(st.integers(2, 6), min_size=1, max_size=3)


def windows(backbone: Backbone, count: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    if isinstance(backbone.input, ImageInput):
        side = backbone.input.size
        return list(random.integers(0, 256, (count, side, side, 3)).astype(np.uint8))
    assert isinstance(backbone.input, ArrayInput)
    return list(random.normal(size=(count, *backbone.input.shape)).astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_the_name_says_it_all(name: str) -> None:
    backbone = get_backbone(name)
    assert backbone.name == name
    assert backbone.card.pretrained_on == "nothing (random weights)"
    again = build_bare(backbone.architecture or {}, backbone.input).module.state_dict()
    state = backbone.build().module.state_dict()
    assert all(torch.equal(state[key], again[key]) for key in state | again)


@pytest.mark.parametrize("name", NAMES)
def test_openvino_gives_what_torch_gives(name: str) -> None:
    backbone = get_backbone(name)
    made = (open_executor(backbone, pools=POOLS, device=d) for d in ("openvino", "torch"))
    ours, theirs = (np.stack(list(one.run(windows(backbone)))) for one in made)
    assert float(np.std(theirs)) > 0.01
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "blocks", "forms", "places"),
    [
        (NAMES[0], ("block0", "block1"), (None, None), (0, 0)),
        (NAMES[2], ("stem", "block0", "block1", "block2"), ("NCL",) * 4, (40, 40, 40, 20)),
        (NAMES[4], ("stem", "block0", "block1"), ("NCHW",) * 3, (168, 168, 42)),
        (NAMES[6], ("stem", "block0", "block1", "block2"), ("NCHW",) * 4, (256, 256, 64, 64)),
    ],
)
def test_blocks_are_cut_and_read(
    name: str, blocks: tuple[str, ...], forms: tuple[str, ...], places: tuple[int, ...]
) -> None:
    backbone = get_backbone(name)
    shapes = block_shapes(backbone.build(), backbone.input, name)
    assert tuple(one.block for one in shapes) == blocks
    assert tuple(one.layout for one in shapes) == forms
    assert tuple(one.num_places for one in shapes) == places


def test_the_wide_spelling_is_resnet_20() -> None:
    units = [16] * 3 + [32] * 3 + [64] * 3
    image = ImageInput(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    network = build_small({"model": "conv2d", "units": units}, image)
    state = network.module.state_dict()
    branches = [k for k, v in state.items() if v.ndim == 4 and ".short" not in k]
    assert len(branches) == 19  # and the output layer makes 20
    # He et al. 2016, table 6: 0.27 million; its shortcuts have no weights
    num_weights = sum(state[key].numel() for key in branches)
    assert num_weights == pytest.approx(0.27e6, rel=0.02)


@given(units=SMALL_WIDTHS, shape=st.lists(st.integers(1, 9), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_what_fits_runs_and_what_does_not_is_named(units: list[int], shape: list[int]) -> None:
    size = "x".join(map(str, shape))
    for model, most in (("mlp", 8), ("conv1d", 2), ("conv2d", 3)):
        least = 2 if model == "conv2d" else 1
        name = f"topwork/{model}:{','.join(map(str, units))}?pretrained=false&shape={size}"
        if not least <= len(shape) <= most:
            with pytest.raises(SettingError, match="dimensions, and the shape"):
                get_backbone(name)
            continue
        backbone = get_backbone(name)
        network = backbone.build()
        with torch.inference_mode():
            out = network.module(torch.randn(2, *shape))
        assert out.shape[:2] == (2, units[-1])
        shapes = block_shapes(network, backbone.input, name)
        assert [one.num_channels for one in shapes][-len(units) :] == units


def test_numbers_of_any_unit_are_brought_to_one() -> None:
    network = get_backbone("topwork/mlp:4?pretrained=false&shape=6").build()
    torch.manual_seed(0)
    data = torch.randn(256, 6) * torch.tensor([1e4, 1e3, 1.0, 1e-1, 10.0, 5.0]) + 1e3
    network.module.train()
    for _ in range(200):
        network.module(data)
    network.module.eval()
    standard = network.module.get_submodule("standard")(network.module.get_submodule("flat")(data))
    assert standard.mean(0).abs().max() < 0.02
    assert (standard.std(0) - 1).abs().max() < 0.02


def test_random_weights_depend_on_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (get_backbone(f"{NAMES[0]}&seed={s}") for s in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    weights = [one.build().module.state_dict()["block0.0.weight"] for one in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(state, torch.get_rng_state())


def test_everything_is_in_the_digest() -> None:
    assert len({get_backbone(name).digest for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("model", MODELS)
def test_there_are_no_weights_without_training(model: str) -> None:
    with pytest.raises(SettingError, match=rf"pretrain DATA --architecture topwork/{model} --out"):
        get_backbone(f"topwork/{model}?shape=3x8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("topwork/conv1d", r"not said.*\?shape="),
        ("topwork/conv2d", r"images.*\?size=32"),
        ("topwork/conv1d:8,?shape=3x9", "units '8,'; accepted: whole numbers"),
        ("topwork/mlp:?shape=3", "units ''; accepted: whole numbers"),
        ("topwork/mlp:0?shape=3", r"units \[0\]; accepted: .*from 1"),
        ("topwork/mlp:9000?shape=3", r"units \[9000\]; accepted: 1 to 128"),
        ("topwork/mlp:8192?shape=99x999", "810,196,992 weights"),
        ("topwork/conv1d?shape=2x3x4", r"shape is \(2, 3, 4\); for these"),
        ("topwork/mlp?size=32", r"arrays.*\bsize is for images"),
        ("topwork/conv2d?size=32&shape=3x9x9", r"arrays.*\bsize is for images"),
        ("topwork/conv2d?size=32&stem=small", r"stem.*ResNets"),
        ("topwork/conv2d?shape=0x3", r"shape: got \(0, 3\)"),
        ("topwork/conv2d?max_tokens=9&size=32", "max_tokens is for texts"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        get_backbone(f"{name}{'&' if '?' in name else '?'}pretrained=false")


def test_others_get_the_nearest() -> None:
    with pytest.raises(UnknownBackboneError, match=r"'topwork/conv3d'; nearest: 'topwork/conv"):
        get_backbone("topwork/conv3d?pretrained=false&shape=3x9")


def test_images_are_for_conv2d() -> None:
    image = ImageInput(size=math.isqrt(64), mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(SettingError, match=r"mlp takes arrays, not images.*topwork/"):
        build_small({"model": "mlp", "units": [8]}, image)
