"""HEIC photos: read where pi-heif is installed, else refused with its name."""

import base64

import numpy as np
import pytest

from topwork.errors import ExampleError
from topwork.examples.images import heif
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.kinds import describe, image_format, sniff

FORM = ImageInput(size=64, mean=(0.5,) * 3, std=(0.5,) * 3)
# 24 x 16 pixels, the left half (200, 40, 40), the right half (40, 40, 200)
PHOTO = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAEgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAAD"
    "AIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAAGAAAAAEA"
    "AAAQAAAAAf///9gAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAUG1k"
    "YXQAAABEKAGvEyGlIGjlNVP9KpdSAWB+pMAs8abNDLZBeYU2ExDCXSI0DZuzX+RTYKz+gDcX0jL++smygOfHKju7JMC0"
    "b92c6Ew="
)
START = b"\x00\x00\x00\x18ftypheic" + bytes(100)


def test_it_is_recognised():
    for brand in (b"heic", b"heix", b"mif1", b"msf1"):
        start = START.replace(b"heic", brand)
        assert (image_format(start), sniff(start), describe(start)) == (
            "HEIF",
            "image",
            "a HEIC photo",
        )


def test_without_a_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(heif, "find_spec", lambda _: None)
    with pytest.raises(ExampleError, match=r"HEIC photo.*pip install 'topwork\[heif\]'"):
        decode_image(START, FORM)


class TestReading:
    @pytest.fixture(autouse=True)
    def library(self):
        pytest.importorskip("pi_heif")

    def test_it_is_read(self):
        got = decode_image(PHOTO, FORM).astype(int)
        assert np.abs(got[:, 8:24] - (200, 40, 40)).max() < 12
        assert np.abs(got[:, 40:56] - (40, 40, 200)).max() < 12

    def test_it_is_cut_off(self):
        with pytest.raises(ExampleError):
            decode_image(PHOTO[: len(PHOTO) // 2], FORM)
