"""Tiny networks of every kind, to be cut, and what they give whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests import small
from tests.backbones import folders
from topwork.backbones.base import Backbone, Network
from topwork.backbones.modules import from_module
from topwork.backbones.named_architecture import architecture
from topwork.backbones.registry import get_backbone
from topwork.executors.block_shapes import blank_window, listening
from topwork.training.tail import INNER
from topwork.training.trace import make_batch

Make = Callable[[Path], Backbone]


def _timm(name: str, size: int = 64) -> Make:
    return lambda _folder: get_backbone(f"timm/{name}?pretrained=false&size={size}")


def _text(kind: str) -> Make:
    def make(folder: Path) -> Backbone:
        decoder = kind in ("gpt2", "llama", "t5")
        folders.text_folder(folder / kind, kind, prefix=not decoder)
        return get_backbone(str(folder / kind))

    return make


def _sound(kind: str) -> Make:
    def make(folder: Path) -> Backbone:
        folders.sound_folder(folder / kind, kind)
        return get_backbone(str(folder / kind))

    return make


def _own(name: str, **values: Any) -> Make:
    return lambda _folder: architecture(f"topwork/{name}", **values)


MAKERS: dict[str, Make] = {
    "resnet": _timm("test_resnet"),
    "efficientnet": _timm("test_efficientnet"),
    "vit": _timm("test_vit"),
    "convnext": _timm("test_convnext"),
    "nfnet": _timm("test_nfnet"),
    **{
        kind: _text(kind)
        for kind in ("bert", "mpnet", "deberta-v2", "modernbert", "albert", "gpt2", "llama", "t5")
    },
    **{
        kind: _sound(kind)
        for kind in ("wav2vec2", "wavlm", "whisper", "audio-spectrogram-transformer")
    },
    "mlp": _own("mlp:16,8,8", input_shape=(3, 5)),
    "conv1d": _own("conv1d:8,8,8", input_shape=(3, 64)),
    "conv2d": _own("conv2d:8,8,8", size=16),
    "tiny": lambda _folder: small.tiny_backbone(),
    "tiny sound": lambda _folder: small.tiny_sound_backbone(),
    "tiny text": lambda _folder: small.tiny_text_backbone(),
}

SLOW_MAKERS: dict[str, Make] = {
    "swin": _timm("swin_tiny_patch4_window7_224", 224),
    "speech": lambda _folder: get_backbone("speech-embedding"),
}


def batch_of(
    backbone: Backbone, network: Network, num: int, length: float = 1.0, seed: int = 5
) -> torch.Tensor:
    """Return windows with something in them, so many times as long where the length may vary."""
    rng = np.random.default_rng(seed)
    blank = blank_window(backbone.input)
    count = round(len(blank) * length) if network.any_length else len(blank)
    windows: list[Any] = []
    for _ in range(num):
        if blank.dtype == np.int64:
            inside = rng.integers(4, 30, count - 2)
            windows.append(np.concatenate([blank[:1], inside, blank[-1:]]))
        elif blank.dtype == np.uint8:
            windows.append(rng.integers(0, 256, blank.shape, dtype=np.uint8))
        else:
            windows.append(rng.normal(0, 0.3, (count, *blank.shape[1:])).astype(np.float32))
    return make_batch(backbone.input, windows)


def heard(network: Network, batch: torch.Tensor, blocks: Sequence[str]) -> list[torch.Tensor]:
    """Return what these blocks give."""
    found: dict[str, torch.Tensor] = {}

    def hear(name: str, output: torch.Tensor) -> None:
        found[name] = output.float().clone()

    with listening(replace(network, blocks=tuple(blocks)), hear):
        network.module(batch)
    return [found[block] for block in blocks]


def away(own: torch.Tensor, wanted: torch.Tensor) -> float:
    """How far apart they are, as a share of the greatest number."""
    assert own.shape == wanted.shape
    apart = (own - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12)
    return float(apart.detach())


def inner(names: Sequence[str]) -> list[str]:
    """What a resumed network calls them."""
    return [INNER + name for name in names]


class Skipping(torch.nn.Module):
    """Three convolutions; what the first gives is added to what the third does."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.third = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.last = torch.nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        out: torch.Tensor = self.last(self.third(self.second(first)) + first)
        return out


class Sharing(torch.nn.Module):
    """A convolution, and one that runs three times after it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.shared = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.seams = torch.nn.ModuleList(torch.nn.Identity() for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for seam in self.seams:
            x = seam(self.shared(x))
        return x


class Tabled(torch.nn.Module):
    """Two linear layers with a BatchNorm each; the same offset is added before each."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.nn.Parameter(torch.ones(6))
        self.parts = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.BatchNorm1d(6)) for _ in range(2)
        )
        self.out = torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x + self.offset)
        out: torch.Tensor = self.out(x)
        return out


def own_backbone(module: torch.nn.Module, blocks: Sequence[str], input: Any = None) -> Backbone:
    """Return a backbone that is this module, of pictures of 32 px unless told otherwise."""
    return from_module(
        module, blocks=blocks, input=input or small.tiny_backbone().input, name="own"
    )
