"""What looks like a mistake in pictures."""

from __future__ import annotations

import io
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from topwork.core.memo import key_of, memo
from topwork.errors import ExampleError
from topwork.examples.example import Example
from topwork.examples.images.decode import MAX_PIXELS, decode_errors, read_file
from topwork.examples.images.headers import is_wide_colour, turn_upright
from topwork.examples.images.pixels import is_wide
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.kinds import PREFIX_BYTES, image_format
from topwork.examples.regular import check_regular
from topwork.examples.remarks.sample import spread

SAMPLE = 200
"""Pictures whose headers are read, spread evenly."""

LEAST_KEPT = 0.5
"""Of the middle picture: half of a photo of 3:2 is never lost (a third is), of 600 x 60 nine tenths
are."""

BITS = (8, 10, 12, 14)
"""That cameras and scanners have, below 16."""

_AT_ONCE = 32
_WIDE_FORMATS = ("PNG", "TIFF", "JPEG2000", "PPM")
_PNG_GREY_16 = b"\x10\x00"
"""Bit depth and colour type, at byte 24. Pillow reads 16-bit colour as 8 bits."""


def image_remarks(examples: Sequence[Example], preprocessing: ImageInput) -> list[str]:
    """Say where the crop throws most of most pictures away, and where colours are all but black.

    Only headers are read, of at most `SAMPLE` pictures; more only of colours of 16 bits.
    """
    looked_at = spread(examples, SAMPLE)
    return [*_cropped(looked_at, preprocessing), *_dark(looked_at)]


def _cropped(looked_at: Sequence[Example], preprocessing: ImageInput) -> list[str]:
    if preprocessing.resize != "crop":
        return []
    with ThreadPoolExecutor(4) as pool:
        sizes = [size for size in pool.map(_upright_size, looked_at) if size is not None]
    if not sizes:
        return []
    kept = sorted((_kept(size, preprocessing), size) for size in sizes)
    share, (width, height) = kept[len(kept) // 2]
    if statistics.median(one for one, _ in kept) >= LEAST_KEPT:
        return []
    return [
        f"The crop keeps {share:.0%} of the middle one of {len(kept)} pictures that were looked at "
        f"({width} x {height}): what lies outside is not seen. Say ?resize=pad (or squash) with "
        "the backbone."
    ]


def _dark(looked_at: Sequence[Example]) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        found = [most for most in pool.map(_most_of_wide_colour, looked_at) if most is not None]
    if not found or max(found) >= 2 ** (BITS[-1] - 8):
        return []
    return [
        f"{len(found)} of {len(looked_at)} pictures that were looked at have colours of 16 bits. "
        f"Only the upper 8 are read, and these go to {max(found)} of 255: the pictures are "
        "all but black. Save them with their values scaled to 8 bits."
    ]


def used_bits(examples: Sequence[Example]) -> int | None:
    """Return how many bits the pictures of 16 bits or more use together: one of `BITS`.

    None where there are no such pictures, or they use more. Only the beginning is read of others.
    """

    def look() -> int | None:
        greatest = 0
        with ThreadPoolExecutor(4) as pool:
            for start in range(0, len(examples), _AT_ONCE):
                some = pool.map(_greatest, examples[start : start + _AT_ONCE])
                greatest = max(greatest, *some)
                if greatest >= 2 ** BITS[-1]:
                    return None
        if not greatest:
            return None
        return next(bits for bits in BITS if greatest < 2**bits)

    def read(kept: int | None) -> int | None:
        return None if kept is None else int(kept)

    key = key_of("used bits", [example.digest for example in examples])
    bits: int | None = memo(key, look, read=read, write=lambda bits: bits)
    return bits


def _kept(size: tuple[int, int], preprocessing: ImageInput) -> float:
    left, top, right, bottom = preprocessing.source_box(*size)
    return (right - left) * (bottom - top) / (size[0] * size[1])


def _upright_size(example: Example) -> tuple[int, int] | None:
    """Width and height as a person sees them; None where the header does not say."""
    try:
        content = _content(example)
        if isinstance(content, np.ndarray):
            return (content.shape[1], content.shape[0]) if content.ndim >= 2 else None
        with decode_errors(), _opened(content) as image:
            turned = turn_upright(image) in _ACROSS
            return (image.height, image.width) if turned else image.size
    except ExampleError:
        return None


_ACROSS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
)


def _most_of_wide_colour(example: Example) -> int | None:
    """The greatest upper byte of a picture whose colours have 16 bits; None of another."""
    try:
        content = _content(example)
        if isinstance(content, np.ndarray | Image.Image):
            return None
        with decode_errors(), _opened(content) as image:
            if not is_wide_colour(image) or image.width * image.height > MAX_PIXELS:
                return None
            return int(np.asarray(image.convert("RGB")).max())
    except ExampleError:  # the run names it, and why
        return None


def _greatest(example: Example) -> int:
    """The greatest value of a picture of 16 bits or more; 0 of another, 2^31 with one below 0."""
    try:
        content = _content(example)
        if isinstance(content, np.ndarray):
            return _greatest_of(content)
        if not isinstance(content, Image.Image) and not _may_be_wide(content):
            return 0
        with decode_errors(), _opened(content) as image:
            wide = image.mode == "I" or image.mode.startswith("I;16")
            if not wide or image.width * image.height > MAX_PIXELS:
                return 0
            return _greatest_of(np.asarray(image))
    except ExampleError:  # the run names it, and why
        return 0


def _greatest_of(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    if not is_wide(values.dtype) or not values.size:
        return 0
    return 2**31 if int(values.min()) < 0 else int(values.max())


def _may_be_wide(content: object) -> bool:
    with _file(content) as file:
        prefix = file.read(PREFIX_BYTES)
    form = image_format(prefix)
    return form in _WIDE_FORMATS and (form != "PNG" or prefix[24:26] == _PNG_GREY_16)


def _content(example: Example) -> object:
    """The content, or the path where it is read whole: a header is enough."""
    read = example.read
    if isinstance(read, partial) and read.func is read_file:
        return read.args[0]
    return read()


@contextmanager
def _file(content: object) -> Iterator[BinaryIO]:
    if isinstance(content, bytes | bytearray | memoryview):
        yield io.BytesIO(content)
        return
    if not isinstance(content, str | Path):
        raise ExampleError("it is no encoded picture")
    try:
        check_regular(Path(content))
        with Path(content).open("rb") as file:
            yield file
    except OSError as error:
        raise ExampleError(f"the file cannot be read: {error.strerror}") from error


@contextmanager
def _opened(content: object) -> Iterator[Image.Image]:
    if isinstance(content, Image.Image):
        yield content
        return
    with _file(content) as file:
        form = image_format(file.read(PREFIX_BYTES))
        if form is None:
            raise ExampleError("it is no picture by its first bytes")
        file.seek(0)
        with Image.open(file, formats=[form]) as image:
            yield image
