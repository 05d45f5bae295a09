"""Pictures of 12 bits in files of 16, in whatever form they come."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from topwork.backbones.registry import get_backbone
from topwork.errors import ExampleError, SettingError
from topwork.examples.images.decode import ImageInput, decode_image

RAMP = np.linspace(0, 4095, 256).round().astype(np.uint16).reshape(16, 16)
WANT = np.round(RAMP / 4095 * 255).astype(np.uint8)


def form(bits=None, size=16):
    return ImageInput(size=size, mean=(0.0,) * 3, std=(1.0,) * 3, bits=bits)


def encoded(array, kind):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


FORMS = {
    "PNG": encoded(RAMP, "PNG"),
    "TIFF": encoded(RAMP, "TIFF"),
    "TIFF of 32 bits": encoded(RAMP.astype(np.int32), "TIFF"),
    "JPEG 2000": encoded(RAMP, "JPEG2000"),
    "PIL": Image.fromarray(RAMP),
    "uint16": RAMP,
    "big-endian": RAMP.astype(">u2"),
    "int16": RAMP.astype(np.int16),
    "int32": RAMP.astype(np.int32),
    "int64, three channels": np.repeat(RAMP[:, :, None], 3, 2).astype(np.int64),
}


class TestBits:
    @pytest.mark.parametrize("name", FORMS)
    def test_the_whole_range_is_used(self, name):
        got = decode_image(FORMS[name], form(12))
        assert np.array_equal(got, np.repeat(WANT[:, :, None], 3, 2))

    @pytest.mark.parametrize("name", ["PNG", "TIFF", "TIFF of 32 bits", "uint16"])
    def test_without_them_it_is_as_ever(self, name):
        assert decode_image(FORMS[name], form()).max() == 16
        assert np.array_equal(
            decode_image(FORMS[name], form(16)), decode_image(FORMS[name], form())
        )

    @pytest.mark.parametrize("name", FORMS)
    def test_a_value_beyond_is_refused(self, name):
        with pytest.raises(
            ExampleError, match=r"go to 4,095, and the model reads 10 bits: 0 to 1,02"
        ):
            decode_image(FORMS[name], form(10))

    def test_a_value_below_0_is_refused(self):
        with pytest.raises(ExampleError, match=r"down to -7, .*12 bits"):
            decode_image(RAMP.astype(np.int32) - 7, form(12))

    def test_pictures_of_8_bits_stay_as_they_are(self):
        grey = np.full((16, 16), 200, np.uint8)
        for content in (grey, encoded(grey, "PNG"), encoded(grey, "JPEG"), grey / 255):
            assert np.array_equal(decode_image(content, form(12)), decode_image(content, form()))

    def test_without_bits_whole_numbers_of_32_bits_are_refused(self):
        with pytest.raises(ExampleError, match=r"int32.*\?bits=12"):
            decode_image(FORMS["int32"], form())


def coloured_png(values):
    """A PNG of colours of 16 bits, which Pillow cannot write."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_colours_of_16_bits_are_not_read_as_12():
    data = coloured_png(np.repeat(RAMP[:, :, None], 3, 2))
    assert decode_image(data, form()).max() == 15
    with pytest.raises(ExampleError, match=r"upper 8 .*12 bits\. Save it as grey"):
        decode_image(data, form(12))


class TestSetting:
    def test_there_and_back(self):
        assert "bits" not in form().settings()
        assert form(12).settings()["bits"] == 12
        for one in (form(), form(12)):
            assert ImageInput.from_settings(one.settings()) == one

    @pytest.mark.parametrize("bits", [7, 17, 12.0, "12", True])
    def test_wrong_ones(self, bits):
        with pytest.raises(
            SettingError, match=r"bits: got .*accepted: a whole number from 8 to 16"
        ):
            form(bits)

    def test_option_of_a_backbone(self):
        plain, chosen = (get_backbone(f"efficientnet-lite0{o}") for o in ("", "?bits=12"))
        assert (plain.input.bits, chosen.input.bits) == (None, 12)
        assert chosen.name == "efficientnet-lite0?bits=12"
        assert chosen.digest != plain.digest
        assert get_backbone("topwork/conv2d?pretrained=false&size=16&bits=10").input.bits == 10

    def test_wrong_options(self):
        with pytest.raises(SettingError, match=r"bits='17'; accepted: 8 to 16"):
            get_backbone("efficientnet-lite0?bits=17")
        with pytest.raises(SettingError, match=r"option bits is for images"):
            get_backbone("minilm-l6?bits=12")
