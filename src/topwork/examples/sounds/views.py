"""Augmented views of sounds.

A wave is altered where it is heard: the silence around it that a backbone wants stays silent. Where
the backbone brings each window to the same level, `gain` would change nothing and does nothing. Of
a spectrogram, whose unit is its extractor's own, only `shift` and `mask` have a meaning; of a wave
`mask` has none.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import soxr

from topwork.core.shapes import Float32, Floats
from topwork.examples.arrays.views import Draw, drawn_factor, slid
from topwork.examples.sounds.preprocessing import SoundInput

SOUND_AUGMENTATIONS = ("speed", "shift", "filter", "noise", "gain", "mask")

MAX_SPEED = 1.1
"""Ko et al. 2015 (audio augmentation for speech recognition): 0.9, 1 and 1.1."""

MAX_SHIFT_SECONDS, MAX_SHIFT = 0.1, 0.1
"""Either way, and at most this share of what is heard. 0.1 s: as TensorFlow's own example
for the speech commands of Warden 2018."""

MAX_FRAMES = 10
"""Of a spectrogram, what 0.1 s are at the usual 10 ms."""

MAX_FILTER_DB = 4.0
"""At each octave, up or down: telephones, laptops and rooms differ by as much."""

NOISE_DB = (10.0, 30.0)
"""How far `noise` lies below the sound: from a loud office to a quiet room."""

MAX_COLOUR = 2.0
"""Of the noise: its power falls with frequency to a power from 0 (white) to this (brown)."""

MAX_GAIN_DB = 6.0
"""Half or twice the distance from the microphone."""

MASKS, MASK_BANDS, MASK_FRAMES, MASK_SHARE = 2, 15 / 80, 70, 0.2
"""SpecAugment (Park et al. 2019), table 1, Switchboard mild: two masks of up to 15 of 80 bands, two
of up to 70 frames, each at most a fifth of the time. The stronger ones want long utterances."""

_MIN_SAMPLES = 64  # fewer are shorter than the resampler's filter


def sound_view(
    window: Float32[np.ndarray, "..."],
    preprocessing: SoundInput,
    names: tuple[str, ...],
    draw: Draw,
) -> Float32[np.ndarray, "..."]:
    """Return the window [T], or the spectrogram [..., frames, bands], altered by the names."""
    if preprocessing.extractor is not None:
        return _spectrogram_view(window, preprocessing, names, draw)
    idle = {"mask", "gain"} if preprocessing.normalise else {"mask"}
    if set(names) <= idle or not window.any():
        return window
    peak = max(float(np.abs(window).max()), preprocessing.scale)
    if "speed" in names:
        window = _sped(window, draw("speed"))
    if "shift" in names:
        window = _shifted(window, preprocessing, draw("shift"))
    heard = _heard(window)
    samples = window[heard]
    if "filter" in names:
        samples = _filtered(samples, preprocessing, draw("filter"))
    if "noise" in names:
        samples = _noisy(samples, draw("noise"))
    if (
        preprocessing.normalise
    ):  # as the decoder does: what the network takes has mean 0 and variance 1
        spread = np.sqrt(samples.var(dtype=np.float64) + 1e-7)
        samples = (samples - samples.mean(dtype=np.float64)) / spread
    elif "gain" in names:
        most = peak / max(float(np.abs(samples).max()), 1e-30)  # no louder than a file can hold
        gain = float(_from_decibels(draw("gain").uniform(-MAX_GAIN_DB, MAX_GAIN_DB)))
        samples = samples * np.float32(min(gain, most))
    view = np.zeros(len(window), np.float32)
    view[heard] = samples
    return view


def _sped(window: Floats, random: np.random.Generator) -> Floats:
    """Play it faster or slower about the middle of what is heard; what no longer fits is cut."""
    heard = _heard(window)
    speed = drawn_factor(random, MAX_SPEED)
    if heard.stop - heard.start < _MIN_SAMPLES:
        return window
    samples = soxr.resample(window[heard], speed, 1.0)
    start = (heard.start + heard.stop - len(samples)) // 2
    before = max(-start, 0)
    samples = samples[before : before + len(window) - max(start, 0)]
    view = np.zeros(len(window), np.float32)
    view[max(start, 0) : max(start, 0) + len(samples)] = samples
    return view


def _shifted(window: Floats, preprocessing: SoundInput, random: np.random.Generator) -> Floats:
    heard = _heard(window)
    most = min(MAX_SHIFT_SECONDS * preprocessing.rate_hz, MAX_SHIFT * (heard.stop - heard.start))
    steps = round(random.uniform(-most, most))
    view = np.zeros_like(window)
    view[max(steps, 0) : len(view) + min(steps, 0)] = window[max(-steps, 0) : len(view) - steps]
    return view if view.any() else window


def _filtered(samples: Floats, preprocessing: SoundInput, random: np.random.Generator) -> Floats:
    """Raise and lower each octave; the level over all is left to `gain`."""
    import scipy.fft  # prediction, which alters nothing, does without

    octaves = np.arange(math.log2(62.5), math.log2(preprocessing.rate_hz / 2) + 1)
    decibels = random.uniform(-MAX_FILTER_DB, MAX_FILTER_DB, len(octaves))
    decibels -= decibels.mean()
    # room for the filter's tails, so that the end does not come round to the beginning
    size = scipy.fft.next_fast_len(len(samples) + preprocessing.rate_hz // 20, real=True)
    frequencies = np.maximum(scipy.fft.rfftfreq(size, 1 / preprocessing.rate_hz), 1.0)
    curve = _from_decibels(np.interp(np.log2(frequencies), octaves, decibels))
    spectrum = scipy.fft.rfft(samples, size) * curve.astype(np.float32)
    filtered: Floats = scipy.fft.irfft(spectrum, size)[: len(samples)]
    return filtered


def _noisy(samples: Floats, random: np.random.Generator) -> Floats:
    import scipy.fft  # prediction, which alters nothing, does without

    size = scipy.fft.next_fast_len(len(samples), real=True)
    colour, below = random.uniform(0, MAX_COLOUR), random.uniform(*NOISE_DB)
    spectrum = scipy.fft.rfft(random.standard_normal(size, np.float32))
    places = np.arange(len(spectrum), dtype=np.float32)
    spectrum[0] = 0
    spectrum[1:] *= places[1:] ** np.float32(-colour / 2)
    noise = scipy.fft.irfft(spectrum, size)[: len(samples)]
    loud = _level(noise)
    if loud == 0:  # a single sample
        return samples
    noisy: Floats = samples + noise * np.float32(_level(samples) * _from_decibels(-below) / loud)
    return noisy


def _spectrogram_view(
    window: Floats, preprocessing: SoundInput, names: tuple[str, ...], draw: Draw
) -> Floats:
    shape = window.shape
    extractor = preprocessing.extractor or {}
    if extractor.get("feature_extractor_type") == "SeamlessM4TFeatureExtractor":
        stride = int(extractor.get("stride", 2))  # it lays so many frames side by side
        window = window.reshape(-1, shape[-1] // stride)
    frames, bands = window.shape[-2:]
    if "shift" in names:
        most = min(MAX_FRAMES, int(MAX_SHIFT * frames))
        window = slid(window, int(draw("shift").integers(-most, most + 1)), axis=-2)
    if "mask" in names:
        random, level = draw("mask"), window.mean()
        window = window.copy()
        for _ in range(MASKS):
            window[..., _stretch(random, bands, int(MASK_BANDS * bands))] = level
            most = min(MASK_FRAMES, int(MASK_SHARE * frames))
            window[..., _stretch(random, frames, most), :] = level
    return np.ascontiguousarray(window.reshape(shape))


def _stretch(random: np.random.Generator, whole: int, most: int) -> slice:
    length = int(random.integers(most + 1))
    start = int(random.integers(whole - length + 1))
    return slice(start, start + length)


def _heard(window: Floats) -> slice:
    """From the first sample that is not silent to the last."""
    places = np.flatnonzero(window)
    return slice(int(places[0]), int(places[-1]) + 1)


def _level(samples: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _from_decibels(decibels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 10.0 ** (np.asarray(decibels, np.float64) / 20)
