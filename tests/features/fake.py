"""Small pictures for the fake executor."""

import hashlib
import io

import numpy as np
from PIL import Image

from topwork.examples.example import Example
from topwork.executors.fake import IMAGES

POOLS = ("mean", "std")


def png(seed: int) -> bytes:
    size = IMAGES.size
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def example(name: str, content: bytes) -> Example:
    return Example(
        name=name, digest=hashlib.sha256(content).hexdigest(), read=lambda: content, label="x"
    )


def examples(count: int, *, first: int = 0) -> list[Example]:
    return [example(f"{i}.png", png(i)) for i in range(first, first + count)]
