"""HEIC photos: read where pillow-heif is installed, else refused with its name."""

import io

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ExampleError
from topwork.examples.images import heif
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.kinds import describe, image_format, sniff

FORM = ImageInput(size=64, mean=(0.5,) * 3, std=(0.5,) * 3)
START = b"\x00\x00\x00\x18ftypheic" + bytes(100)


def test_it_is_recognised():
    for brand in (b"heic", b"heix", b"mif1", b"msf1"):
        start = START.replace(b"heic", brand)
        assert (image_format(start), sniff(start), describe(start)) == (
            "HEIF",
            "image",
            "a HEIC photo",
        )


def test_without_pillow_heif_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(heif, "find_spec", lambda _: None)
    with pytest.raises(ExampleError, match=r"HEIC photo.*pip install 'topwork\[heif\]'"):
        decode_image(START, FORM)


class TestReading:
    @pytest.fixture
    def data(self):
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.register_heif_opener()
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), (200, 30, 90)).save(buffer, "HEIF", quality=95)
        return buffer.getvalue()

    def test_it_is_read(self, data):
        got = decode_image(data, FORM)
        assert np.abs(got.astype(int) - (200, 30, 90)).max() < 8

    def test_it_is_cut_off(self, data):
        with pytest.raises(ExampleError):
            decode_image(data[: len(data) // 2], FORM)
