"""Occlusion of sounds.

Each stretch of time in turn is silenced, and what the answer loses is the stretch's weight: Zeiler
and Fergus 2014 ("Visualizing and understanding convolutional networks", section 4.2) do so with
parts of images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np

from topwork.core.shapes import Doubles, Float32, Floats, Pixels, UInt8
from topwork.evidence.attribution.image_grid import AGAINST, FOR
from topwork.evidence.attribution.log_odds import example_of, odds_of
from topwork.examples.example import Example
from topwork.examples.sounds.mel import mel_bands
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound, sound_windows
from topwork.model.model import Model

if TYPE_CHECKING:
    from PIL import Image


MAX_SECONDS = 60.0
"""Of a longer sound, its beginning: each stretch costs a run of all that is listened to."""

MAX_STRETCHES, MIN_SECONDS = 24, 0.03
"""At most so many stretches, none shorter than this: a phoneme lasts 0.03 s or more."""

TOGETHER = 2
"""Stretches that are silenced at a time, each pair of neighbours in turn: a sound that lies across
a seam is then silenced whole once."""

FADE_SECONDS = 0.005
"""Of the silence's edges: a click is a sound of its own."""

BANDS, MIN_COLUMNS, MAX_COLUMNS = 64, 240, 480
FRAME_SECONDS, LOWEST_HZ, RANGE_DB = 0.025, 40.0, 70.0
"""Of the spectrogram: mel bands from LOWEST_HZ to half the rate, and how far below its loudest
place it is drawn."""

BAR = 8
"""Rows of the picture under the spectrogram that show the weights."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SoundOcclusion:
    """A sound as a picture, and what each stretch of it said for a class.

    Attributes:
        spectrogram: uint8 [BANDS, T, 3], high notes at the top; loudness on a logarithmic scale.
        times: start and end of each stretch in seconds [num stretches, 2], without gaps.
        weights: by how much the class's log-odds fall when the stretch is silent [num stretches];
            below 0 where it spoke against the class.
        label: the class that is asked about.
        probability: what the model gives it for what was listened to.
        seconds: how much that was: all of it, or the first MAX_SECONDS.
    """

    spectrogram: Pixels
    times: Doubles
    weights: Doubles
    label: str
    probability: float
    seconds: float


def moments(model: Model, example: object, label: str | None = None) -> SoundOcclusion:
    """Return what each moment of a sound says for a class (None: the one that the model names).

    Args:
        example: an `Example`, or whatever `model.predict` takes as one sound.

    Raises:
        ModalityError: the model is not one of sounds.
        SettingError: the model has no such class.
        ExampleError: the sound cannot be read.
    """
    given, preprocessing = example_of(model, example, SoundInput)
    rate_hz = preprocessing.rate_hz
    samples = _samples(given, rate_hz)
    seconds = len(samples) / rate_hz
    num = int(np.clip(seconds / MIN_SECONDS, 1, MAX_STRETCHES))
    edges = np.linspace(0, len(samples), num + 1).round().astype(np.intp)
    width = min(TOGETHER, num)
    starts = range(num - width + 1)
    silenced = (_silence(samples, int(edges[i]), int(edges[i + width]), rate_hz) for i in starts)
    examples = [
        replace(given, read=partial(Sound, samples=one, rate_hz=rate_hz))
        for one in (samples, *silenced)
    ]
    odds, said = odds_of(model, examples, label)
    sums, counts = np.zeros(num), np.zeros(num)
    for i, drop in zip(starts, odds[0] - odds[1:], strict=True):
        sums[i : i + width] += drop
        counts[i : i + width] += 1
    return SoundOcclusion(
        spectrogram=draw_spectrogram(samples, rate_hz),
        times=np.stack([edges[:-1], edges[1:]], axis=1) / rate_hz,
        weights=sums / counts,
        seconds=seconds,
        **said,
    )


def picture(found: SoundOcclusion, scale: int = 2) -> Image.Image:
    """Return the spectrogram with a bar below it: orange what spoke for the class, blue against.

    The strongest stretch has full colour, however weak it is.
    """
    from PIL import Image

    columns = found.spectrogram.shape[1]
    middles = (np.arange(columns) + 0.5) / columns * found.seconds
    at = np.clip(np.searchsorted(found.times[:, 1], middles), 0, len(found.weights) - 1)
    share = (found.weights / max(float(np.abs(found.weights).max()), 1e-12))[at][None, :, None]
    colour = np.where(share > 0, np.array(FOR), np.array(AGAINST))
    row = np.round(255 * (1 - np.abs(share)) + colour * np.abs(share)).astype(np.uint8)
    whole = np.concatenate([found.spectrogram, np.repeat(row, BAR, axis=0)])
    size = (whole.shape[1] * scale, whole.shape[0] * scale)
    return Image.fromarray(whole).resize(size, Image.Resampling.NEAREST)


def _samples(example: Example, rate_hz: int) -> Floats:
    """Return the sound's beginning, mono, float32 [T], at the rate."""
    longest = round(MAX_SECONDS * rate_hz)
    plain = SoundInput(rate_hz=rate_hz, min_samples=1, max_samples=longest)
    return next(iter(sound_windows(example.read(), plain)))


def _silence(samples: Floats, start: int, end: int, rate_hz: int) -> Floats:
    fade = max(1, min(round(FADE_SECONDS * rate_hz), (end - start) // 2))
    level = np.ones(len(samples), np.float32)
    level[start:end] = 0
    down = np.linspace(1, 0, fade, dtype=np.float32)
    inside = level[start:end]
    inside[:fade] = down[: len(inside)]
    inside[-fade:] = np.maximum(inside[-fade:], down[::-1][-len(inside) :])
    return samples * level


def draw_spectrogram(
    samples: Float32[np.ndarray, " t"], rate_hz: int
) -> UInt8[np.ndarray, "bands columns 3"]:
    """Return the log-mel spectrogram of samples [T] as a picture, uint8 [BANDS, columns, 3]."""
    from scipy.signal import stft

    frame = max(2, min(len(samples), round(FRAME_SECONDS * rate_hz)))
    hop = max(1, min(frame // 4, len(samples) // MIN_COLUMNS), -(-len(samples) // MAX_COLUMNS))
    frame = max(frame, hop)  # of a long sound, frames as far apart as they are long
    padded = np.pad(samples, (0, max(0, frame - len(samples))))
    _, _, spectrum = stft(padded, rate_hz, nperseg=frame, noverlap=frame - hop, padded=True)
    top = rate_hz / 2
    bins_hz = np.linspace(0, top, spectrum.shape[0])
    bands, _ = mel_bands(
        bins_hz,
        lowest_hz=min(LOWEST_HZ, top / 4),
        highest_hz=top,
        num_bands=BANDS,
        least_hz=float(bins_hz[1]),
    )
    shares = bands / np.maximum(bands.sum(0), 1e-12)
    power = shares.T @ np.square(np.abs(spectrum))
    level = 10 * np.log10(np.maximum(power, 1e-20))
    share = np.clip(1 + (level - level.max()) / RANGE_DB, 0, 1)
    return _coloured(share[::-1])


def _coloured(share: Doubles) -> Pixels:
    """Return 0 to 1 as black, purple, orange, pale yellow: lightness grows all the way."""
    stops = np.array([[8, 6, 30], [90, 20, 110], [225, 95, 60], [252, 250, 190]])
    at = np.linspace(0, 1, len(stops))
    parts = [np.interp(share, at, stops[:, i]) for i in range(3)]
    return np.round(np.stack(parts, axis=-1)).astype(np.uint8)
