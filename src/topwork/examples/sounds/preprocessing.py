"""Preprocessing of sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np

from topwork.core.shapes import Shaped
from topwork.errors import SettingError

EXTRACTORS = (
    "ASTFeatureExtractor",
    "ClapFeatureExtractor",
    "SeamlessM4TFeatureExtractor",
    "WhisperFeatureExtractor",
)
"""Those of transformers that turn samples into spectrograms, and have been tried."""


@dataclass(frozen=True, kw_only=True)
class SoundInput:
    """How a sound is brought into the form that a backbone takes: mono windows at one rate.

    Attributes:
        rate_hz: samples a second.
        min_samples: what the network needs at least; a shorter window is padded with silence,
            evenly before and after.
        max_samples: a longer sound is cut into windows of this many.
        step_samples: a window's length is brought up to `min_samples` and a multiple of this, with
            silence: so that few different lengths occur, and no sample at the end is lost.
        margin_samples: silence that is put before and after the whole sound first.
        overlap_samples: how much of one window the next repeats.
        scale: what samples, -1 to 1 in the file, are multiplied by.
        normalise: bring each window to mean 0 and variance 1, after the scale.
        extractor: settings of the transformers feature extractor that turns a window into what the
            network takes (a spectrogram); None: it takes the samples.

    >>> import topwork
    >>> topwork.SoundInput(rate_hz=16_000, min_samples=8_000, max_samples=160_000).modality
    'sound'
    """

    modality: ClassVar[Literal["sound"]] = "sound"

    rate_hz: int
    min_samples: int
    max_samples: int
    step_samples: int = 1
    margin_samples: int = 0
    overlap_samples: int = 0
    scale: float = 1.0
    normalise: bool = False
    extractor: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        """Raise SettingError on values that no sound can be brought to."""
        for name, least in (("rate_hz", 1), ("min_samples", 1), ("step_samples", 1),
                            ("margin_samples", 0), ("overlap_samples", 0)):  # fmt: skip
            _check(_whole(getattr(self, name), least), name, getattr(self, name),
                   f"a whole number, {least} or more")  # fmt: skip
        _check(_whole(self.max_samples, self.min_samples), "max_samples", self.max_samples,
               f"a whole number, min_samples ({self.min_samples}) or more")  # fmt: skip
        _check(self.overlap_samples < self.min_samples, "overlap_samples", self.overlap_samples,
               f"less than min_samples ({self.min_samples})")  # fmt: skip
        _check(bool(np.isfinite(self.scale)) and self.scale > 0, "scale", self.scale,
               "a number above 0")  # fmt: skip
        if self.extractor is not None:
            kind = self.extractor.get("feature_extractor_type")
            _check(kind in EXTRACTORS, "extractor", kind, " or ".join(EXTRACTORS))

    def settings(self) -> dict[str, Any]:
        """The same as plain data, for digests and JSON."""
        return {"modality": self.modality, **asdict(self)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> SoundInput:
        """Read what `settings` gave. Raises SettingError on a key or value that is not known."""
        known = {field.name for field in fields(cls)}
        given = set(settings) - {"modality"}
        good = given <= known and {"rate_hz", "min_samples", "max_samples"} <= given
        _check(good, "keys", sorted(settings), f"{sorted(known)}")
        return cls(**{key: settings[key] for key in given})

    def weight(self, window: Shaped[np.ndarray, "t ..."]) -> float:
        """How much a window counts beside the others of its sound: the time that is its own."""
        if self.extractor is not None:
            return 1.0
        return float(max(len(window) - self.overlap_samples, 1))


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _check(good: bool, name: str, got: object, accepted: str) -> None:
    if not good:
        raise SettingError(
            f"The sound input's {name}: got {got!r}; accepted: {accepted}. Take the values that "
            "the backbone was published with."
        )
