"""What looks like a mistake in sounds."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from topwork.errors import ExampleError
from topwork.examples.example import Example
from topwork.examples.kinds import PREFIX_BYTES
from topwork.examples.remarks.sample import spread
from topwork.examples.sounds.ffmpeg import other_format
from topwork.examples.sounds.headers import opened_sound
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import SoundFile, opened_content

SAMPLE = 100
"""Sounds that are looked at, spread evenly."""

SECONDS = 10
"""Of each."""

CANCELLED = 0.01
"""40 dB: two microphones of one recording never agree so well against each other; two wires that
were swapped do."""

SILENT = 1e-4
"""Below -80 dB there is nothing to cancel: the noise of a converter of 16 bits lies at -98."""

_NUM_NAMED = 3


def sound_remarks(examples: Sequence[Example], preprocessing: SoundInput) -> list[str]:
    """Say where the channels cancel each other out, so that their mean is silence.

    Only the beginnings of some are looked at. Not of what ffmpeg decodes, which costs more.
    """
    looked_at = spread(examples, SAMPLE)
    with ThreadPoolExecutor(4) as pool:
        found = [
            example.name
            for example, cancels in zip(looked_at, pool.map(_cancels, looked_at), strict=True)
            if cancels
        ]
    if not found:
        return []
    names = ", ".join(found[:_NUM_NAMED]) + (", ..." if len(found) > _NUM_NAMED else "")
    return [
        f"In {len(found)} of {len(looked_at)} sounds that were looked at the channels cancel each "
        f"other out, and their mean, which the backbone hears, is all but silence: {names}. One of "
        "the channels is upside down; save these sounds with one channel, such as the first."
    ]


def _cancels(example: Example) -> bool:
    try:
        content = example.read()
        source = content.source if isinstance(content, SoundFile) else content
        if isinstance(source, Path | bytes):
            with opened_sound(source) as file:
                if other_format(file.read(PREFIX_BYTES)) is not None:
                    return False
        power, mean_power, left = 0.0, 0.0, 0
        with opened_content(content) as stream:
            left = SECONDS * stream.rate_hz
            for block in stream.blocks:
                if block.shape[1] == 1:
                    return False
                part = block[:left].astype(np.float64)
                power += float(np.square(part).mean(1).sum())
                mean_power += float(np.square(part.mean(1)).sum())
                left -= len(part)
                if left <= 0:
                    break
            num_samples = SECONDS * stream.rate_hz - left
    except ExampleError:  # the run names it, and why
        return False
    loud = num_samples > 0 and power > SILENT**2 * num_samples
    return loud and mean_power < CANCELLED**2 * power
