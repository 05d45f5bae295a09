"""Google's speech embedding as a torch module.

A row of modules, each taking what the one before gives, so that it can be cut and trained: the
log-mel spectrogram [N, 1, T, 32], nine pairs of convolutions (over frequency, then over time), and
the embedding [N, 96, T, 1]. It is convolutional over time: 12,512 samples (76 spectra) give one
embedding, each 1,280 more (8 spectra, 80 ms) another.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Network
from topwork.core.shapes import Float32
from topwork.errors import WeightsError
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

BLOCKS = ("mel", *(f"pair{i}" for i in range(len(CHANNELS))), "embedding")


def build_speech(*, seed: int = 0) -> Network:
    """Build the network with the true spectrogram and random convolutions (He et al. 2015)."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _make_module()
        for part in module.modules():
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight, a=0.2)
                if part.bias is not None:
                    torch.nn.init.zeros_(part.bias)
    return Network(module=module.eval(), blocks=BLOCKS, layout="NCTF", any_length=True)


def load_speech(spectrogram: Path, embedding: Path) -> Network:
    """Build the network with the weights of its two ONNX files.

    Raises:
        WeightsError: they are not those of this network.
    """
    network = build_speech()
    try:
        state = _read_state(_initialisers(spectrogram), _initialisers(embedding))
        network.module.load_state_dict(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"The weights in {spectrogram} and {embedding} are not those of the speech embedding: "
            f"{' '.join(str(error).split())[:300]}. Run: pip install --force-reinstall --no-deps "
            "openwakeword==0.4.0"
        ) from error
    return network


def _initialisers(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX file: {error}") from error
    found = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:  # its inputs' names do not say which is which; their order does
        if node.op_type == "BatchNormalization":
            found |= {f"norm.{i}": found[name] for i, name in enumerate(node.input[1:])}
    return found


def _read_state(
    front: Mapping[str, npt.NDArray[np.float32]], net: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, torch.Tensor]:
    """Name the files' tensors as the module's."""
    import torch

    kernels = np.concatenate([front["0.stft.conv_real.weight"], front["0.stft.conv_imag.weight"]])
    first = "model/conv2d/StatefulPartitionedCall/StatefulPartitionedCall/Conv2D/ReadVariableOp:0"
    named = {"mel.kernels": kernels, "mel.bands": front["1.melW"], "pair0.stem.weight": net[first]}
    norm = ("weight", "bias", "running_mean", "running_var")
    named |= {f"pair0.norm.{name}": net[f"norm.{i}"] for i, name in enumerate(norm)}
    for pair in range(len(CHANNELS)):
        for number, over in ((2 * pair + 1, "frequency"), (2 * pair + 2, "time")):
            source = f"model/conv2d_{number}/Conv2D"
            named[f"pair{pair}.{over}.weight"] = net[f"{source}_weights_fused_bn"]
            named[f"pair{pair}.{over}.bias"] = net[f"{source}_bias_fused_bn"]
    named["embedding.time.weight"] = net["model/conv2d_19/Conv2D/ReadVariableOp:0"]
    state = {key: torch.from_numpy(np.array(value)) for key, value in named.items()}
    return {**state, "pair0.norm.num_batches_tracked": torch.tensor(0)}


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
            self.leaky = nn.LeakyReLU(0.2)

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
            parts["norm"] = nn.BatchNorm2d(channels, eps=1e-3)
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
