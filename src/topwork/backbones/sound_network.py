"""Builds networks for sounds of transformers."""

from collections.abc import Mapping
from typing import Any

from topwork.backbones.base import Network
from topwork.examples.sound_input import SoundInput


def build_sound(
    architecture: Mapping[str, Any], sound: SoundInput, *, name: str, seed: int = 0
) -> Network:
    raise NotImplementedError
