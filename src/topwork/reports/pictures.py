"""Small pictures and sounds in the page."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from topwork.errors import ExampleError
from topwork.examples.arrays.array import array_shape
from topwork.examples.example import Example, Modality
from topwork.examples.images.decode import decode_image
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import sound_windows
from topwork.reports.parts import Shown

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 144
"""Pixels of a thumbnail's longer side: shown at 96 to 120, so sharp on most telephones too."""

QUALITY = 62
"""Of WebP, 0 to 100: a photo of SIDE pixels then takes 3 to 4 kB."""

CLIP_SECONDS, CLIP_HZ = 3.0, 16_000
"""A clip takes 96 kB at most, 128 kB as text. Below 16 kHz `s` and `f` sound alike."""

MAX_CLIPS = 20
MAX_TEXT = 400
MAX_BYTES = 6_000_000
"""Of all thumbnails and clips together: with the charts and tables the page stays below 10 MB."""

_PADDING = 128  # the grey that `decode_image` pads with


class Album:
    """Shows examples, each decoded once, until the page would weigh too much.

    Args:
        bits: that pictures of 16 bits use; None for all of them.

    Attributes:
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
        self.num_left_out = 0

    def show(self, digest: str, name: str, *, sound: bool = False) -> Shown:
        """Return the example as it is shown; by its name alone where it is gone or damaged.

        Args:
            sound: whether it may be heard. Clips are heavy, so only the first MAX_CLIPS are.
        """
        key = digest, sound
        if key not in self._shown:
            self._shown[key] = self._make(self._by_digest.get(digest), short(name), sound)
        made = self._shown[key]
        # Each place that shows it carries its bytes again.
        weight = len(made.picture or "") + len(made.sound or "")
        if weight > self._left_bytes:
            self.num_left_out += 1
            return Shown(name=made.name, text=made.text)
        self._left_bytes -= weight
        return made

    def show_named(self, name: str) -> Shown:
        """Return the example of this name as it is shown."""
        return self.show(self._digests.get(name, ""), name)

    def _make(self, example: Example | None, name: str, sound: bool) -> Shown:
        if example is None:
            return Shown(name=name)
        try:
            content = example.read()
            if self.modality == "text":
                return Shown(name=name, text=_beginning(str(content)))
            if self.modality == "image":
                image = thumbnail(content, bits=self._bits)
                uri, (width, height) = image_uri(image), image.size
                return Shown(name=name, picture=uri, width=width, height=height)
            if self.modality == "array":
                return Shown(name=name, text=f"array {list(array_shape(content))}")
            if not sound or self._left_clips <= 0:
                return Shown(name=name)
            self._left_clips -= 1
            return Shown(name=name, sound=clip_uri(content))
        except (ExampleError, OSError):
            return Shown(name=name)


def thumbnail(content: object, side: int = SIDE, *, bits: int | None = None) -> Image:
    """Return an image no larger than `side` pixels, of its own proportions.

    Raises ExampleError where it is damaged, or no image.
    """
    from PIL.Image import fromarray

    preprocessing = ImageInput(
        size=side, resize="pad", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bits=bits
    )
    return fromarray(_trimmed(decode_image(content, preprocessing)))


def image_uri(image: Image, quality: int = QUALITY) -> str:
    """Return a picture as a data URI, as WebP, which all browsers of the last years show."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", quality=quality, method=2)
    return data_uri("image/webp", buffer.getvalue())


def clip_uri(content: object) -> str:
    """Return the first seconds of a sound as a data URI, as WAV. Raises ExampleError."""
    preprocessing = SoundInput(
        rate_hz=CLIP_HZ, min_samples=1, max_samples=int(CLIP_SECONDS * CLIP_HZ)
    )
    first = next(iter(islice(sound_windows(content, preprocessing), 1)))
    samples = np.clip(first, -1, 1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(CLIP_HZ)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return data_uri("audio/wav", buffer.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """Return bytes as a URI that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def short(name: str, most: int = 48) -> str:
    """Return the end of a long name, which is what tells files apart."""
    return name if len(name) <= most else "…" + name[-(most - 1) :]


def _beginning(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _trimmed(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut off the grey that the image was padded with."""
    grey = (pixels == _PADDING).all(2)
    rows, columns = np.flatnonzero(~grey.all(1)), np.flatnonzero(~grey.all(0))
    if not len(rows) or not len(columns):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
