"""Every form that an image comes in gives the right pixels, or a reason."""

import contextlib
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.small import DATA
from topwork.errors import ExampleError, SettingError, TooLargeError
from topwork.examples.images import decode
from topwork.examples.images.decode import ImageInput, decode_image, load_image, read_file
from topwork.examples.images.headers import webp_size
from topwork.examples.kinds import describe, image_format

HALF = (0.5, 0.5, 0.5)
CLOTHING = DATA / "clothing"


def preprocessing(size=16, **more):
    return ImageInput(size=size, mean=HALF, std=HALF, **more)


def photo(width=40, height=24, mode="RGB"):
    """Smooth, and different in every corner, so that turns and crops show."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8)).convert(mode)


def encoded(image, form, **more):
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def png_claiming(width, height):
    """A PNG of a few bytes that claims any size."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class TestImageInput:
    def test_settings_and_back(self):
        one = preprocessing(224, resize="crop", crop_fraction=0.875, interpolation="lanczos")
        assert ImageInput.from_settings(one.settings()) == one
        assert one.settings()["mean"] == [0.5, 0.5, 0.5]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"size": 0}, r"size: got 0; accepted: .*from 1"),
            ({"size": True}, "size: got True"),
            ({"size": 10**6}, "to 4096"),
            ({"resize": "zoom"}, "'zoom'; accepted: squash or crop or pad"),
            ({"interpolation": "box"}, "interpolation: got 'box'"),
            ({"mean": (1, 2)}, "mean: got .* three numbers"),
            ({"std": (1, 1, 0)}, "std: got .* above 0"),
            ({"std": (1, 1, float("nan"))}, "std: got"),
            ({"crop_fraction": 0}, "crop_fraction: got 0"),
        ],
    )
    def test_wrong_values(self, wrong, message):
        with pytest.raises(SettingError, match=message):
            ImageInput(**({"size": 8, "mean": HALF, "std": HALF} | wrong))

    def test_unknown_key(self):
        with pytest.raises(SettingError, match="keys: got"):
            ImageInput.from_settings({**preprocessing().settings(), "colour": 1})


class TestGeometry:
    def test_squash_is_a_plain_resize(self):
        want = np.asarray(photo().resize((16, 16), Image.Resampling.BICUBIC))
        assert np.array_equal(decode_image(encoded(photo(), "PNG"), preprocessing()), want)

    def test_crop_takes_the_middle(self):
        # 40 x 24: the shorter side to 16 / 0.8 = 20, then the middle 16 x 16.
        got = decode_image(photo(), preprocessing(resize="crop", crop_fraction=0.8))
        want = photo().resize((33, 20), Image.Resampling.BICUBIC).crop((9, 2, 25, 18))
        assert np.abs(got.astype(int) - np.asarray(want)).max() <= 6

    def test_pad_adds_grey(self):
        got = decode_image(photo(40, 20), preprocessing(resize="pad"))
        assert (got[:4] == 128).all()
        assert (got[12:] == 128).all()
        want = photo(40, 20).resize((16, 8), Image.Resampling.BICUBIC)
        assert np.array_equal(got[4:12], np.asarray(want))

    @pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
    def test_thin_images_take_no_memory(self, resize):
        got = decode_image(Image.new("L", (1, 60_000)), preprocessing(resize=resize))
        assert got.shape == (16, 16, 3)

    @pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
    @pytest.mark.parametrize("side", [9, 16, 100, 333])
    def test_jpeg_close_to_pillow(self, resize, side):
        data = encoded(photo(side, side + 7), "JPEG", quality=95)
        fast = decode_image(data, preprocessing(resize=resize))
        slow = decode_image(Image.open(io.BytesIO(data)), preprocessing(resize=resize))
        assert np.abs(fast.astype(int) - slow).mean() < 2.5


class TestOrientation:
    @pytest.mark.parametrize("turn", range(1, 9))
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("resize", ["squash", "pad"])
    def test_turned_upright(self, turn, form, resize):
        exif = Image.Exif()
        exif[0x0112] = turn
        more = {} if form in ("PNG", "TIFF") else {"quality": 100}
        data = encoded(photo(32, 20), form, exif=exif, **more)
        from PIL import ImageOps

        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        got = decode_image(data, preprocessing(resize=resize)).astype(int)
        assert np.abs(got - decode_image(upright, preprocessing(resize=resize))).mean() < 2.5

    def test_corrupt_exif_is_no_obstacle(self):
        data = encoded(photo(), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\xff\xff")
        assert decode_image(data, preprocessing()).shape == (16, 16, 3)
        broken = encoded(photo(), "PNG", exif=b"II*\x00\x08\x00\x00\x00\xff\xff\x12\x01")
        assert decode_image(broken, preprocessing()).shape == (16, 16, 3)


def flat(content):
    """The single colour of an image of one colour."""
    pixels = decode_image(content, preprocessing(4))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert (pixels == pixels[0, 0]).all()
    return tuple(int(v) for v in pixels[0, 0])


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "colour", "want"),
        [
            ("1", 1, (255, 255, 255)),
            ("L", 100, (100, 100, 100)),
            ("LA", (100, 0), (255, 255, 255)),
            ("LA", (100, 255), (100, 100, 100)),
            ("RGB", (1, 2, 3), (1, 2, 3)),
            ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
            ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
            ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
            ("I;16", 25_700, (100, 100, 100)),
            ("I", 65_535, (255, 255, 255)),
            ("F", 0.5, (128, 128, 128)),
            ("F", 100.0, (100, 100, 100)),
        ],
    )
    def test_one_colour(self, mode, colour, want):
        assert flat(Image.new(mode, (6, 5), colour)) == want

    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    def test_16_bit_files(self, form):
        assert flat(encoded(Image.new("I;16", (6, 5), 65_535), form)) == (255, 255, 255)
        assert flat(encoded(Image.new("I;16", (6, 5), 25_700), form)) == (100, 100, 100)

    def test_16_bit_big_endian(self):
        assert flat(b"P5 2 2 65535\n" + b"\x64\x64" * 4) == (100, 100, 100)
        assert flat(Image.frombytes("I;16B", (2, 2), b"\x64\x64" * 4)) == (100, 100, 100)

    def test_wide_values_are_stretched(self):
        wide = Image.fromarray(np.array([[-1000, 1000]], np.int32))
        assert decode_image(wide, preprocessing(2, interpolation="bilinear"))[0, :, 0].tolist() == [
            0,
            255,
        ]

    def test_not_finite(self):
        with pytest.raises(ExampleError, match="not finite numbers"):
            decode_image(Image.new("F", (2, 2), float("nan")), preprocessing())

    def test_palettes(self):
        image = Image.new("P", (6, 5), 1)
        image.putpalette([0, 0, 0, 10, 20, 30])
        assert flat(encoded(image, "PNG")) == (10, 20, 30)
        assert flat(encoded(image, "GIF")) == (10, 20, 30)
        clear = encoded(image, "PNG", transparency=1)
        assert flat(clear) == (255, 255, 255)
        by_bytes = encoded(image, "PNG", transparency=b"\xff\x00")
        assert flat(by_bytes) == (255, 255, 255)

    def test_transparent_colour_of_rgb(self):
        data = encoded(Image.new("RGB", (4, 4), (9, 9, 9)), "PNG", transparency=(9, 9, 9))
        assert flat(data) == (255, 255, 255)

    def test_animations_give_their_first_frame(self):
        frames = [Image.new("RGB", (8, 8), c) for c in ((255, 0, 0), (0, 255, 0))]
        for form in ("GIF", "WEBP", "PNG", "TIFF"):
            more = {"lossless": True} if form == "WEBP" else {}
            data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **more)
            assert flat(data) == (255, 0, 0), form

    def test_grey_and_cmyk_jpeg(self):
        assert flat(encoded(Image.new("L", (30, 30), 77), "JPEG")) == (77, 77, 77)
        red = flat(encoded(Image.new("CMYK", (30, 30), (0, 255, 255, 0)), "JPEG", quality=100))
        assert np.abs(np.array(red) - (255, 0, 0)).max() <= 3

    @pytest.mark.parametrize("form", ["BMP", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX"])
    def test_other_formats(self, form):
        got = np.array(flat(encoded(Image.new("RGB", (32, 32), (200, 100, 50)), form)))
        assert np.abs(got - (200, 100, 50)).max() <= 6

    def test_lab_is_named(self):
        assert flat(Image.new("HSV", (4, 4), (0, 0, 255))) == (255, 255, 255)


class TestArrays:
    @pytest.mark.parametrize(
        "array",
        [
            np.full((5, 6), 100, np.uint8),
            np.full((5, 6, 1), 100, np.uint8),
            np.full((5, 6, 3), 25_700, np.uint16),
            np.full((5, 6, 3), 100 / 255, np.float32),
            np.full((5, 6), 100 / 255, np.float16),
            np.full((10, 6, 3), 100, np.uint8)[::-2],
        ],
    )
    def test_grey_100(self, array):
        assert flat(array) == (100, 100, 100)

    def test_bool_and_opacity(self):
        assert flat(np.ones((3, 3), bool)) == (255, 255, 255)
        clear = np.zeros((3, 3, 4), np.uint8)
        assert flat(clear) == (255, 255, 255)
        clear[..., 3] = 255
        assert flat(clear) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((3, 8, 8), np.uint8), r"\(3, 8, 8\).*array\.transpose\(1, 2, 0\)"),
            (np.zeros((8, 8, 2), np.uint8), "1, 3 or 4 channels"),
            (np.zeros((0, 8), np.uint8), r"shape is \(0, 8\)"),
            (np.zeros(8, np.uint8), "accepted: "),
            (np.zeros((8, 8), np.int64), "type is int64; .*astype"),
            (np.full((8, 8), 7.5), r"7\.5 to 7\.5; .*0\.\.1"),
            (np.full((8, 8), np.nan), "floats must lie in 0..1"),
        ],
    )
    def test_refused(self, array, message):
        with pytest.raises(ExampleError, match=message):
            decode_image(array, preprocessing())


class TestDamage:
    @pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_cut_jpeg(self, keep, progressive):
        rng = np.random.default_rng(0)
        noise = Image.fromarray(rng.integers(0, 255, (80, 80, 3), np.uint8))
        data = encoded(noise, "JPEG", progressive=progressive)
        cut = data[: max(700, int(len(data) * keep))]
        with pytest.raises(ExampleError, match="JPEG data ends early"):
            decode_image(cut, preprocessing())

    def test_damaged_jpeg(self):
        rng = np.random.default_rng(0)
        data = encoded(Image.fromarray(rng.integers(0, 255, (80, 80, 3), np.uint8)), "JPEG")
        middle = len(data) // 2
        with pytest.raises(ExampleError, match="JPEG data"):
            decode_image(data[:middle] + b"\xff\xd9" + data[middle:], preprocessing())

    def test_stray_bytes_in_a_jpeg_are_no_obstacle(self):
        data = encoded(photo(), "JPEG")
        stray = decode_image(data[:-2] + b"stray" + data[-2:], preprocessing())
        assert np.array_equal(stray, decode_image(data, preprocessing()))
        assert np.array_equal(decode_image(data + b"tail", preprocessing()), stray)

    @pytest.mark.parametrize("form", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "AVIF"])
    def test_cut_files(self, form):
        rng = np.random.default_rng(0)
        data = encoded(Image.fromarray(rng.integers(0, 255, (60, 60, 3), np.uint8)), form)
        with pytest.raises(ExampleError, match="damaged"):
            decode_image(data[: len(data) // 2], preprocessing())

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", r"empty \(0 bytes\)"),
            (b"%PDF-1.7 ...", "a PDF document"),
            (b"\n <!DOCTYPE html><html>", "an HTML page"),
            (b"<svg xmlns=", "an SVG drawing"),
            (b"PK\x03\x04....", "a ZIP archive"),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a WAV sound"),
            (b"\x00\x00\x00\x18ftypheic", "a HEIC photo"),
            (b"\x00\x00\x00\x18ftypisom", "a video"),
            (bytes(128) + b"DICM", "a DICOM scan"),
            (bytes(50), "zero bytes only"),
            (b"file,label\n1.jpg,cat\n", "plain text"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"\x01\x02\x03\x04", "unknown data: 01 02 03 04"),
            (b"\x89PNG\r\n\x1a\n", r"like a PNG image, .*damaged"),
            (b"\xff\xd8\xff\xe0", "damaged or ends early"),
        ],
    )
    def test_reasons(self, data, message):
        with pytest.raises(ExampleError, match=message):
            decode_image(data, preprocessing())

    def test_libtiff_says_nothing_on_standard_error(self, capfd):
        data = bytearray(encoded(photo(), "TIFF", compression="tiff_adobe_deflate"))
        data[40:60] = bytes(20)
        with pytest.raises(ExampleError, match="damaged or ends early"):
            decode_image(bytes(data), preprocessing())
        assert capfd.readouterr().err == ""

    def test_postscript_is_never_run(self):
        assert image_format(b"%!PS-Adobe-3.0 EPSF-3.0") is None
        assert describe(b"%!PS-Adobe-3.0 EPSF-3.0") == "plain text"

    def test_every_byte_wrong_gives_a_reason_at_worst(self):
        rng = np.random.default_rng(1)
        for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM"):
            data = bytearray(encoded(photo(20, 20), form))
            for _ in range(60):
                bad = data.copy()
                for place in rng.integers(0, len(bad), 3):
                    bad[place] = rng.integers(256)
                with contextlib.suppress(ExampleError):
                    assert decode_image(bytes(bad), preprocessing(8)).shape == (8, 8, 3)

    def test_other_objects(self):
        with pytest.raises(ExampleError, match=r"a dict; accepted .*a path"):
            decode_image({}, preprocessing())


class TestLimits:
    @pytest.mark.parametrize("side", [11_000, 60_000, 2**31 - 1])
    def test_png_bomb(self, side):
        limit = min(decode.MAX_PIXELS, side * side - 1)
        with pytest.raises(TooLargeError, match=r"at most .* are decoded|too much memory"):
            decode_image(png_claiming(side, side), preprocessing(), max_pixels=limit)

    def test_other_bombs_by_their_headers(self):
        gif = bytearray(encoded(Image.new("L", (8, 8)), "GIF"))
        gif[6:10] = b"\xff" * 4
        tiff = bytearray(encoded(Image.new("L", (300, 300)), "TIFF"))
        assert tiff.count(struct.pack("<HHII", 256, 4, 1, 300)) == 1
        for tag in (256, 257):
            at = tiff.index(struct.pack("<HHII", tag, 4, 1, 300))
            tiff[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 60_000)
        webp = b"RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + b"\xff\x3f\x00" * 2
        jpeg = bytearray(encoded(Image.new("L", (8, 8)), "JPEG"))
        at = jpeg.index(b"\xff\xc0") + 5
        jpeg[at : at + 4] = b"\xff\xff\xff\xff"
        for data in (bytes(gif), bytes(tiff), webp, bytes(jpeg)):
            with pytest.raises(TooLargeError):
                decode_image(data, preprocessing())

    def test_limit_holds_for_all_forms(self):
        image = photo(20, 20)
        forms = [image, np.asarray(image), encoded(image, "JPEG"), encoded(image, "WEBP")]
        for content in forms:
            assert decode_image(content, preprocessing(), max_pixels=400).shape == (16, 16, 3)
            with pytest.raises(TooLargeError, match="20 x 20 pixels; at most 399"):
                decode_image(content, preprocessing(), max_pixels=399)
        with pytest.raises(TooLargeError):
            load_image(image, max_pixels=399)

    @pytest.mark.parametrize("more", [{}, {"lossless": True}, {"exif": b"Exif\x00\x00"}])
    def test_webp_headers(self, more):
        assert webp_size(encoded(photo(123, 45), "WEBP", **more)) == (123, 45)

    def test_large_image_gives_no_warning(self, recwarn):
        side = 9_600  # 92 million: Pillow warns from 89 on
        data = encoded(Image.new("1", (side, side)), "PNG")
        assert decode_image(data, preprocessing()).shape == (16, 16, 3)
        assert not recwarn.list
        assert not any("PIL" in str(f[3]) for f in warnings.filters)

    def test_memory_error_is_told(self, monkeypatch):
        def fail(*_):
            raise MemoryError("no more")

        monkeypatch.setattr(decode, "plain_image", fail)
        with pytest.raises(TooLargeError, match="too much memory: no more"):
            decode_image(photo(), preprocessing())


class TestFiles:
    def test_paths(self, tmp_path):
        path = tmp_path / "a.png"
        photo().save(path)
        want = decode_image(path.read_bytes(), preprocessing())
        assert np.array_equal(decode_image(path, preprocessing()), want)
        assert np.array_equal(decode_image(str(path), preprocessing()), want)

    def test_missing_and_huge(self, tmp_path, monkeypatch):
        with pytest.raises(ExampleError, match="cannot be read: No such file"):
            decode_image(tmp_path / "none.png", preprocessing())
        with pytest.raises(ExampleError, match="null"):
            read_file(Path("a\x00b"))
        monkeypatch.setattr(decode, "MAX_FILE_BYTES", 3)
        (tmp_path / "a.png").write_bytes(b"1234")
        with pytest.raises(TooLargeError, match="4 bytes; at most 3 are read"):
            read_file(tmp_path / "a.png")


@pytest.mark.skipif(not CLOTHING.is_dir(), reason="the shared data is not here")
def test_threads_agree_with_one():
    data = [path.read_bytes() for path in sorted(CLOTHING.glob("test/hat/*"))[:12]]
    alone = [decode_image(d, preprocessing(64)) for d in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda d: decode_image(d, preprocessing(64)), data * 3))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))
