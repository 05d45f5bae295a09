"""Picture sheets and overlays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float, Pixels, UInt8

if TYPE_CHECKING:
    from PIL import Image

    from topwork.evidence.attribution.patches import Patches

Map = npt.NDArray[np.floating]

GAP = 2
"""White pixels between the pictures of a sheet."""

PATCH_PIXELS = 56
"""A patch's side on a sheet: nine fit beside each other in a column of text."""

PALE, OPAQUE = 0.7, 0.75
"""How much colour a picture loses under a map, so that the map's own can be told; and how much of
the picture the strongest place hides."""

FOR, AGAINST = (255, 150, 30), (60, 110, 255)
"""Orange and blue: told apart with every common kind of colour blindness."""


def sheet(images: Sequence[UInt8[np.ndarray, "..."]], columns: int, scale: int = 1) -> Image.Image:
    """Return pictures uint8 [h, w, 3] or [h, w] in rows of `columns`, each pixel `scale` wide.

    Pixels stay squares. Pictures of other sizes than the largest stand at the top left of their
    places. Without any, one white pixel.
    """
    from PIL import Image

    if not len(images):
        return Image.new("RGB", (1, 1), "white")
    columns, scale = max(1, min(columns, len(images))), max(1, scale)
    wide = scale * max(image.shape[1] for image in images) + GAP
    high = scale * max(image.shape[0] for image in images) + GAP
    rows = -(-len(images) // columns)
    out = Image.new("RGB", (columns * wide + GAP, rows * high + GAP), "white")
    for number, image in enumerate(images):
        picture = Image.fromarray(image).convert("RGB")
        size = (picture.width * scale, picture.height * scale)
        row, column = divmod(number, columns)
        place = (GAP + column * wide, GAP + row * high)
        out.paste(picture.resize(size, Image.Resampling.NEAREST), place)
    return out


def patch_sheet(patches: Patches, side: int = PATCH_PIXELS) -> Image.Image:
    """Return a row for each unit, its patches brought to `side` pixels, strongest at the left."""
    from PIL import Image

    columns = max((len(unit.images) for unit in patches.units), default=1)
    blank = np.full((side, side, 3), 255, np.uint8)
    cells: list[Pixels] = []
    for unit in patches.units:
        for image in unit.images:
            small = len(image) < side
            kind = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
            cells.append(np.asarray(Image.fromarray(image).resize((side, side), kind)))
        cells += [blank] * (columns - len(unit.images))
    return sheet(cells, columns)


def overlay(pixels: UInt8[np.ndarray, "..."], weights: Float[np.ndarray, "h w"]) -> Image.Image:
    """Return a picture, paled, with a map [H, W] over it: orange above 0, blue below.

    The strongest place has full colour, however weak it is.

    Args:
        pixels: uint8 [h, w, 3] or [h, w], of any size: the map is brought to it.
    """
    from PIL import Image

    picture = Image.fromarray(pixels).convert("RGB")
    top = float(np.abs(weights).max(initial=0.0))
    share = np.asarray(weights, np.float32) / (top if np.isfinite(top) and top > 0 else 1.0)
    grown = Image.fromarray(np.nan_to_num(share)).resize(picture.size, Image.Resampling.BILINEAR)
    strength = np.clip(np.asarray(grown), -1, 1)[:, :, None]
    grey = np.asarray(picture.convert("L"), np.float32)[:, :, None]
    pale = PALE * grey + (1 - PALE) * np.asarray(picture)
    tint = np.where(strength > 0, np.array(FOR), np.array(AGAINST))
    share = OPAQUE * np.abs(strength)
    mixed = pale * (1 - share) + tint * share
    return Image.fromarray(np.clip(np.round(mixed), 0, 255).astype(np.uint8))
