"""Preprocessing of images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from topwork.core.shapes import Shaped
from topwork.errors import SettingError

Resize = Literal["squash", "crop", "pad"]
Interpolation = Literal["bicubic", "bilinear", "lanczos"]

MAX_SIZE = 4096
"""Pixels on the side of what a network takes; no published backbone comes near it."""


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """How an image is brought into the form that a backbone takes.

    Attributes:
        size: pixels on each side of the square that comes out.
        resize: `squash` the whole image into the square; `crop` the middle, after the shorter
            side is brought to size / crop_fraction; `pad`: the longer side is brought to size
            and the rest is grey, 128.
        interpolation: the filter of the resize; it is widened on the way down, as Pillow's are.
        mean: of red, green and blue, for pixels in 0..1. Applied inside the network, not here.
        std: the same, and each above 0.
        crop_fraction: the share of the shorter side that `crop` keeps, above 0 and at most 1.
        bits: that pictures of 16 bits or more use, 8 to 16: cameras of 12 bits write values up to
            4,095 into files of 16. None: all that the file's type has.

    >>> import topwork
    >>> topwork.ImageInput(size=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).resize
    'squash'
    """

    modality: ClassVar[Literal["image"]] = "image"

    size: int
    resize: Resize = "squash"
    interpolation: Interpolation = "bicubic"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_fraction: float = 1.0
    bits: int | None = None

    def __post_init__(self) -> None:
        """Raise SettingError on a value that no image can be brought to."""
        whole = isinstance(self.size, int) and not isinstance(self.size, bool)
        _check(
            whole and 1 <= self.size <= MAX_SIZE,
            "size",
            self.size,
            f"a whole number from 1 to {MAX_SIZE}",
        )
        resizes, filters = get_args(Resize), get_args(Interpolation)
        _check(self.resize in resizes, "resize", self.resize, " or ".join(resizes))
        chosen = self.interpolation
        _check(chosen in filters, "interpolation", chosen, " or ".join(filters))
        _check(_finite(self.mean, 3), "mean", self.mean, "three numbers")
        good = _finite(self.std, 3) and min(self.std) > 0
        _check(good, "std", self.std, "three numbers above 0")
        good = _finite((self.crop_fraction,), 1) and 0 < self.crop_fraction <= 1
        _check(good, "crop_fraction", self.crop_fraction, "a number above 0 and at most 1")
        whole = isinstance(self.bits, int) and not isinstance(self.bits, bool)
        good = self.bits is None or (whole and 8 <= self.bits <= 16)
        _check(good, "bits", self.bits, "a whole number from 8 to 16, or None")

    def settings(self) -> dict[str, Any]:
        """The same as plain data, for digests and JSON; without `bits` where there are none."""
        return {"modality": self.modality} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if key != "bits" or value is not None
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ImageInput:
        """Read what `settings` gave. Raises SettingError on a key or value that is not known."""
        known = {field.name for field in fields(cls)}
        given = set(settings) - {"modality"}
        good = given <= known and {"size", "mean", "std"} <= given
        _check(good, "keys", sorted(settings), f"size, mean, std and any of {sorted(known)}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k in given
        }
        return cls(**values)

    def weight(self, window: Shaped[np.ndarray, "size size 3"]) -> float:
        """How much a window counts; an image is one."""
        return 1.0

    def source_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of an image that is kept: left, top, right, bottom, in its pixels.

        Cropping before the resize gives what cropping after it would, and bounds the memory
        that an image of 1 x 100,000 pixels takes.
        """
        if self.resize != "crop":
            return (0, 0, width, height)
        side = max(min(width, height) * self.crop_fraction, 1.0)
        left, top = (width - side) / 2, (height - side) / 2
        return (left, top, left + side, top + side)

    def target(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that the kept part is resized to, before it is padded."""
        if self.resize != "pad":
            return (self.size, self.size)
        scale = self.size / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _check(good: bool, name: str, got: object, accepted: str) -> None:
    if not good:
        raise SettingError(
            f"The image input's {name}: got {got!r}; accepted: {accepted}. Take the values that "
            "the backbone was published with."
        )


def _finite(values: object, count: int) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    )
