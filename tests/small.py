"""Small pictures, sounds and texts, and small networks, for the tests of the upper rooms."""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from PIL import Image

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import MINILM_L6
from topwork.backbones.embedded import find_embedded
from topwork.backbones.modules import from_module
from topwork.core.digests import digest_file
from topwork.examples.images.decode import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
"""Real data, which lies beside a checkout or not."""

RATE_HZ = 8000
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


def tone(hz: float, seconds: float = 0.3, *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return a tone in a little noise; of 0 Hz, the noise alone, louder."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = 0.3 * np.sin(2 * np.pi * (hz * rng.normal(1, 0.02) * time + rng.uniform()))
    noise = rng.normal(0, 0.02 if hz else 0.2, len(time))
    return (wave + noise if hz else noise).astype(np.float32)


TONES = {"hiss": 0.0, "high": 1500.0, "low": 300.0}


def write_sounds(root: Path, count: int = 8, *, skip: int = 0) -> Path:
    """Write a folder of short sounds per class of `TONES`."""
    for name, hz in TONES.items():
        (root / name).mkdir(parents=True)
        for i in range(skip, skip + count):
            sound = tone(hz, 0.2 + 0.02 * (i % 5), seed=i)
            soundfile.write(root / name / f"{i}.wav", sound, RATE_HZ)
    return root


def tiny_sound_backbone() -> Backbone:
    """Return two convolutions of seeded weights over 8 kHz samples, of any length."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, -1)),
            torch.nn.Conv1d(1, 16, 32, stride=8),
            torch.nn.ReLU(),
            torch.nn.Conv1d(16, 16, 8, stride=4),
            torch.nn.ReLU(),
        )
    sound = SoundInput(rate_hz=RATE_HZ, min_samples=800, max_samples=8000, step_samples=400)
    return from_module(
        module, blocks=["2", "4"], input=sound, layout="NCL", name="tiny sound", any_length=True
    )


TOPICS = {
    "cards": ("my card is lost", "the bank card has not arrived", "where is my new card",
              "please block this card", "the card machine took my card", "a second card, please"),
    "weather": ("it rains again today", "snow is on the hills", "the sun shines over the lake",
                "a storm with rain and wind", "cold rain and dark clouds", "fog, then sun"),
}  # fmt: skip


def write_texts(path: Path) -> Path:
    """Write a table of a dozen sentences on two topics."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows((text, topic) for topic, texts in TOPICS.items() for text in texts)
    return path


def tiny_text_backbone() -> Backbone:
    """Return seeded word vectors, by the tokenizer of the embedded backbone."""
    tokenizer = find_embedded(MINILM_L6)["tokenizer.json"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Embedding(30522, 24), torch.nn.Linear(24, 12))
    text = TextInput(tokenizer=tokenizer, tokenizer_digest=digest_file(tokenizer), max_tokens=32)
    return from_module(
        module, blocks=["0", "1"], input=text, layout="NLC", name="tiny text", any_length=True
    )


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
    return [sys.executable, "-m", "topwork.cli.app", *map(str, arguments)]
