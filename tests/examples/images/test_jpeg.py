"""A JPEG that lacks its end mark is read; one that was cut off is refused, wherever."""

import io

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ExampleError
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.images.jpeg import check_complaint, check_scans, with_end

FORM = ImageInput(size=48, mean=(0.5,) * 3, std=(0.5,) * 3)


def picture(seed=0, size=(60, 80), noise=20.0):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, size[1])[None, :, None] + np.linspace(0, 50, size[0])[:, None, None]
    return Image.fromarray((ramp + rng.normal(0, noise, (*size, 3))).clip(0, 255).astype(np.uint8))


def encoded(image, **more):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **more)
    return buffer.getvalue()


FORMS = [
    {"progressive": progressive, "mode": mode, **more}
    for progressive in (False, True)
    for mode in ("RGB", "L", "CMYK")
    for more in ({}, {"restart_marker_blocks": 4, "subsampling": 0}, {"subsampling": 2})
]


@pytest.mark.parametrize("form", FORMS)
class TestEndMark:
    def test_it_alone_is_missing(self, form):
        data = encoded(picture().convert(form["mode"]), **form)
        want = decode_image(data, FORM)
        if form["mode"] == "CMYK" and form.get("subsampling") == 2:
            with pytest.raises(ExampleError, match="ends early"):  # libjpeg-turbo reads no such one
                decode_image(data[:-2], FORM)
            return
        for lacking in (data[:-2], data[:-1]):
            assert with_end(lacking) == data
            assert np.array_equal(decode_image(lacking, FORM), want)
        assert with_end(data) is data

    def test_every_cut_is_refused_or_loses_no_pixel(self, form):
        rng = np.random.default_rng(1)
        for seed, noise in enumerate((0.0, 20.0)):
            data = encoded(picture(seed, noise=noise).convert(form["mode"]), **form)
            want = decode_image(data, FORM)
            marks = [i for i in range(len(data) - 1) if data[i] == 0xFF and data[i + 1]]
            places = {*rng.integers(2, len(data), 100), *(m + i for m in marks for i in range(5))}
            num_refused = 0
            for place in places:
                try:
                    assert np.array_equal(decode_image(data[:place], FORM), want), place
                except ExampleError:
                    num_refused += place < len(data) - 8
            assert num_refused > 50


def test_a_scan_that_was_never_there_is_missed():
    data = encoded(picture(), progressive=True)
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)
    for cut in (data[:last], data[:tables], data[: last + 14]):
        with pytest.raises(ExampleError, match=r"JPEG data (ends early|is damaged)"):
            decode_image(cut, FORM)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_hole_at_the_end_is_missed(progressive):
    data = encoded(picture(), progressive=progressive)
    for keep in (0.3, 0.6, 0.9):
        cut = data[: int(len(data) * keep)]
        with pytest.raises(ExampleError, match="ends early"):
            decode_image(cut + bytes(len(data) - len(cut)), FORM)


def test_arithmetic_coding_is_not_trusted_without_its_mark():
    data = encoded(picture())
    at = data.index(b"\xff\xc0")
    arithmetic = data[: at + 1] + b"\xc9" + data[at + 2 : -2]
    assert with_end(arithmetic) is arithmetic


def test_data_of_which_nothing_can_be_said_stays_as_it_is():
    data = encoded(picture())[:-2]
    at = data.index(b"\xff\xdb")
    for odd in (
        b"",
        b"\xff\xd8",
        data[:at] + b"stray" + data[at:],
        data[:300],
        b"\xff\xd8\xff\xff",
    ):
        assert with_end(odd) is odd


@pytest.mark.parametrize(
    "complaint",
    [
        "Corrupt JPEG data: 54 extraneous bytes before marker 0xd9",
        "Warning: unknown JFIF revision number 7.01",
        "Unknown Adobe color transform code 3",
    ],
)
def test_harmless_complaints_are_passed_over(complaint):
    check_complaint(complaint)


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        ("Corrupt JPEG data: premature end of data segment", "ends early: .*cut off"),
        ("Corrupt JPEG data: bad Huffman code", r"is damaged \(.*bad Huffman"),
        ("Corrupt JPEG data: found marker 0xd9 instead of RST1", "is damaged"),
        ("Bogus Huffman table definition", r"is damaged \(Bogus"),
        ("Something new", r"is damaged \(Something new"),
    ],
)
def test_all_others_are_not(complaint, reason):
    with pytest.raises(ExampleError, match=reason):
        check_complaint(complaint)


def test_thousands_of_scans_are_refused():
    data = encoded(picture(), progressive=True)
    start = data.rindex(b"\xff\xda")
    more = data[:-2] + data[start:-2] * 200 + data[-2:]
    with pytest.raises(ExampleError, match=r"has 2\d\d scans; accepted: at most 100"):
        decode_image(more, FORM)
    check_scans(data)
