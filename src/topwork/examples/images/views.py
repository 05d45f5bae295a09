"""Augmented views of images.

All geometry is one affine map, so the picture is resampled once, and what lies outside is its own
mirror image, never black. All of colour is one matrix, so it is rounded once.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from topwork.core.shapes import Pixels, UInt8
from topwork.examples.arrays.views import Draw, drawn_factor

IMAGE_AUGMENTATIONS = (
    "flip", "flip_vertical", "zoom", "rotate", "shift", "colour", "grey", "blur", "noise", "erase",
)  # fmt: skip

MAX_DEGREES = 15.0
"""Of `rotate`, either way: as far as a hand-held camera strays; a 6 is still no 9."""

ZOOM_AREA = (0.6, 1.15)
"""Of the picture's area, what `zoom` shows. Inception's crops (Szegedy et al. 2015, section 6) show
0.08 to 1, which for few examples loses the object too often; above 1 the object gets smaller."""

ZOOM_ASPECT = 5 / 4
"""Inception's crops go to 4/3."""

MAX_SHIFT = 0.06
"""Of the side, either way; `zoom` moves the picture too, and with more a hand lost its thumb."""

LIGHT, SATURATION, HUE_TURNS = 1.25, 1.4, 0.02
"""`colour`: brightness and contrast are multiplied or divided by up to LIGHT, saturation likewise;
hue turns by 7 degrees at most either way, for the colour may be the class. Between those of SimCLR
(Chen et al. 2020, appendix A: 0.8, 0.8 and 0.2) and none."""

GREY_SHARE, BLUR_SHARE = 0.2, 0.5
"""Of the views; SimCLR, the same appendix."""

MAX_BLUR = 2.0 / 224
"""The standard deviation of `blur`, of the side; SimCLR, the same."""

MAX_NOISE = 10.0
"""Standard deviation of `noise`, in steps of 255: a telephone's picture in poor light."""

ERASE_SHARE, ERASE_AREA, ERASE_ASPECT = 0.5, (0.02, 0.2), 1 / 0.3
"""Zhong et al. 2017, where the area goes to 0.4: too much of one example of few."""

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def image_view(
    pixels: UInt8[np.ndarray, "h w 3"], names: tuple[str, ...], draw: Draw
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture [H, W, 3] altered by the names; `draw` gives each its generator."""
    if "flip" in names and draw("flip").random() < 0.5:
        pixels = pixels[:, ::-1]
    if "flip_vertical" in names and draw("flip_vertical").random() < 0.5:
        pixels = pixels[::-1]
    pixels = _placed(pixels, names, draw)
    pixels = _coloured(pixels, names, draw)
    if "blur" in names:
        pixels = _blurred(pixels, draw("blur"))
    if "noise" in names:
        pixels = _noisy(pixels, draw("noise"))
    if "erase" in names:
        pixels = _erased(pixels, draw("erase"))
    return np.ascontiguousarray(pixels)


def warped(
    pixels: UInt8[np.ndarray, "h w 3"],
    *,
    degrees: float = 0.0,
    shown: tuple[float, float] = (1.0, 1.0),
    offset: tuple[float, float] = (0.0, 0.0),
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture turned, and of it the part shown, resampled once (bicubic).

    Args:
        pixels: [H, W, 3].
        degrees: how far it is turned about its middle, anti-clockwise as one sees it.
        shown: the part's width and height, as shares of the picture's own.
        offset: of the part's middle from the picture's, to the right and down, as shares.
    """
    if (degrees, shown, offset) == (0.0, (1.0, 1.0), (0.0, 0.0)):
        return pixels
    height, width = pixels.shape[:2]
    size = np.array([width, height], np.float64)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    linear = turn * np.array(shown)  # from places in what comes out to places in what went in
    start = size / 2 + turn @ (np.array(offset) * size) - linear @ (size / 2)
    corners = start[:, None] + linear @ np.array([[0, width, 0, width], [0, 0, height, height]])
    beyond = np.maximum(-corners.min(axis=1), corners.max(axis=1) - size)
    across, down = (max(math.ceil(n) + 2, 0) for n in beyond)  # bicubic takes 2 pixels on each side
    pixels = np.pad(pixels, ((down, down), (across, across), (0, 0)), "symmetric")
    start += (across, down)
    image = Image.fromarray(pixels).transform(
        (width, height),
        Image.Transform.AFFINE,
        (*linear[0], start[0], *linear[1], start[1]),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(image)


def _placed(pixels: Pixels, names: tuple[str, ...], draw: Draw) -> Pixels:
    degrees, shown, offset = 0.0, np.ones(2), np.zeros(2)
    if "zoom" in names:
        random = draw("zoom")
        area, aspect = random.uniform(*ZOOM_AREA), drawn_factor(random, ZOOM_ASPECT)
        shown = np.sqrt([area * aspect, area / aspect])
        offset = random.uniform(-0.5, 0.5, 2) * np.abs(1 - shown)  # one holds all of the other
    if "rotate" in names:
        degrees = draw("rotate").uniform(-MAX_DEGREES, MAX_DEGREES)
    if "shift" in names:
        offset = offset + draw("shift").uniform(-MAX_SHIFT, MAX_SHIFT, 2)
    across, down = shown.tolist()
    right, below = offset.tolist()
    return warped(pixels, degrees=degrees, shown=(across, down), offset=(right, below))


def _coloured(pixels: Pixels, names: tuple[str, ...], draw: Draw) -> Pixels:
    matrix, level = np.eye(3), 0.0
    image = Image.fromarray(pixels)
    if "colour" in names:
        random = draw("colour")
        bright, contrast = drawn_factor(random, LIGHT), drawn_factor(random, LIGHT)
        saturation = drawn_factor(random, SATURATION)
        angle = 2 * math.pi * random.uniform(-HUE_TURNS, HUE_TURNS)
        chroma = saturation * np.array(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        in_yiq = np.eye(3)
        in_yiq[1:, 1:] = chroma  # brightness is kept, and grey stays grey
        matrix = contrast * bright * (_FROM_YIQ @ in_yiq @ _TO_YIQ)
        level = (1 - contrast) * bright * float(np.asarray(image.convert("L")).mean())
    if "grey" in names and draw("grey").random() < GREY_SHARE:
        matrix = np.tile(_LUMA @ matrix, (3, 1))
    if np.array_equal(matrix, np.eye(3)):
        return pixels
    rows = np.column_stack((matrix, np.full(3, level)))
    return np.asarray(image.convert("RGB", tuple(rows.ravel())))


def _blurred(pixels: Pixels, random: np.random.Generator) -> Pixels:
    if random.random() >= BLUR_SHARE:
        return pixels
    radius = random.uniform(0.1, 1) * MAX_BLUR * max(pixels.shape)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _noisy(pixels: Pixels, random: np.random.Generator) -> Pixels:
    strength = np.float32(random.uniform(0, MAX_NOISE))
    # of light alone: cameras smooth that of colour away, and a grey picture stays grey
    noise = random.standard_normal((*pixels.shape[:2], 1), np.float32)
    return np.clip(np.rint(pixels + strength * noise), 0, 255).astype(np.uint8)


def _erased(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Cover a box with the picture's mean colour: frozen blocks would take noise for a texture."""
    if random.random() >= ERASE_SHARE:
        return pixels
    area, aspect = random.uniform(*ERASE_AREA), drawn_factor(random, ERASE_ASPECT)
    height, width = pixels.shape[:2]
    tall = min(round(height * math.sqrt(area * aspect)), height)
    wide = min(round(width * math.sqrt(area / aspect)), width)
    top, left = random.integers(height - tall + 1), random.integers(width - wide + 1)
    covered = pixels.copy()
    covered[top : top + tall, left : left + wide] = np.rint(pixels.mean(axis=(0, 1)))
    return covered
