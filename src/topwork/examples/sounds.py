"""Brings a sound, in whatever form it comes, to mono windows at a backbone's own rate.

What it does not know: what the windows are for, and what the sound is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.examples.sound_input import SoundInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Sound:
    """Samples in memory: [T], or [T, channels], floats from -1 to 1 or whole numbers, and their rate."""

    samples: npt.NDArray[Any]
    rate_hz: int


@dataclass(frozen=True, kw_only=True)
class SoundFile:
    """An encoded sound, on disk or in memory, or a part of it."""

    source: Path | bytes
    start_seconds: float | None = None
    end_seconds: float | None = None


def sound_windows(content: object, spec: SoundInput) -> Iterable[npt.NDArray[np.float32]]:
    """Return the windows of a `Sound`, a `SoundFile`, a path or encoded bytes."""
    raise NotImplementedError
