"""Small pictures and sounds in the page."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Floats
from topwork.errors import ExampleError
from topwork.examples.arrays.array import array_shape
from topwork.examples.example import Example, Modality
from topwork.examples.images.decode import decode_image
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import sound_windows
from topwork.reports.parts import Large, Shown

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE, LARGE_SIDE = 144, 400
"""Pixels of the longer side of a thumbnail, shown at 96 to 140, so sharp on most telephones too;
and of the picture that it opens."""

QUALITY = 62
"""Of WebP, 0 to 100: a photo of SIDE pixels then takes 3 to 4 kB, one of LARGE_SIDE 10 to 15."""

SPECTROGRAM = 240, 120
"""Pixels of a sound's thumbnail, whatever its length."""

CLIP_SECONDS, CLIP_HZ = 3.0, 16_000
"""A clip takes 96 kB at most, 128 kB as text. Below 16 kHz `s` and `f` sound alike."""

MAX_CLIPS = 36
MAX_TEXT = 400
MAX_BYTES = 6_000_000
"""Of all thumbnails and clips together: with the large pictures, the charts and tables the page
stays below 10 MB."""

MAX_LARGE_BYTES = 2_500_000
"""Of the pictures that open, each of which stands on the page once: some 150 photos. A thumbnail
whose large picture has no room opens none."""

MAX_NAME = 22
"""Letters of a name under a thumbnail: two lines there."""

_PADDING = 128  # the grey that `decode_image` pads with


class Album:
    """Shows examples, each decoded once, until the page would weigh too much.

    Args:
        bits: that pictures of 16 bits use; None for all of them.

    Attributes:
        larges: the pictures that open, in the order in which they were asked for.
        num_left_out: examples that are shown by name alone, for want of room.
    """

    def __init__(
        self,
        examples: Iterable[Example],
        modality: Modality,
        *,
        bits: int | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.modality = modality
        self._by_digest = {example.digest: example for example in examples}
        self._bits = bits
        self._digests = {example.name: digest for digest, example in self._by_digest.items()}
        self._shown: dict[tuple[str, bool], Shown] = {}
        self._left_bytes = max_bytes
        self._left_clips = MAX_CLIPS
        self._left_large_bytes = MAX_LARGE_BYTES
        self.larges: list[Large] = []
        self._large_of: dict[str, str] = {}
        self.num_left_out = 0

    def show(self, digest: str, name: str, *, sound: bool = False) -> Shown:
        """Return the example as it is shown; by its name alone where it is gone or damaged.

        Args:
            sound: whether it may be heard. Clips are heavy, so only the first MAX_CLIPS are.
        """
        key = digest, sound
        if key not in self._shown:
            self._shown[key] = self._make(self._by_digest.get(digest), name, sound)
        made = self._shown[key]
        # Each place that shows it carries its bytes again.
        weight = len(made.picture or "") + len(made.sound or "")
        if weight > self._left_bytes:
            self.num_left_out += 1
            return Shown(name=made.name, whole_name=name, text=made.text)
        self._left_bytes -= weight
        return made

    def show_named(self, name: str) -> Shown:
        """Return the example of this name as it is shown."""
        return self.show(self._digests.get(name, ""), name)

    def _make(self, example: Example | None, whole: str, sound: bool) -> Shown:
        by_name = Shown(name=brief(whole), whole_name=whole)
        if example is None:
            return by_name
        try:
            content = example.read()
            if self.modality == "text":
                return replace(by_name, text=_beginning(str(content)))
            if self.modality == "array":
                return replace(by_name, text=f"array {list(array_shape(content))}")
            if self.modality == "image":
                large = thumbnail(content, LARGE_SIDE, bits=self._bits)
                image = _smaller(large, SIDE)
            else:
                image, large = spectrogram(content)
            heard = None
            if sound and self.modality == "sound" and self._left_clips > 0:
                self._left_clips -= 1
                heard = clip_uri(content)
            return replace(
                by_name,
                picture=image_uri(image),
                width=image.width,
                height=image.height,
                sound=heard,
                large=self._open(example.digest, whole, large),
            )
        except (ExampleError, OSError):
            return by_name

    def _open(self, digest: str, name: str, image: Image) -> str | None:
        """Return the id of the large picture, which is made once; None where there is no room."""
        if digest not in self._large_of:
            uri = image_uri(image)
            if len(uri) > self._left_large_bytes:
                return None
            self._left_large_bytes -= len(uri)
            self._large_of[digest] = f"large-{len(self.larges)}"
            self.larges.append(
                Large(id=self._large_of[digest], name=name, picture=uri, width=image.width,
                      height=image.height)
            )  # fmt: skip
        return self._large_of[digest]


def thumbnail(content: object, side: int = SIDE, *, bits: int | None = None) -> Image:
    """Return an image no larger than `side` pixels, of its own proportions.

    Raises ExampleError where it is damaged, or no image.
    """
    from PIL.Image import fromarray

    preprocessing = ImageInput(
        size=side, resize="pad", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bits=bits
    )
    return fromarray(_trimmed(decode_image(content, preprocessing)))


def spectrogram(content: object) -> tuple[Image, Image]:
    """Return the first seconds of a sound as a thumbnail and as a larger picture.

    Raises ExampleError where it is damaged, or no sound.
    """
    from PIL.Image import Resampling, fromarray

    from topwork.evidence.attribution.sounds import draw_spectrogram

    drawn = fromarray(draw_spectrogram(_first_seconds(content), CLIP_HZ))
    large = drawn.resize((drawn.width * 2, drawn.height * 4), Resampling.BILINEAR)
    return drawn.resize(SPECTROGRAM, Resampling.BILINEAR), large


def image_uri(image: Image, quality: int = QUALITY) -> str:
    """Return a picture as a data URI, as WebP, which all browsers of the last years show."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", quality=quality, method=2)
    return data_uri("image/webp", buffer.getvalue())


def clip_uri(content: object) -> str:
    """Return the first seconds of a sound as a data URI, as WAV. Raises ExampleError."""
    samples = np.clip(_first_seconds(content), -1, 1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(CLIP_HZ)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return data_uri("audio/wav", buffer.getvalue())


def _first_seconds(content: object) -> Floats:
    preprocessing = SoundInput(
        rate_hz=CLIP_HZ, min_samples=1, max_samples=int(CLIP_SECONDS * CLIP_HZ)
    )
    return next(iter(islice(sound_windows(content, preprocessing), 1)))


def data_uri(kind: str, content: bytes) -> str:
    """Return bytes as a URI that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def brief(name: str, most: int = MAX_NAME) -> str:
    """Return what stands under a thumbnail: a path's last part, of a long one both its ends."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2] or name
    if len(last) <= most:
        return last
    end = min(9, most // 2)
    return f"{last[: most - end - 1]}…{last[-end:]}"


def _beginning(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _smaller(image: Image, side: int) -> Image:
    from PIL.Image import Resampling

    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Resampling.LANCZOS)


def _trimmed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut off the grey that the image was padded with."""
    grey = (pixels == _PADDING).all(2)
    rows, columns = np.flatnonzero(~grey.all(1)), np.flatnonzero(~grey.all(0))
    if not len(rows) or not len(columns):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
