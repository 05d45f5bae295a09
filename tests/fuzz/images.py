"""Mutated images.

Right is: the picture as it was; a refusal; or another picture, where the mutation may change it:
a file without checksums cannot know of a bit that was turned. Wrong is another picture

- of a file that was cut off, of any format;
- of a PNG whose bytes were altered, for each of its chunks has a CRC;
- of any shape or type but that which was asked for.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import (
    Mutant,
    jpeg_segments,
    mutate,
    mutate_chunks,
    png_chunks,
    riff_chunks,
)
from topwork.examples.images.decode import ImageInput, decode_image, read_file

WANTED = ImageInput(size=24, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def begin(folder: Path) -> Judge:
    """Make the good images, and return what tries a mutant of one."""
    made = good_images()
    pixels = {name: decode_image(data, WANTED) for name, data in made.items()}
    path = folder / "mutant"

    def judge(rng: Random, _seed: int) -> Attempt:
        name = rng.choice(list(made))
        mutant = _mutant(name, made[name], rng)
        on_disk = rng.randrange(4) == 0
        path.write_bytes(mutant.data if on_disk else b"")

        def attempt() -> str:
            found = decode_image(read_file(path) if on_disk else mutant.data, WANTED)
            _check(name, mutant, found, pixels[name])
            return "same" if np.array_equal(found, pixels[name]) else "other"

        return attempt

    return judge


def _check(name: str, mutant: Mutant, found: npt.NDArray[Any], good: npt.NDArray[np.uint8]) -> None:
    if found.shape != good.shape or found.dtype != good.dtype:
        raise WrongAnswer(f"{name}, {mutant.how}: {found.dtype} {found.shape}")
    if np.array_equal(found, good):
        return
    differ = int((found != good).any(axis=2).sum())
    what = f"{name}, {mutant.how} at byte {mutant.start}: {differ} of {24 * 24} pixels differ"
    if mutant.how == "cut":
        raise WrongAnswer(what)
    if name.startswith("png") and not mutant.how.startswith("chunk"):
        raise WrongAnswer(what)


def _mutant(name: str, data: bytes, rng: Random) -> Mutant:
    chunks = _CHUNKS.get(name.split()[0])
    if chunks is not None and rng.randrange(4) == 0:
        return mutate_chunks(chunks(data), rng)
    return mutate(data, rng)


_CHUNKS: dict[str, Callable[[bytes], list[bytes]]] = {
    "png": png_chunks,
    "jpeg": jpeg_segments,
    "webp": riff_chunks,
}


def good_images() -> dict[str, bytes]:
    """Return a small picture in each format, encoded, by name."""
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(40) * 3, np.arange(48) * 2)
    noisy = np.clip(ramp[:, :, None] + rng.normal(0, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
    colour = Image.fromarray(noisy)
    grey, deep = colour.convert("L"), Image.fromarray(noisy[:, :, 0].astype(np.uint16) * 257)
    clear = colour.copy()
    clear.putalpha(grey)
    palette = colour.quantize(16)
    exif = Image.Exif()
    exif[0x0112] = 6
    wanted: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "jpeg": (colour, {"format": "JPEG"}),
        "jpeg grey": (grey, {"format": "JPEG", "quality": 95}),
        "jpeg turned": (colour, {"format": "JPEG", "exif": exif, "optimize": True}),
        "jpeg progressive": (colour, {"format": "JPEG", "progressive": True}),
        "jpeg cmyk": (colour.convert("CMYK"), {"format": "JPEG"}),
        "jpeg restarts": (colour, {"format": "JPEG", "restart_marker_blocks": 2}),
        "png": (colour, {"format": "PNG"}),
        "png deep": (deep, {"format": "PNG"}),
        "png clear": (clear, {"format": "PNG"}),
        "png palette": (palette, {"format": "PNG", "transparency": 3}),
        "png animated": (colour, {"format": "PNG", "save_all": True, "append_images": [clear]}),
        "gif": (palette, {"format": "GIF"}),
        "gif animated": (palette, {"format": "GIF", "save_all": True, "append_images": [grey]}),
        "webp": (colour, {"format": "WEBP"}),
        "webp lossless": (clear, {"format": "WEBP", "lossless": True}),
        "tiff": (colour, {"format": "TIFF"}),
        "tiff deep": (deep, {"format": "TIFF"}),
        "tiff lzw": (colour, {"format": "TIFF", "compression": "tiff_lzw"}),
        "tiff deflate": (grey, {"format": "TIFF", "compression": "tiff_adobe_deflate"}),
        "tiff jpeg": (colour, {"format": "TIFF", "compression": "jpeg"}),
        "tiff floats": (Image.fromarray(noisy[:, :, 0] / np.float32(255)), {"format": "TIFF"}),
        "bmp": (colour, {"format": "BMP"}),
        "bmp palette": (palette, {"format": "BMP"}),
        "ppm": (colour, {"format": "PPM"}),
        "pcx": (colour, {"format": "PCX"}),
        "ico": (colour, {"format": "ICO"}),
        "jpeg2000": (colour, {"format": "JPEG2000"}),
        "tga": (colour, {"format": "TGA"}),
    }  # fmt: skip
    made = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (image, how) in wanted.items():
            buffer = io.BytesIO()
            image.save(buffer, **how)
            made[name] = buffer.getvalue()
    return made
