"""Comparison of two pictures laid over another.

A crop, another size, another compression and a little more light leave the details of a photo in
place; two photos of the same thing share their outlines at most.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import final

import numpy as np

from topwork.core.shapes import Floats, Pixels, UInt8

SIDE = 64
"""Pixels on the side of what is compared: a crop of 5% moves an edge by three of them."""

LEVELS = (16, 32, 64)
"""Coarse to fine: at 16 pixels a crop of 10% a side moves an edge by less than two."""

STEPS = (8, 6, 3)
"""Steps of Gauss and Newton at each level."""

HOPELESS = 0.85
"""Pairs whose outlines correlate less than this at the first level are not looked at closer."""

MIN_OVERLAP = 0.6
"""Share of the second picture that the first must cover: two crops of 8% on every side do."""

MAX_ZOOM = 1.35

AS_IT_IS = np.array([1, 0, 1, 0], np.float32)
"""The warp that changes nothing: scale and shift of x, then of y, in shares of the side."""

CHUNK = 256
"""Pairs that are laid over one another together."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """How alike pairs of pictures are, laid over one another, each [P].

    Attributes:
        outline: correlation of the grey values, -1 to 1.
        detail: correlation of what is finer than about 6 of 64 pixels, -1 to 1.
        colour: the largest difference of the mean red, green and blue once the common change of
            brightness is taken off, in shares of full scale.
        texture: standard deviation of the details of the plainer picture, in shares of full scale.
        overlap: share of the second picture that the first covers.
    """

    outline: Floats
    detail: Floats
    colour: Floats
    texture: Floats
    overlap: Floats


def align(
    first: UInt8[np.ndarray, "p side side 3"], second: UInt8[np.ndarray, "p side side 3"]
) -> Aligned:
    """Lay each first picture over its second, and compare them.

    The warp has a scale and a shift of each axis, found from coarse to fine by least squares
    together with a gain and an offset of the grey values (Lucas and Kanade 1981).

    Args:
        first, second: uint8 [P, SIDE, SIDE, 3], whole pictures squashed into the square. Of pairs
            that are hopeless (see `HOPELESS`) all figures are 0.
    """
    names = [field.name for field in fields(Aligned)]
    found = {name: np.zeros(len(first), np.float32) for name in names}
    for start in range(0, len(first), CHUNK):
        chunk = slice(start, start + CHUNK)
        a, b = _shares(first[chunk]), _shares(second[chunk])
        warp = _fitted(a.mean(3), b.mean(3), np.tile(AS_IT_IS, (len(a), 1)), 0)
        small = [_smooth(_shrunk(p.mean(3), LEVELS[0]), 0.8) for p in (a, b)]
        laid, inside = _warped(small[0], warp)
        near = np.flatnonzero(_correlation(laid, small[1], _weights(inside)) >= HOPELESS)
        if not len(near):
            continue
        a, b, warp = a[near], b[near], warp[near]
        for level in range(1, len(LEVELS)):
            warp = _fitted(a.mean(3), b.mean(3), warp, level)
        for name, values in _compared(a, b, warp).items():
            found[name][start + near] = values
    return Aligned(**found)


def _shares(pictures: Pixels) -> Floats:
    """Return shares of full scale."""
    out: Floats = pictures.astype(np.float32) / np.float32(255)
    return out


def _fitted(first: Floats, second: Floats, warp: Floats, level: int) -> Floats:
    """Return the warp after the steps of one level."""
    small = [_smooth(_shrunk(grey, LEVELS[level]), 0.8) for grey in (first, second)]
    for _ in range(STEPS[level]):
        warp = _step(small[0], small[1], warp)
    return warp


def _compared(first: Floats, second: Floats, warp: Floats) -> dict[str, Floats]:
    """Return the figures of `Aligned` for pictures [P, SIDE, SIDE, 3] and their warps."""
    grey_a, grey_b = (_smooth(p.mean(3), 0.7) for p in (first, second))
    laid, inside = _warped(grey_a, warp)
    fine_a = _warped(grey_a - _smooth(grey_a, 2.5), warp)[0]
    fine_b = grey_b - _smooth(grey_b, 2.5)
    weight = _weights(inside)
    apart = np.stack(
        [((_warped(first[..., c], warp)[0] - second[..., c]) * weight).sum((1, 2))
         for c in range(3)], 1,
    )  # fmt: skip
    sizes = [(fine**2 * weight).sum((1, 2)) for fine in (fine_a, fine_b)]
    return {
        "outline": _correlation(laid, grey_b, weight),
        "detail": _correlation(fine_a, fine_b, weight),
        "colour": np.abs(apart - np.median(apart, 1, keepdims=True)).max(1),
        "texture": np.sqrt(np.minimum(*sizes)),
        "overlap": inside.mean((1, 2)),
    }


def _smooth(pictures: Floats, pixels: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    out: Floats = gaussian_filter(pictures, (0, pixels, pixels))
    return out


def _weights(inside: Floats) -> Floats:
    """Return weights that add up to 1 in each picture."""
    total = np.maximum(inside.sum((1, 2), keepdims=True), 1)
    out: Floats = inside / total
    return out


def _shrunk(pictures: Floats, side: int) -> Floats:
    """Return means over cells, [P, side, side]."""
    step = pictures.shape[1] // side
    cells = pictures.reshape(len(pictures), side, step, side, step)
    mean: Floats = cells.mean((2, 4))
    return mean


def _places(warp: Floats, side: int) -> tuple[Floats, Floats]:
    """Where in the first picture each column and row of the second lies, in pixels, [P, side]."""
    at = _middled(side)
    x: Floats = (warp[:, :1] * at + warp[:, 1:2] + np.float32(0.5)) * side - np.float32(0.5)
    y: Floats = (warp[:, 2:3] * at + warp[:, 3:] + np.float32(0.5)) * side - np.float32(0.5)
    return x, y


def _middled(side: int) -> Floats:
    """Return where the pixels of a row lie, in shares of the side; the middle is 0."""
    return ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)


def _warped(pictures: Floats, warp: Floats) -> tuple[Floats, Floats]:
    """Return the pictures in the frame of the second ones, and 1 where they have a say, else 0."""
    side = pictures.shape[1]
    x, y = _places(warp, side)
    out: Floats = pictures
    pairs = np.arange(len(pictures))[:, None]
    for places in (y, x):  # rows, then, turned over, columns
        floor = np.clip(np.floor(places), 0, side - 2)
        part = np.clip(places - floor, 0, 1)[:, :, None]
        low = floor.astype(np.intp)
        out = out[pairs, low] * (1 - part) + out[pairs, low + 1] * part
        out = out.transpose(0, 2, 1)
    good_x, good_y = ((p > -0.5) & (p < side - 0.5) for p in (x, y))
    inside = good_y[:, :, None] & good_x[:, None, :]
    return out, inside.astype(np.float32)


def _step(first: Floats, second: Floats, warp: Floats) -> Floats:
    """One step of least squares: warp, gain and offset together."""
    side = first.shape[1]
    laid, inside = _warped(first, warp)
    at = _middled(side)
    down, across = np.gradient(laid, axis=(1, 2))
    # The gradient is in the second picture's frame; a step of the warp moves in the first's.
    across = across * side / np.maximum(warp[:, 0], 0.1)[:, None, None]
    down = down * side / np.maximum(warp[:, 2], 0.1)[:, None, None]
    columns = np.stack(
        [across * at[None, None], across, down * at[None, :, None], down, laid,
         np.ones_like(laid)], 1,
    )  # fmt: skip
    flat = columns.reshape(len(first), 6, -1)
    weighted = flat * inside.reshape(len(first), 1, -1)
    matrix = weighted @ flat.transpose(0, 2, 1)
    # So little that a step hardly changes, and a blank picture's matrix can still be solved.
    least = 1e-4 / 6 * np.trace(matrix, axis1=1, axis2=2) + 1e-9
    matrix += least[:, None, None] * np.eye(6, dtype=np.float32)
    wrong = (second - laid).reshape(len(first), -1, 1)
    moved = np.linalg.solve(matrix, weighted @ wrong)[:, :4, 0]
    new = warp + np.clip(moved, -0.1, 0.1)
    new[:, ::2] = np.clip(new[:, ::2], 1 / MAX_ZOOM, MAX_ZOOM)
    new[:, 1::2] = np.clip(new[:, 1::2], -0.2, 0.2)
    out: Floats = new.astype(np.float32)
    return out


def _correlation(first: Floats, second: Floats, weight: Floats) -> Floats:
    a = first - (first * weight).sum((1, 2), keepdims=True)
    b = second - (second * weight).sum((1, 2), keepdims=True)
    along = (a * b * weight).sum((1, 2))
    sizes = (a * a * weight).sum((1, 2)) * (b * b * weight).sum((1, 2))
    out: Floats = along / np.sqrt(np.maximum(sizes, 1e-16))
    return out
