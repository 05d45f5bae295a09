"""How long sounds are, from their headers alone.

What it does not know: whether the sounds can be decoded.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from topwork.errors import ExampleError
from topwork.examples.example import Example
from topwork.examples.sounds.files import header_seconds
from topwork.examples.sounds.sound import Sound, SoundFile

SAMPLE = 500
"""Sounds that are looked at for the median."""


def median_seconds(examples: Sequence[Example]) -> float | None:
    """Return the median length of some sounds; None where no header says."""
    step = max(1, len(examples) // SAMPLE)
    lengths = [sound_seconds(example.read()) for example in examples[::step]]
    known = [length for length in lengths if length is not None]
    return statistics.median(known) if known else None


def sound_seconds(content: object) -> float | None:
    """Return the length of a `Sound`, `SoundFile`, path or bytes; None where it is not said."""
    if isinstance(content, Sound):
        return len(content.samples) / content.rate_hz
    if not isinstance(content, SoundFile):
        if not isinstance(content, Path | bytes):
            return None
        content = SoundFile(source=content)
    start = content.start_seconds or 0.0
    whole = _file_seconds(content.source)
    if whole is None:
        return None if content.end_seconds is None else content.end_seconds - start
    end = whole if content.end_seconds is None else min(content.end_seconds, whole)
    return max(end - start, 0.0)


def _file_seconds(source: Path | bytes) -> float | None:
    try:
        return header_seconds(source)
    except ExampleError:
        return None
