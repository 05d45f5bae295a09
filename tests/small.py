"""Small pictures, and small networks to learn from them, for the tests of the upper rooms."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from topwork.backbones.base import Backbone
from topwork.backbones.modules import from_module
from topwork.examples.decode import ImageInput

SMALL = "timm/test_efficientnet?pretrained=false&size=64"
"""A network of 100,000 seeded weights, of the same family as the embedded one."""

NAMES = ("one", "two", "zero")
SIDE = 32

Pixels = npt.NDArray[np.uint8]


def digit_pictures(count: int, *, skip: int = 0) -> dict[str, list[Pixels]]:
    """Return `count` handwritten digits of each class, 64 x 64, grey."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = {}
    for number, name in ((1, "one"), (2, "two"), (0, "zero")):
        rows = np.flatnonzero(digits.target == number)[skip : skip + count]
        grey = np.round(digits.images[rows] * (255 / 16)).astype(np.uint8)
        pictures[name] = [one.repeat(8, axis=0).repeat(8, axis=1) for one in grey]
    return pictures


def write_folder(root: Path, pictures: dict[str, list[Pixels]]) -> Path:
    """Write a folder per class."""
    for name, images in pictures.items():
        (root / name).mkdir(parents=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(root / name / f"{i}.png")
    return root


def colours(
    num_classes: int, count: int, *, seed: int = 0, noise: float = 25.0
) -> tuple[list[Pixels], list[str]]:
    """Return noisy pictures of one colour a class, 16 x 16, and their labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).uniform(40, 215, (num_classes, 3))
    labels = [f"c{k:03}" for k in range(num_classes) for _ in range(count)]
    images = [
        np.clip(rng.normal(centres[int(label[1:])], noise, (16, 16, 3)), 0, 255).astype(np.uint8)
        for label in labels
    ]
    return images, labels


def tiny_backbone(name: str = "tiny") -> Backbone:
    """Return two convolutions of seeded weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 12, 3, stride=2, padding=1),
            torch.nn.ReLU(),
        )
    image = ImageInput(size=SIDE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return from_module(module, blocks=["1", "3"], input=image, name=name)


def topwork(
    *arguments: object, cwd: Path | None = None, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=cwd, timeout=120,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


def command(*arguments: object) -> Sequence[str]:
    """Return the words that start it."""
    return [sys.executable, "-m", "topwork.cli", *map(str, arguments)]
