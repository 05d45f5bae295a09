"""Decoding of images.

Colour profiles are not applied, as in the tools that the backbones were trained with.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, UnidentifiedImageError

from topwork.core.shapes import UInt8
from topwork.errors import ExampleError, TooLargeError
from topwork.examples.images.headers import (
    is_wide_colour,
    may_have_exif,
    plain_jpeg,
    turn_upright,
    webp_size,
)
from topwork.examples.images.heif import load_heif
from topwork.examples.images.jpeg import check_complaint, check_scans, with_end
from topwork.examples.images.pixels import array_image, plain_image, quiet_pillow
from topwork.examples.images.png import check_pixel_chunks
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.kinds import PREFIX_BYTES, describe, image_format
from topwork.examples.regular import check_regular

__all__ = ["MAX_FILE_BYTES", "MAX_PIXELS", "ImageInput", "decode_image", "load_image", "read_file"]

MAX_PIXELS = 178_956_970
"""Where Pillow, too, refuses: an image of 0.7 GB once decoded. A telephone's photo has 12 to 50
million, the largest X-rays some 30 million; a file of a few kB can claim a thousand times that."""

MAX_FILE_BYTES = 2**30
"""Nearly twice what MAX_PIXELS of uncompressed red, green and blue take on disk."""

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}
_PADDING_GREY = 128
_TGA_END = b"TRUEVISION-XFILE.\x00"  # the one format with its mark at the end


def read_file(path: Path) -> bytes:
    """Return a file's bytes. Raises ExampleError with the reason where it cannot be read."""
    return read_at_most(path, MAX_FILE_BYTES, advice="Save it smaller or compressed")


def read_at_most(path: Path, most: int, *, kind: str = "", advice: str) -> bytes:
    """Return the bytes of a file that has at most so many. Raises ExampleError as `read_file`."""
    try:
        check_regular(path)
        size_bytes = path.stat().st_size
        if size_bytes > most:
            raise TooLargeError(
                f"the file has {size_bytes:,} bytes; {kind}at most {most:,} are read. {advice}"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        if isinstance(error, ExampleError):
            raise
        reason = error.strerror if isinstance(error, OSError) else None
        raise ExampleError(f"the file cannot be read: {reason or error}") from error


def decode_image(
    content: object, preprocessing: ImageInput, *, max_pixels: int = MAX_PIXELS
) -> UInt8[np.ndarray, "size size 3"]:
    """Return pixels [size, size, 3], red, green and blue, 0..255, contiguous.

    Args:
        content: encoded bytes; a path; a PIL image; or an array [H, W], [H, W, 1], [H, W, 3] or
            [H, W, 4] (red, green, blue, opacity) of uint8, uint16 (0..65535), bool, or floats
            from 0 to 1. What is transparent is laid on white. Of an animation, the first frame.
        preprocessing: the form to bring it into.
        max_pixels: an image whose header claims more is refused before memory is taken. Beyond
            the default, Pillow's own limit (`PIL.Image.MAX_IMAGE_PIXELS`) must be raised too.

    Raises:
        ExampleError: it is damaged or not an image; the message is the reason, without a name.
        TooLargeError: it has more than `max_pixels`.

    May be called from any number of threads; the heavy parts run side by side.
    """
    if isinstance(content, str | os.PathLike):
        content = read_file(Path(content))
    with decode_errors():
        if isinstance(content, bytes | bytearray | memoryview):
            return _decode_bytes(bytes(content), preprocessing, max_pixels)
        if isinstance(content, Image.Image):
            return _fit_whole(content, preprocessing, max_pixels)
        if isinstance(content, np.ndarray):
            _check_pixels(content.shape[1::-1], max_pixels)
            image = array_image(content, preprocessing.bits)
            return _fit(image, image.size, preprocessing, None)
    raise ExampleError(
        f"it is a {type(content).__name__}; accepted are a path, encoded bytes, a PIL image, or a "
        "NumPy array [height, width, 3]"
    )


def load_image(image: Image.Image, *, max_pixels: int = MAX_PIXELS) -> None:
    """Read a PIL image's pixels, if that was put off. Raises as `decode_image` does."""
    with decode_errors():
        _check_pixels(image.size, max_pixels)
        image.load()


@contextmanager
def decode_errors() -> Iterator[None]:
    """Raise ExampleError, or TooLargeError, whatever Pillow meets hostile bytes with."""
    try:
        with quiet_pillow():
            yield
    except ExampleError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise TooLargeError(f"decoding it would take too much memory: {error}") from error
    except Exception as error:
        # Pillow's decoders meet hostile bytes with errors of any kind, down to IndexError.
        raise ExampleError(f"the image data is damaged or ends early ({error})") from error


def _decode_bytes(data: bytes, preprocessing: ImageInput, max_pixels: int) -> npt.NDArray[np.uint8]:
    if not data:
        raise ExampleError("it is empty (0 bytes)")
    known = image_format(data[:PREFIX_BYTES])
    if known is None and data.endswith(_TGA_END):
        known = "TGA"
    if known is None:
        raise ExampleError(f"it is not an image: it looks like {describe(data[:PREFIX_BYTES])}")
    if known == "HEIF":
        load_heif()
    if known == "WEBP":
        _check_pixels(webp_size(data), max_pixels)
    if known == "PNG":
        check_pixel_chunks(data)
    if known == "JPEG":
        check_scans(data)
    jpeg = plain_jpeg(data) if known == "JPEG" else None
    if jpeg is not None:
        _check_pixels(jpeg[:2], max_pixels)
        fast = _decode_jpeg(data, *jpeg, preprocessing)
        if fast is not None:
            return fast
    elif known == "JPEG":
        data = _with_end_of_cmyk(data, max_pixels)
    with _open(data, known) as image:
        return _fit_whole(image, preprocessing, max_pixels)


def _with_end_of_cmyk(data: bytes, max_pixels: int) -> bytes:
    """Add the end mark to a CMYK JPEG that lacks it alone: Pillow never says what it makes up."""
    whole = with_end(data)
    if whole is not data:
        with _open(data, "JPEG") as image:
            _check_pixels(image.size, max_pixels)
        try:
            simplejpeg.decode_jpeg(whole, "CMYK")
        except ValueError as error:
            check_complaint(str(error))
            return data  # nothing is known of it: Pillow refuses what lacks the mark
    return whole


def _open(data: bytes, known: str) -> Image.Image:
    try:
        # Only the format that was recognised: Pillow would hand PostScript to Ghostscript.
        return Image.open(io.BytesIO(data), formats=[known])
    except UnidentifiedImageError as error:
        raise ExampleError(
            f"it begins like {describe(data[:PREFIX_BYTES])}, but it is damaged, ends early, or "
            "is of a variant that Pillow cannot read"
        ) from error


def _decode_jpeg(
    data: bytes, width: int, height: int, colours: str, preprocessing: ImageInput
) -> npt.NDArray[np.uint8] | None:
    """Decode at the smallest scale that still has all the pixels needed; None: leave to Pillow."""
    turn = None
    if may_have_exif(data):
        with _open(data, "JPEG") as image:
            turn = turn_upright(image)
    left, top, right, bottom = preprocessing.source_box(width, height)
    across, down = preprocessing.target(width, height)
    need = {
        "min_width": math.ceil(width * across / (right - left)),
        "min_height": math.ceil(height * down / (bottom - top)),
    }
    whole = with_end(data)
    try:
        pixels = simplejpeg.decode_jpeg(whole, colours, **need)
    except ValueError as error:
        check_complaint(str(error))
        try:
            pixels = simplejpeg.decode_jpeg(whole, colours, **need, strict=False)
        except ValueError:
            return None
    if colours == "GRAY":
        pixels = pixels[:, :, 0]
    return _fit(Image.fromarray(pixels), (width, height), preprocessing, turn)


def _fit_whole(
    image: Image.Image, preprocessing: ImageInput, max_pixels: int
) -> npt.NDArray[np.uint8]:
    _check_pixels(image.size, max_pixels)
    if preprocessing.bits is not None and is_wide_colour(image):
        raise ExampleError(
            f"its colours have 16 bits, of which the upper 8 are read, and the model reads "
            f"{preprocessing.bits} bits. Save it as grey of 16 bits, or scale its colours to 8 bits"
        )
    image.load()
    # After load: Pillow turns TIFF images by itself there, and then forgets the orientation.
    turn = turn_upright(image)
    return _fit(plain_image(image, preprocessing.bits), image.size, preprocessing, turn)


def _fit(
    image: Image.Image,
    full_size: tuple[int, int],
    preprocessing: ImageInput,
    turn: Image.Transpose | None,
) -> npt.NDArray[np.uint8]:
    """Resize an L or RGB image, turn it upright, and pad it.

    `full_size` (width, height) decides the geometry: the image may be a reduced copy, whose
    rounded size would shift it.
    """
    left, top, right, bottom = preprocessing.source_box(*full_size)
    across, down = image.width / full_size[0], image.height / full_size[1]
    box = (left * across, top * down, right * across, bottom * down)
    target = preprocessing.target(*full_size)
    if target != image.size or box != (0, 0, *image.size):
        image = image.resize(target, _FILTERS[preprocessing.interpolation], box=box)
    if turn is not None:
        image = image.transpose(turn)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = np.broadcast_to(pixels[:, :, None], (*pixels.shape, 3))
    if pixels.shape[:2] == (preprocessing.size, preprocessing.size):
        return np.ascontiguousarray(pixels)
    padded = np.full((preprocessing.size, preprocessing.size, 3), _PADDING_GREY, np.uint8)
    above, before = ((preprocessing.size - side) // 2 for side in pixels.shape[:2])
    padded[above : above + pixels.shape[0], before : before + pixels.shape[1]] = pixels
    return padded


def _check_pixels(size: tuple[int, ...], max_pixels: int) -> None:
    if math.prod(size) > max_pixels:
        raise TooLargeError(
            f"it has {size[0]:,} x {size[-1]:,} pixels; at most {max_pixels:,} are decoded. Save "
            "it smaller"
        )
