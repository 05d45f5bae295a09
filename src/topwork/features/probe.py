"""Storage type of each block's features.

It must not depend on the examples, or the features of the same image would differ from one data
set to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from topwork.core.shapes import Shaped, UInt8
from topwork.examples.sounds.sound import Sound
from topwork.examples.windows import Input, decode
from topwork.executors.base import Executor

LARGEST = 2.0**12
"""float16 ends at 65,504; a photo may give 16 times what the made-up images do."""

SMALLEST = 2.0**-4
"""float16 loses digits below 2^-14: with a largest value of 2^-4, at a thousandth of that."""


PROBE_TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "I have been waiting for my card for two weeks; where is it? 12,5 % of 3 kg @ 7:45",
    "Żółw, Straße, 東京, кошка, مرحبا 🙂",
    "a",
)


def choose_dtypes(executor: Executor, preprocessing: Input) -> dict[str, str]:
    """Return `float16` or `float32` for each block of a network that takes such input."""
    largest = np.zeros(executor.width, np.float32)
    for vector in executor.run(probe_windows(preprocessing)):
        # NaN must win: a block that gives one here is no block for float16
        largest = np.maximum(largest, np.abs(vector))
    dtypes: dict[str, str] = {}
    start = 0
    for name, own in groupby(executor.segments, key=lambda segment: segment.block):
        end = start + sum(segment.size for segment in own)
        top = float(largest[start:end].max(initial=0.0))
        dtypes[name] = "float16" if SMALLEST <= top <= LARGEST else "float32"
        start = end
    return dtypes


def probe_windows(preprocessing: Input) -> Sequence[Shaped[np.ndarray, "..."]]:
    """Return windows of made-up examples, as the network takes them."""
    if preprocessing.modality == "image":
        return probe_images(preprocessing.size)
    contents: Sequence[object] = PROBE_TEXTS
    random = np.random.default_rng(0)
    if preprocessing.modality == "sound":
        seconds = np.arange(preprocessing.rate_hz) / preprocessing.rate_hz
        chirp = np.sin(2 * np.pi * (100 + 1500 * seconds) * seconds)
        noise = random.uniform(-1, 1, preprocessing.rate_hz)
        contents = [
            Sound(samples=samples.astype(np.float32), rate_hz=preprocessing.rate_hz)
            for samples in (chirp, noise, 0.05 * noise, chirp * (seconds < 0.3))
        ]
    elif preprocessing.modality == "array":
        contents = [
            random.standard_normal(preprocessing.shape),
            random.uniform(0, 255, preprocessing.shape),
        ]
    return [window for content in contents for window in decode(content, preprocessing)]


def probe_images(size: int) -> Sequence[UInt8[np.ndarray, "size size 3"]]:
    """Return noise, a gradient, and blobs of colour, each uint8 [size, size, 3]."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
    ramp = np.linspace(0, 255, size)
    gradient = np.stack(
        np.broadcast_arrays(ramp[:, None], ramp[None, :], ramp[::-1, None]), axis=2
    ).astype(np.uint8)
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    at = np.arange(size) * 8 // size
    return [noise, gradient, coarse[at][:, at]]
