"""Networks of known weights and planted pictures, for the tests of what a network sees."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from topwork.backbones.base import Backbone
from topwork.backbones.modules import from_module
from topwork.examples.example import Example
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.objects import examples_from

Pixels = npt.NDArray[np.uint8]

SIDE = 48
PLAIN = ImageInput(size=SIDE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def backbone_of(*layers: torch.nn.Module, blocks: Sequence[str]) -> Backbone:
    """Return a backbone of layers one after the other, of seeded weights where these are random."""
    return from_module(torch.nn.Sequential(*layers), blocks=list(blocks), input=PLAIN)


def labelled(pictures: Sequence[Pixels], labels: Sequence[str]) -> list[Example]:
    """Return pictures in memory as labelled examples."""
    return list(examples_from(pictures, labels, modality="image").examples)


def noise(seed: int, side: int = SIDE) -> Pixels:
    """Return a dim picture of noise."""
    return np.random.default_rng(seed).integers(60, 120, (side, side, 3)).astype(np.uint8)


def marked(picture: Pixels, top: int, left: int, colour: tuple[int, int, int]) -> Pixels:
    """Return a picture with a square of 8 x 8 in it."""
    out = picture.copy()
    out[top : top + 8, left : left + 8] = colour
    return out
