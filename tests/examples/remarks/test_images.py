"""Remarks on pictures: wide ones that are cropped, and 12 bits in 16."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from tests.examples.images.test_bits import coloured_png
from topwork.core.memo import memo_folder
from topwork.examples.contents import InMemory
from topwork.examples.example import Example
from topwork.examples.images.decode import ImageInput, read_file
from topwork.examples.remarks import images as remarks
from topwork.examples.remarks.images import image_remarks, used_bits


def example(content, name="a"):
    return Example(name=name, digest=f"{abs(hash(name)):064x}"[:64], read=InMemory(content=content))


def encoded(image, kind="PNG", **more):
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def form(resize="crop", **more):
    return ImageInput(size=32, resize=resize, mean=(0.0,) * 3, std=(1.0,) * 3, **more)


WIDE = Image.new("RGB", (600, 60))
PHOTO = Image.new("RGB", (90, 60))


class TestCrop:
    def test_wide_pictures(self):
        for one in (WIDE, np.asarray(WIDE), encoded(WIDE), encoded(WIDE, "JPEG")):
            (said,) = image_remarks([example(one)] * 3, form())
            assert said == (
                "The crop keeps 10% of the middle one of 3 pictures that were looked at "
                "(600 x 60): what lies outside is not seen. Say ?resize=pad (or squash) with the "
                "backbone."
            )

    def test_the_turn_is_minded(self):
        turned = Image.Exif()
        turned[0x0112] = 6
        (said,) = image_remarks([example(encoded(WIDE, "JPEG", exif=turned))], form())
        assert "(60 x 600)" in said

    def test_nothing_is_said_where_most_is_seen(self):
        assert image_remarks([example(PHOTO)] * 3, form()) == []
        assert image_remarks([example(PHOTO)] * 2 + [example(WIDE)], form()) == []
        assert image_remarks([example(WIDE)], form("pad")) == []
        assert image_remarks([example(WIDE)], form("squash")) == []
        assert image_remarks([], form()) == []
        assert (
            image_remarks([example(b"no picture"), example(np.zeros(3)), example(7)], form()) == []
        )

    def test_only_headers_are_read_of_a_sample(self, tmp_path):
        path = tmp_path / "a.jpg"
        path.write_bytes(encoded(WIDE, "JPEG")[:700])  # its pixels are not there
        files = [Example(name="a", digest="0" * 64, read=partial(read_file, path))] * 1_000
        (said,) = image_remarks(files, form())
        assert "of 200 pictures" in said


def test_dark_colours_of_16_bits():
    dark, bright = (coloured_png(np.full((8, 8, 3), most, np.uint16)) for most in (4_095, 60_000))
    (said,) = image_remarks([example(dark), example(PHOTO)], form())
    assert said.startswith("1 of 2 pictures")
    assert "these go to 15 of 255" in said
    assert "scaled to 8 bits" in said
    assert image_remarks([example(dark), example(bright)], form()) == []


class TestBits:
    @pytest.mark.parametrize(
        ("greatest", "bits"),
        [(200, 8), (255, 8), (256, 10), (4_000, 12), (4_096, 14), (16_383, 14), (16_384, None)],
    )
    def test_of_all_of_them_together(self, greatest, bits):
        low = np.full((8, 8), 100, np.uint16)
        high = np.full((8, 8), greatest, np.uint16)
        for kind in ("PNG", "TIFF", "JPEG2000"):
            some = [
                example(encoded(one, kind), f"{kind} {greatest} {one[0, 0]}") for one in (low, high)
            ]
            assert used_bits(some) == bits
        for dtype in (np.uint16, np.int32):
            some = [example(one.astype(dtype), f"{dtype} {greatest}") for one in (low, high)]
            assert used_bits(some) == bits

    def test_none_of_pictures_of_8_bits(self):
        grey = np.full((8, 8), 100, np.uint8)
        some = [
            grey,
            encoded(grey),
            encoded(grey, "JPEG"),
            encoded(grey, "TIFF"),
            b"",
            WIDE,
            grey / 255,
        ]
        assert used_bits([example(one, str(i)) for i, one in enumerate(some)]) is None
        assert used_bits([]) is None

    def test_none_where_values_lie_below_0(self):
        some = np.full((8, 8), -5, np.int32)
        assert used_bits([example(some, "below"), example(-some, "above")]) is None

    def test_8_bits_beside_16(self):
        some = [np.full((8, 8), 100, np.uint8), np.full((8, 8), 1_000, np.uint16)]
        assert used_bits([example(encoded(one), f"mixed {i}") for i, one in enumerate(some)]) == 10

    def test_it_is_kept(self, monkeypatch):
        some = [example(np.full((8, 8), 1_000, np.uint16), "kept")]
        before = set(memo_folder().glob("*"))
        assert used_bits(some) == 10
        assert len(set(memo_folder().glob("*")) - before) == 1
        monkeypatch.setattr(remarks, "_greatest", None)
        assert used_bits(some) == 10
