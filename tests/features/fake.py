"""A network that needs no torch: a few sums over the pixels, in two blocks."""

import hashlib
import io
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image

from topwork.backbones.base import Backbone, Card, Network
from topwork.examples.example import Example
from topwork.examples.images.decode import ImageInput
from topwork.executors.base import Executor, Segment

SIZE = 8
INPUT = ImageInput(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
POOLS = ("mean", "std")


def no_network() -> Network:
    raise NotImplementedError


def backbone(name: str = "fake") -> Backbone:
    return Backbone(
        name=name,
        digest=hashlib.sha256(name.encode()).hexdigest(),
        input=INPUT,
        card=Card(
            licence="none", pretrained_on="nothing", num_pretraining_examples=0, source="a test"
        ),
        build=no_network,
    )


class FakeExecutor(Executor):
    """Block `large` fits float16, block `small` does not."""

    precision = "f32"
    device = "a fake"

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self.segments = (
            Segment(block="large", pool="mean", size=3),
            Segment(block="large", pool="std", size=5),
            Segment(block="small", pool="mean", size=4),
        )
        self.num_run = 0
        self.num_pulled = 0
        self._delay_seconds = delay_seconds

    def run(self, inputs: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.float32]]:
        source = iter(inputs)
        while batch := list(islice(source, 4)):
            self.num_pulled += len(batch)
            time.sleep(self._delay_seconds)
            for image in batch:
                self.num_run += 1
                yield vector_of(image)


def vector_of(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    values = image.reshape(-1, 12).astype(np.float32).mean(0) / 100
    values[8:] *= 1e-4
    return values


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def example(name: str, content: bytes) -> Example:
    return Example(
        name=name, digest=hashlib.sha256(content).hexdigest(), read=lambda: content, label="x"
    )


def examples(count: int, *, first: int = 0) -> list[Example]:
    return [example(f"{i}.png", png(i)) for i in range(first, first + count)]
