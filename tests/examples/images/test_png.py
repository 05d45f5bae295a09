"""A PNG whose pixels were altered on the way is refused: each of its chunks has a CRC."""

import io

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ExampleError
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.images.png import check_pixel_chunks

FORM = ImageInput(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def png() -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_good_pixels(png: bytes) -> None:
    check_pixel_chunks(png)
    check_pixel_chunks(png + b"what follows the end")
    assert decode_image(png, FORM).shape == (32, 32, 3)


def test_each_altered_byte_of_the_pixels_is_seen(png: bytes) -> None:
    start = png.index(b"IDAT")
    for place in range(start + 4, len(png) - 16, 97):
        altered = bytearray(png)
        altered[place] ^= 1
        with pytest.raises(ExampleError, match=f"checksum of the pixels from byte {start - 4:,}"):
            decode_image(bytes(altered), FORM)


def test_what_ends_early_is_left_to_pillow(png: bytes) -> None:
    check_pixel_chunks(png[:100])
    with pytest.raises(ExampleError, match="damaged or ends early"):
        decode_image(png[:-100], FORM)
