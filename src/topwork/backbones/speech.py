"""Google's speech embedding as a torch module.

A row of modules, each taking what the one before gives, so that it can be cut and trained: the
log-mel spectrogram [N, 1, T, 32], nine pairs of convolutions (over frequency, then over time), and
the embedding [N, 96, T, 1]. It is convolutional over time: 12,512 samples (76 spectra) give one
embedding, each 1,280 more (8 spectra, 80 ms) another.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from topwork.backbones.base import Network
from topwork.core.shapes import Float32
from topwork.examples.sounds import mel

if TYPE_CHECKING:
    import torch

RATE_HZ = 16_000
RECEPTIVE_SAMPLES = 12_512
STEP_SAMPLES = 1_280

FFT, HOP, HANN = 512, 160, 400
NUM_MELS, LOWEST_HZ, HIGHEST_HZ = 32, 60.0, 3_800.0
CHANNELS = (24, 48, 48, 72, 72, 96, 96, 96, 96)
"""Of each pair; the embedding has 96."""
POOLED_BEFORE = {1: (2, 2), 3: (1, 2), 5: (2, 2), 7: (1, 2), 9: (2, 2)}
"""Maximum over [time, frequency] before the pair of this number, 9 being the embedding."""

SLOPE, NORM_EPSILON = 0.2, 1e-3
"""Of the leaky ReLU below 0, and what the norm adds to the variance."""

BLOCKS = ("mel", *(f"pair{i}" for i in range(len(CHANNELS))), "embedding")


def build_speech() -> Network:
    """Build the network; its weights mean nothing yet."""
    return Network(module=_make_module().eval(), blocks=BLOCKS, layout="NCTF", any_length=True)


def _make_module() -> torch.nn.Module:
    """A row of modules: `mel`, `pair0` to `pair8`, `embedding`."""
    import torch
    from torch import nn

    class LogMel(nn.Module):
        """Samples [N, T] to decibels, divided by 10, plus 2: [N, 1, spectra, bands]."""

        kernels: torch.Tensor
        bands: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            # no parameters: nothing here is ever trained
            self.register_buffer("kernels", torch.from_numpy(fourier_kernels()))
            self.register_buffer("bands", torch.from_numpy(mel_bands()))

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            both = nn.functional.conv1d(samples[:, None], self.kernels, stride=HOP)
            real, imaginary = both.chunk(2, dim=1)
            power = real.square() + imaginary.square()
            mel = (power.transpose(1, 2) @ self.bands).clamp(min=1e-10)
            decibels = mel.log() * (10 / float(np.log(10)))
            decibels = torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - 80)
            return (decibels / 10 + 2)[:, None]

    class Act(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.leaky = nn.LeakyReLU(SLOPE)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.leaky(x).clamp(min=-0.4)
            return out

    row: dict[str, nn.Module] = {"mel": LogMel()}
    last = 1
    for pair, channels in enumerate(CHANNELS):
        parts: dict[str, nn.Module] = {}
        if pair in POOLED_BEFORE:
            parts["pool"] = nn.MaxPool2d(POOLED_BEFORE[pair])
        if pair == 0:
            parts["stem"] = nn.Conv2d(1, channels, 3, padding=(0, 1), bias=False)
            parts["relu"] = nn.ReLU()
            parts["norm"] = nn.BatchNorm2d(channels, eps=NORM_EPSILON)
            parts["stem_act"] = Act()
            last = channels
        parts["frequency"] = nn.Conv2d(last, channels, (1, 3), padding=(0, 1))
        parts["frequency_act"] = Act()
        parts["time"] = nn.Conv2d(channels, channels, (3, 1))
        parts["time_act"] = Act()
        row[f"pair{pair}"] = nn.Sequential(OrderedDict(parts))
        last = channels
    pool = nn.MaxPool2d(POOLED_BEFORE[len(CHANNELS)])
    time = nn.Conv2d(last, last, (3, 1), bias=False)
    row["embedding"] = nn.Sequential(OrderedDict(pool=pool, time=time))
    return nn.Sequential(OrderedDict(row))


def fourier_kernels() -> Float32[np.ndarray, "514 1 512"]:
    """Return [2 * 257, 1, 512]: cosines, then sines, under a Hann window of 400 in the middle.

    Equal to the published file's within 3e-8.
    """
    window = np.zeros(FFT)
    window[(FFT - HANN) // 2 :][:HANN] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(HANN) / HANN)
    angles = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FFT)) / FFT
    both = np.concatenate([np.cos(angles), -np.sin(angles)]) * window
    return both[:, None].astype(np.float32)


def mel_bands() -> Float32[np.ndarray, "257 32"]:
    """Return [257, 32]: triangles of equal area on Slaney's mel scale, as librosa makes them.

    Equal to the published file's within 1e-9.
    """
    bins_hz = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    bands, widths_hz = mel.mel_bands(
        bins_hz,
        lowest_hz=LOWEST_HZ,
        highest_hz=HIGHEST_HZ,
        num_bands=NUM_MELS,
        scale="slaney",
    )
    triangles: np.ndarray = (bands * 2 / widths_hz).astype(np.float32)
    return triangles
