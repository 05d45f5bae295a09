"""Occlusion of images.

Squares of the image in turn are painted over with its mean colour, and what the answer loses is
their weight (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks",
section 4.2). So every backbone and every head can be asked, and what is asked is the whole model:
what comes out of a block at one place may have been seen elsewhere.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from PIL import Image

from topwork.core.shapes import Doubles, Floats, Pixels
from topwork.evidence.attribution.image_grid import overlay
from topwork.evidence.attribution.log_odds import example_of, odds_of
from topwork.examples.example import Example
from topwork.examples.images.decode import decode_image, read_file
from topwork.examples.images.headers import turn_upright
from topwork.examples.images.pixels import quiet_pillow
from topwork.examples.images.preprocessing import ImageInput

if TYPE_CHECKING:
    from topwork.model.model import Model


GRID = 7
"""Squares on each side of what the network sees, each painted over in turn: 50 runs in all.

Measured by blurring what a map names, on 40 test photos of clothes and 40 of hand signs. With a
tenth of the photo the class loses 0.24 and 0.40 of probability, the same shape elsewhere 0.01 and
0.02; with a fifth 0.37 and 0.63, elsewhere 0.06 and 0.07. Squares of twice the side that overlap
(36 runs): 0.18 and 0.49, 0.31 and 0.71. Places left out of the pools of all blocks, which takes one
run of the network, was worse on both: 0.28 and 0.59 for 0.38 and 0.63, a fifth of 24 other photos.
"""

MAX_SIDE = 448
"""Pixels on the longer side of the picture and its map: twice what most backbones see."""

TURNED = {Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270,
          Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE}  # fmt: skip


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ImageOcclusion:
    """An image, and what each of its places said for a class.

    Attributes:
        map: float32 [H, W]: by how much the class's log-odds fall when the square around the place
            is painted over; linear between the squares' middles; below 0 where it spoke against
            the class, 0 where the network sees nothing of the image.
        pixels: the image, uint8 [H, W, 3], upright, at most MAX_SIDE pixels long.
        label: the class that is asked about.
        probability: what the model gives it.
        squares: what was painted over, row by row: left, top, right and bottom in the image's own
            pixels, and by how much the log-odds fell. Without those that lie outside the image.
    """

    map: Floats
    pixels: Pixels
    label: str
    probability: float
    squares: tuple[tuple[tuple[int, int, int, int], float], ...] = ()

    def picture(self) -> Image.Image:
        """Return the image, lit where it spoke for the class (orange) or against it (blue)."""
        return overlay(self.pixels, self.map)


def regions(model: Model, example: object, label: str | None = None) -> ImageOcclusion:
    """Return what each region of an image says for a class (None: the one that the model names).

    Args:
        example: an `Example`, or whatever `model.predict` takes as one image.

    Raises:
        ModalityError: the model is not one of images.
        SettingError: the model has no such class.
        ExampleError: the image cannot be read.
    """
    given, preprocessing = example_of(model, example, ImageInput)
    content = given.read()
    window = decode_image(content, preprocessing)
    odds, said = odds_of(model, _asked(given, window, preprocessing), label)
    width, height, pixels = _shown(content, preprocessing.bits)
    weights = (odds[0] - odds[1:]).reshape(GRID, GRID)
    down, across = _axes(preprocessing, (width, height), (pixels.shape[1], pixels.shape[0]))
    return ImageOcclusion(
        map=(down @ weights @ across.T).astype(np.float32),
        pixels=pixels,
        squares=tuple(_squares(preprocessing, (width, height), weights)),
        **said,
    )


def _asked(example: Example, window: Pixels, preprocessing: ImageInput) -> Iterator[Example]:
    """Yield what the network sees of an image, whole, and then with each square painted over."""
    edges = np.linspace(0, preprocessing.size, GRID + 1).round().astype(int)
    mean = np.round(window.mean((0, 1))).astype(np.uint8)
    yield replace(example, read=partial(_as_seen, window, preprocessing))
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            painted = window.copy()
            painted[top:bottom, left:right] = mean
            yield replace(example, read=partial(_as_seen, painted, preprocessing))


def _as_seen(window: Pixels, preprocessing: ImageInput) -> Pixels:
    """Return an image of which the input keeps this window: of its whole, if it crops no more."""
    if preprocessing.resize != "crop" or preprocessing.crop_fraction == 1:
        return window
    margin = round(preprocessing.size * (1 / preprocessing.crop_fraction - 1) / 2)
    return np.pad(window, ((margin, margin), (margin, margin), (0, 0)), mode="edge")


def _shown(content: object, bits: int | None) -> tuple[int, int, Pixels]:
    """Return the image's width and height, upright, and the picture of it that is shown."""
    width, height = _upright_size(content)
    side = min(MAX_SIDE, max(width, height))
    plain = ImageInput(
        size=side, resize="pad", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bits=bits
    )
    across, down = plain.target(width, height)
    left, top = (side - across) // 2, (side - down) // 2
    pixels = decode_image(content, plain)[top : top + down, left : left + across]
    return width, height, np.ascontiguousarray(pixels)


def _upright_size(content: object) -> tuple[int, int]:
    """Return width and height of an image that can be decoded."""
    if isinstance(content, np.ndarray):
        return int(content.shape[1]), int(content.shape[0])
    if isinstance(content, Image.Image):
        image, turn = content, turn_upright(content)
    else:
        if isinstance(content, str | os.PathLike):
            content = read_file(Path(content))
        data = bytes(content)  # type: ignore[call-overload]
        with quiet_pillow(), Image.open(io.BytesIO(data)) as image:
            if image.format == "TIFF":
                image.load()  # Pillow turns these by itself, and then tells so
            turn = turn_upright(image)
    width, height = image.size
    return (height, width) if turn in TURNED else (width, height)


def _squares(
    preprocessing: ImageInput, size: tuple[int, int], weights: Doubles
) -> Iterator[tuple[tuple[int, int, int, int], float]]:
    """Yield each square that shows some of the image, in the image's pixels, with its weight."""
    box, target = preprocessing.source_box(*size), preprocessing.target(*size)
    edges = np.linspace(0, preprocessing.size, GRID + 1).round()
    ends: list[list[int]] = []
    for axis in (0, 1):
        start, end = box[axis], box[axis + 2]
        before = (preprocessing.size - target[axis]) // 2
        at = start + (edges - before) / target[axis] * (end - start)
        ends.append(np.clip(at, start, end).round().astype(int).tolist())
    for row, (top, bottom) in enumerate(pairwise(ends[1])):
        for column, (left, right) in enumerate(pairwise(ends[0])):
            if left < right and top < bottom:
                yield (left, top, right, bottom), float(weights[row, column])


def _axes(
    preprocessing: ImageInput, size: tuple[int, int], shown: tuple[int, int]
) -> tuple[Doubles, Doubles]:
    """Return [shown height, GRID] and [shown width, GRID]: how each pixel reads the cells.

    Between the middles of cells the map is linear; where the network sees nothing it is 0.
    """
    left, top, right, bottom = preprocessing.source_box(*size)
    target = preprocessing.target(*size)
    axes = []
    for axis, (start, end) in enumerate(((left, right), (top, bottom))):
        at = (np.arange(shown[axis]) + 0.5) * size[axis] / shown[axis]  # in the image's pixels
        before = (preprocessing.size - target[axis]) // 2
        seen = (before + (at - start) / (end - start) * target[axis]) / preprocessing.size
        cell = np.clip(seen * GRID - 0.5, 0, GRID - 1)
        near = np.maximum(1 - np.abs(cell[:, None] - np.arange(GRID)), 0)
        axes.append(near * ((at >= start) & (at <= end))[:, None])
    return axes[1], axes[0]
