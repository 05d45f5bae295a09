"""Small networks and pictures for the executors' tests."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from topwork.backbones.base import Backbone
from topwork.backbones.modules import from_module
from topwork.examples.images.decode import ImageInput

Pictures = Callable[[int, int], list[npt.NDArray[np.uint8]]]


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """Make seeded pictures: one black, one of one colour, the rest noise over a ramp."""

    def make(count: int, size: int) -> list[npt.NDArray[np.uint8]]:
        rng = np.random.default_rng(0)
        ramp = np.linspace(0, 200, size)[:, None, None]
        noise = rng.integers(0, 56, (count, size, size, 3))
        images = (ramp + noise).astype(np.uint8)
        images[0] = 0
        images[1 % count] = 200
        return list(images)

    return make


@pytest.fixture(scope="session")
def tiny() -> Backbone:
    """Two convolutions and a flat layer, of seeded weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(4, 6, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(6, 5),
        )
    image = ImageInput(size=20, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    return from_module(module, blocks=["1", "2", "6"], input=image, name="tiny")
