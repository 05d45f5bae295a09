"""Augmented views of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from topwork.core.shapes import Float32

Draw = Callable[[str], np.random.Generator]

ARRAY_AUGMENTATIONS = ("shift", "scale", "noise")

MAX_SHIFT = 0.1
"""Of the last axis, either way."""

MAX_SCALE = 1.25
"""Multiplied or divided by up to this: what another sensor's calibration, or where it is worn, may
do. Scaling and noise are of Um et al. 2017 (wearable sensors)."""

MAX_NOISE = 0.1
"""Of the standard deviation along the last axis: each channel has its own unit."""


def array_view(
    array: Float32[np.ndarray, "*channels t"], names: tuple[str, ...], draw: Draw
) -> Float32[np.ndarray, "*channels t"]:
    """Return the array altered by the names; `draw` gives each its generator."""
    if "shift" in names:
        most = round(MAX_SHIFT * array.shape[-1])
        array = slid(array, int(draw("shift").integers(-most, most + 1)), axis=-1)
    if "scale" in names:
        array = array * np.float32(drawn_factor(draw("scale"), MAX_SCALE))
    if "noise" in names:
        random = draw("noise")
        strength = np.float32(random.uniform(0, MAX_NOISE)) * array.std(axis=-1, keepdims=True)
        array = array + strength * random.standard_normal(array.shape, np.float32)
    return np.ascontiguousarray(array, np.float32)


def drawn_factor(random: np.random.Generator, most: float) -> float:
    """Draw from 1 / most to most, as often above 1 as below."""
    return math.exp(random.uniform(-1, 1) * math.log(most))


def slid(
    array: Float32[np.ndarray, "*channels t"], steps: int, *, axis: int
) -> Float32[np.ndarray, "*channels t"]:
    """Return it moved along the axis; where nothing comes in, the value at the edge is repeated."""
    places = np.arange(array.shape[axis]) - steps
    return array.take(places, axis=axis, mode="clip")
