"""Pixel formats as 8-bit grey or colour."""

from __future__ import annotations

import ctypes
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from topwork.core.shapes import Shaped
from topwork.errors import ExampleError

_16_BIT_STEP = 257  # 65535 / 255: full white stays full white
_FLOAT_SLACK = 1e-3  # resizing and JPEG leave floats a little outside 0..1

_lock = threading.Lock()
_num_quiet = 0
_FILTER: Any = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings (corrupt EXIF, odd palettes, large images) from leaking out.

    `warnings.catch_warnings` restores a whole list and is not safe among threads: one thread
    could restore another's filters for good. This puts one narrow filter in and takes the same
    one out when the last thread leaves.
    """
    global _num_quiet
    _quiet_libtiff()
    filters: Any = warnings.filters
    with _lock:
        _num_quiet += 1
        if _FILTER not in filters:
            filters.insert(0, _FILTER)
    try:
        yield
    finally:
        with _lock:
            _num_quiet -= 1
            if _num_quiet == 0:
                filters = warnings.filters
                with suppress(ValueError):  # someone else put the old list back meanwhile
                    filters.remove(_FILTER)


@cache
def _quiet_libtiff() -> None:
    """Keep libtiff from writing on standard error what Pillow raises anyway.

    Pillow turns its warnings off, but not its errors. Its wheels bring a libtiff of their own;
    another one is left as it is.
    """
    package = Path(Image.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for path in folder.glob("libtiff*"):
            with suppress(OSError, AttributeError):
                ctypes.CDLL(str(path)).TIFFSetErrorHandler(None)


def plain_image(image: Image.Image, bits: int | None = None) -> Image.Image:
    """Return a loaded image as mode L or RGB; what is transparent is laid on white.

    With `bits`, 16-bit and 32-bit grey is divided by the greatest value of so many bits. Without:

    - 16-bit grey (I;16 and its kin): divided by 257.
    - 32-bit grey (I): taken as 16-bit where it fits, else stretched from its least to its
      greatest value.
    - Floats (F): 0..1 times 255; 0..255 as they are; else stretched likewise.

    Raises ExampleError on floats that are not finite, on modes that Pillow cannot convert, and on
    values beyond `bits`.
    """
    mode = image.mode
    if mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if mode.startswith("I;16"):
        return Image.fromarray(_from_16_bit(np.asarray(image), bits))
    if mode == "I" and bits is not None:
        return Image.fromarray(_from_16_bit(np.asarray(image), bits))
    if mode in ("I", "F"):
        return Image.fromarray(_from_wide(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("L" if mode == "1" else "RGB")


def array_image(array: Shaped[np.ndarray, "h w *channels"], bits: int | None = None) -> Image.Image:
    """Return an array [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] as mode L or RGB.

    uint8 as it is, uint16 divided by 257, bool as black and white, floats from 0 to 1; with `bits`,
    whole numbers of 16 bits or more divided by the greatest of so many bits. Raises ExampleError
    on anything else, and on values beyond `bits`.
    """
    shape = array.shape
    if array.ndim not in (2, 3) or 0 in shape or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        first = array.ndim == 3 and shape[0] in (1, 3, 4)
        hint = "; move its channels last: array.transpose(1, 2, 0)" if first else ""
        raise ExampleError(
            f"the array's shape is {shape}; accepted: [height, width], or [height, width, "
            f"channels] with 1, 3 or 4 channels{hint}"
        )
    pixels = _to_uint8(array, bits)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _on_white(image) if image.mode == "RGBA" else image


def is_wide(dtype: np.dtype[Any]) -> bool:
    """Say whether pixels of this type are whole numbers of 16 bits or more."""
    return dtype.kind in "iu" and dtype.itemsize >= 2


def _to_uint8(array: npt.NDArray[Any], bits: int | None) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if is_wide(array.dtype) and (bits is not None or array.dtype.str[1:] == "u2"):
        return _from_16_bit(array, bits)
    if array.dtype.kind != "f":
        raise ExampleError(
            f"the array's type is {array.dtype}; accepted: uint8, uint16, bool, or floats from 0 "
            "to 1. Where its values lie in 0..255, use array.astype('uint8'); where whole numbers "
            "use 12 bits, name the backbone with ?bits=12"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= -_FLOAT_SLACK and high <= 1 + _FLOAT_SLACK):  # so that NaN fails too
        raise ExampleError(
            f"the array's values run from {low:g} to {high:g}; floats must lie in 0..1. Undo any "
            "normalisation, or divide by 255"
        )
    return (array.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _from_16_bit(values: npt.NDArray[Any], bits: int | None) -> npt.NDArray[np.uint8]:
    if bits is not None:
        most = 2**bits - 1
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > most:
            raise ExampleError(
                f"its values go {f'down to {low:,}' if low < 0 else f'to {high:,}'}, and the model "
                f"reads {bits} bits: 0 to {most:,}. Save it as the pictures that the model was "
                "trained on, or train with more bits (?bits= with the backbone)"
            )
        return np.asarray((values.astype(np.uint32) * 255 + most // 2) // most, np.uint8)
    return ((values.astype(np.uint32) + _16_BIT_STEP // 2) // _16_BIT_STEP).astype(np.uint8)


def _from_wide(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise ExampleError("it holds values that are not finite numbers")
    whole = values.dtype.kind == "i"
    if whole and low >= 0 and high <= 65535:
        return _from_16_bit(values, None)
    if not whole and low >= 0 and high <= 1:
        offset, scale = 0.0, 255.0
    elif not whole and low >= 0 and high <= 255:
        offset, scale = 0.0, 1.0
    else:
        offset, scale = low, 255 / max(high - low, 1e-30)
    return ((values.astype(np.float64) - offset) * scale + 0.5).clip(0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white
