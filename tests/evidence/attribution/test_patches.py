"""Patches of planted pictures, found by units of known weights."""

import numpy as np
import pytest
import torch

from tests import small
from tests.evidence.pictures import SIDE, backbone_of, labelled, marked, noise
from topwork.backbones.base import Backbone
from topwork.errors import ExampleError
from topwork.evidence.attribution.patches import Patches, cut_out, find_patches
from topwork.examples.example import Example

RED, BLUE = (250, 10, 10), (10, 10, 250)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """Unit 0 answers to red and unit 1 to blue, over 5 x 5 pixels; unit 2 to nothing."""
    layer = torch.nn.Conv2d(3, 3, 5, stride=2, padding=2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0] = torch.tensor([1.0, -0.5, -0.5])[:, None, None]
        layer.weight[1] = torch.tensor([-0.5, -0.5, 1.0])[:, None, None]
        layer.bias.zero_()
    return backbone_of(layer, torch.nn.ReLU(), torch.nn.Flatten(), blocks=["1", "2"])


def planted(count: int = 12) -> list[Example]:
    """Return pictures of noise, each third with a red square, each third with a blue one."""
    rng = np.random.default_rng(1)
    pictures, labels = [], []
    for i in range(count):
        top, left = (int(n) for n in rng.integers(4, SIDE - 12, 2))
        label = ("none", "red", "blue")[i % 3]
        colour = {"red": RED, "blue": BLUE}.get(label)
        pictures.append(noise(i) if colour is None else marked(noise(i), top, left, colour))
        labels.append(label)
    return labelled(pictures, labels)


def test_the_strongest_patches_hold_what_was_planted(backbone: Backbone) -> None:
    (found,) = find_patches(backbone, planted(), num_patches=4)
    assert (found.block, found.field_size, found.num_images) == ("1", 5, 12)
    assert {unit.index for unit in found.units} == {0, 1}
    for unit in found.units:
        label, colour = (("red", RED), ("blue", BLUE))[unit.index]
        assert unit.labels == (label,) * 4
        assert len(set(unit.names)) == 4  # each of another image
        assert list(unit.activations) == sorted(unit.activations, reverse=True)
        assert unit.between is not None
        assert unit.between > 0.9
        for image in unit.images:
            assert image.shape == (5, 5, 3)
            assert (image == colour).all()


def test_the_same_comes_again_and_without_labels(backbone: Backbone) -> None:
    examples = planted()
    first, again = (find_patches(backbone, examples, max_images=7, seed=3)[0] for _ in range(2))
    assert first.num_images == 7
    assert [u.names for u in first.units] == [u.names for u in again.units]
    bare = [Example(name=e.name, digest=e.digest, read=e.read) for e in examples]
    (found,) = find_patches(backbone, bare)
    assert {unit.index for unit in found.units} == {0, 1}
    assert all(unit.between is None for unit in found.units)


def test_a_unit_that_repeats_another_is_shown_once() -> None:
    layer = torch.nn.Conv2d(3, 4, 1)
    with torch.no_grad():
        layer.weight[1:] = layer.weight[:1] * torch.tensor([2.0, 3.0, 4.0])[:, None, None, None]
    (found,) = find_patches(backbone_of(layer, blocks=["0"]), planted())
    assert len(found.units) == 1


def test_blocks_go_from_early_to_late_and_sizes_may_be_odd() -> None:
    layers = [torch.nn.Conv2d(3 if i == 0 else 5, 5, 3, padding=1) for i in range(6)]
    backbone = backbone_of(*layers, blocks=[str(i) for i in range(6)])
    grey = np.full((1, 3), 200, np.uint8)
    examples = labelled([grey, noise(0, 7), noise(1, 131), noise(2)[:, :, :1]], ["a", "b"] * 2)
    found = find_patches(backbone, examples, blocks=4, num_units=2)
    assert [patches.block for patches in found] == ["0", "2", "3", "5"]
    sizes = [patches.receptive_size for patches in found]
    assert sizes == [3, 7, 9, 13]
    assert [p.block for p in find_patches(backbone, examples, blocks=["4"])] == ["4"]


def test_what_has_no_places_has_no_patches() -> None:
    dense = backbone_of(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE**2, 4), blocks=["1"])
    assert find_patches(dense, planted(3)) == ()
    assert find_patches(small.tiny_text_backbone(), []) == ()


def test_broken_images_are_passed_over_and_all_broken_is_an_error(backbone: Backbone) -> None:
    broken = Example(name="broken.jpg", digest="0" * 64, read=lambda: b"\xff\xd8\xff nothing")
    (found,) = find_patches(backbone, [broken, *planted(3)])
    assert isinstance(found, Patches)
    assert found.num_images == 3
    with pytest.raises(ExampleError, match=r"None of 1 images.*broken\.jpg"):
        find_patches(backbone, [broken])


def test_beyond_the_edge_a_patch_is_grey() -> None:
    picture = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    assert (cut_out(picture, (1, 1), 2) == picture[1:3, 1:3]).all()
    over = cut_out(picture, (-1, 3), 3)
    assert (over[0] == 128).all()
    assert (over[1:, 0] == picture[:2, 3]).all()
    assert (over[1:, 1:] == 128).all()
    for corner in ((-9, 0), (9, 9)):
        assert (cut_out(picture, corner, 3) == 128).all()
