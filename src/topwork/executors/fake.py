"""Deterministic executor for tests of code using Topwork.

Nothing is converted or loaded, torch neither: a vector is a few sums over its window, the same on
every machine. Put it where an executor is opened, and give the run a backbone without a network:

    monkeypatch.setattr("topwork.features.extract.open_executor", lambda *_, **__: FakeExecutor())
    features = extract(examples, fake_backbone(), pools=("mean", "std"))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import final

import numpy as np

from topwork.backbones.base import Backbone, Card, Network
from topwork.core.digests import digest_bytes
from topwork.core.shapes import Float32, Floats, Shaped
from topwork.errors import BackboneError
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.windows import Input
from topwork.executors.base import Executor, Segment
from topwork.executors.batches import Window

IMAGES = ImageInput(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
"""Pictures of 8 x 8, as small as they make sense."""

SEGMENTS = (
    Segment(block="large", pool="mean", size=3),
    Segment(block="large", pool="std", size=5),
    Segment(block="small", pool="mean", size=4),
)
"""Of a block whose numbers fit float16, and of one whose numbers are too small for it."""

SCALES = {"large": 1e-2, "small": 1e-6}

BATCH = 4


@final
class FakeExecutor(Executor):
    """Computes each window's vector by a function of that window alone.

    >>> executor = FakeExecutor()
    >>> [vector.shape for vector in executor.run(np.ones((2, 8, 8, 3), np.uint8))]
    [(12,), (12,)]
    >>> executor.num_run
    2

    Attributes:
        num_pulled: windows taken so far; they are taken in batches of `BATCH`.
        num_run: vectors given so far.
    """

    precision = "f32"
    device = "a fake"

    def __init__(
        self,
        segments: Sequence[Segment] = SEGMENTS,
        *,
        compute: Callable[[Window], Floats] | None = None,
        delay_seconds: float = 0.0,
    ) -> None:
        """Take what the vectors are made of.

        Args:
            compute: makes the vector of a window; by default `fake_vector`.
            delay_seconds: to wait before each batch, as a slow network would.
        """
        self.segments = tuple(segments)
        self.num_pulled = 0
        self.num_run = 0
        self._compute = compute or (lambda window: fake_vector(window, self.segments))
        self._delay_seconds = delay_seconds

    def run(
        self, windows: Iterable[Shaped[np.ndarray, "..."]]
    ) -> Iterator[Float32[np.ndarray, " width"]]:
        """Yield a vector for every window, in their order."""
        source = iter(windows)
        while batch := list(islice(source, BATCH)):
            self.num_pulled += len(batch)
            time.sleep(self._delay_seconds)
            for window in batch:
                self.num_run += 1
                yield self._compute(window)


def fake_vector(
    window: Shaped[np.ndarray, "..."], segments: Sequence[Segment] = SEGMENTS
) -> Float32[np.ndarray, " width"]:
    """Return the mean of a window's numbers, those at every `width`-th place together.

    They are scaled as `SCALES` says of their block, if it is in there.
    """
    scales = [np.full(segment.size, SCALES.get(segment.block, 1.0)) for segment in segments]
    scale = np.concatenate(scales).astype(np.float32)
    numbers = window.ravel().astype(np.float32)
    rows = np.pad(numbers, (0, -len(numbers) % len(scale))).reshape(-1, len(scale))
    vector: Floats = rows.mean(0) * scale
    return vector


def fake_backbone(name: str = "fake", *, input: Input = IMAGES) -> Backbone:
    """Return a backbone of this name without a network; of another name, it is another one."""
    return Backbone(
        name=name,
        digest=digest_bytes(name.encode()),
        input=input,
        card=Card(
            licence="none", pretrained_on="nothing", num_pretraining_examples=0, source="a fake"
        ),
        build=_no_network,
    )


def _no_network() -> Network:
    raise BackboneError(
        "A fake backbone has no network to build. Open a FakeExecutor for it, or take a small real "
        "one: topwork/conv2d:8,8?pretrained=false&size=32."
    )
