"""Mel filter banks."""

from __future__ import annotations

from typing import Literal

import numpy as np

from topwork.core.shapes import Float64

Scale = Literal["htk", "slaney"]


def mel_bands(
    bins_hz: Float64[np.ndarray, " bins"],
    *,
    lowest_hz: float,
    highest_hz: float,
    num_bands: int,
    scale: Scale = "htk",
    least_hz: float = 0.0,
) -> tuple[Float64[np.ndarray, "bins bands"], Float64[np.ndarray, " bands"]]:
    """Return triangular filters that are evenly spaced in mel, and the width of each in Hz.

    Args:
        bins_hz: frequencies of the spectrum's bins.
        scale: `htk` (O'Shaughnessy 1987) or `slaney` (Auditory Toolbox, as librosa has it).
        least_hz: of each side of a triangle: low bands may lie closer than the bins do.
    """
    mels = np.linspace(_mel(lowest_hz, scale), _mel(highest_hz, scale), num_bands + 2)
    edges = np.array([_hertz(float(mel), scale) for mel in mels])
    middle = edges[1:-1]
    low = np.minimum(edges[:-2], middle - least_hz)
    high = np.maximum(edges[2:], middle + least_hz)
    rise = (bins_hz[:, None] - low) / (middle - low)
    fall = (high - bins_hz[:, None]) / (high - middle)
    return np.maximum(0, np.minimum(rise, fall)), high - low


def _mel(hertz: float, scale: Scale) -> float:
    if scale == "htk":
        return float(2595 * np.log10(1 + hertz / 700))
    return hertz * 3 / 200 if hertz < 1000 else 15 + float(np.log(hertz / 1000)) * 27 / np.log(6.4)


def _hertz(mel: float, scale: Scale) -> float:
    if scale == "htk":
        return float(700 * (10 ** (mel / 2595) - 1))
    return mel * 200 / 3 if mel < 15 else 1000 * float(np.exp((mel - 15) * np.log(6.4) / 27))
