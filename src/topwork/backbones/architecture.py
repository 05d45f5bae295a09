"""Networks from plain data, without their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from topwork.backbones.base import Network
from topwork.backbones.catalog import SPEECH_EMBEDDING
from topwork.backbones.graphs.find import find_drawing
from topwork.backbones.small import MODELS, build_small
from topwork.backbones.speech import build_speech
from topwork.backbones.timm.build import build_timm
from topwork.backbones.transformers.encoders import clean_config
from topwork.backbones.transformers.sound_network import build_sound
from topwork.backbones.transformers.text_network import build_text
from topwork.core.extras import need
from topwork.core.shapes import Shaped
from topwork.errors import BackboneError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.windows import Input


def build_with(
    architecture: Mapping[str, Any], input: Input, arrays: Mapping[str, Shaped[np.ndarray, "..."]]
) -> Network:
    """Build a network with these weights, named as its module's. Raises as `build_bare` does."""
    need("torch", "Training or changing a network")
    import torch

    network = build_blank(architecture, input)
    network.module.load_state_dict({name: torch.tensor(one) for name, one in arrays.items()})
    return network


def build_bare(architecture: Mapping[str, Any], input: Input, seed: int = 0) -> Network:
    """Build a network with random weights that depend on `seed` alone.

    Args:
        architecture: a Backbone's own: `library` timm (`model`, `fixed_size`, `arguments`),
            transformers (`config`, `pooling` for texts) or topwork (`model`, `units`); of timm's
            ResNets also `stem`.

    Raises:
        BackboneError: it is none of these, or cannot be built.
    """
    drawing = find_drawing(architecture)
    if drawing is not None:  # the graph's own, so that a seed means one network
        return build_with(architecture, input, drawing.random(seed))
    return build_blank(architecture, input, seed)


def build_blank(architecture: Mapping[str, Any], input: Input, seed: int = 0) -> Network:
    """Build a network whose weights are set after. Raises as `build_bare` does."""
    library, model = architecture.get("library"), architecture.get("model")
    if library == "timm" and isinstance(input, ImageInput):
        return build_timm(architecture, name=f"timm/{model}", size=input.size, seed=seed)
    if library == "topwork" and model in MODELS and isinstance(input, ArrayInput | ImageInput):
        return build_small(architecture, input, seed=seed)
    if library == "topwork" and model == SPEECH_EMBEDDING.name:
        return build_speech()
    config = architecture.get("config")
    if library == "transformers" and isinstance(config, dict):
        name = str(config.get("model_type"))
        safe = {**architecture, "config": clean_config(config, name)}
        if isinstance(input, TextInput):
            return build_text(safe, name=name, tokenizer=input.tokenizer, seed=seed)
        if isinstance(input, SoundInput):
            return build_sound(safe, input, name=name, seed=seed)
    raise BackboneError(
        f"The architecture is {library!r}, {model!r} for {input.modality}s; accepted: those that a "
        "backbone of this version says of itself. Upgrade Topwork, or train the model again."
    )
