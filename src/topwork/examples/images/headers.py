"""Image headers, read without the pixels."""

from __future__ import annotations

import simplejpeg
from PIL import Image

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_WITHIN_BYTES = 2**18  # EXIF comes first or second; a segment has at most 64 kB


def turn_upright(image: Image.Image) -> Image.Transpose | None:
    """Return the turn that brings an image upright by its EXIF orientation, or None."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - a corrupt EXIF block fails in any way; the image is whole
        return None


def is_wide_colour(image: Image.Image) -> bool:
    """Whether a picture, not yet loaded, has colours of 16 bits, of which Pillow keeps 8."""
    if image.mode.startswith("I"):
        return False
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def plain_jpeg(data: bytes) -> tuple[int, int, str] | None:
    """Return width, height and `GRAY` or `RGB` of a JPEG that libjpeg-turbo can turn into it.

    None for CMYK and for what libjpeg-turbo does not read.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:
        return None
    forms = {"Gray": "GRAY", "YCbCr": "RGB", "RGB": "RGB"}
    return (width, height, forms[colours]) if colours in forms else None


def may_have_exif(data: bytes) -> bool:
    """Whether a JPEG's start holds an EXIF block: far cheaper to ask than to parse."""
    return data.find(b"Exif\x00", 0, _EXIF_WITHIN_BYTES) >= 0


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that a WebP's header claims.

    Asked before Pillow is: it takes the memory of two whole frames as it opens one.
    """
    form, head = data[12:16], data[20:30].ljust(10, b"\x00")
    if form == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if form == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF
