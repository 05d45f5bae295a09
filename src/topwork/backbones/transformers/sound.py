"""Backbones for sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones import speech
from topwork.backbones.architecture import build_with
from topwork.backbones.base import Backbone
from topwork.backbones.catalog import EmbeddedBackbone, card_of
from topwork.backbones.graphs.find import Arrays, find_graph
from topwork.backbones.graphs.speech import read_tensors
from topwork.backbones.random import named_backbone
from topwork.backbones.repository import Repository
from topwork.backbones.spec import Spec
from topwork.backbones.transformers.encoders import clean_config
from topwork.backbones.transformers.sound_network import (
    AST,
    CLAP,
    CLAP_AUDIO,
    OF_SAMPLES,
    WHISPER,
    build_sound,
)
from topwork.backbones.weights import find_weights
from topwork.errors import BackboneError
from topwork.examples.sounds.preprocessing import SoundInput

PREPROCESSOR = "preprocessor_config.json"
NOT_SETTINGS = ("processor_class", "mel_filters", "_commit_hash", "image_processor_type")
"""In that file, but not what its feature extractor is made with."""

EXTRACTOR_OF = {
    AST: "ASTFeatureExtractor",
    CLAP: "ClapFeatureExtractor",
    CLAP_AUDIO: "ClapFeatureExtractor",
    WHISPER: "WhisperFeatureExtractor",
}

MAX_SECONDS = 20
"""Of a window of a network of samples: they were trained on clips of some 15 s, and attention costs
the square of it."""

SPEECH_INPUT = SoundInput(
    rate_hz=speech.RATE_HZ,
    min_samples=speech.RECEPTIVE_SAMPLES,
    step_samples=speech.STEP_SAMPLES,
    max_samples=speech.RECEPTIVE_SAMPLES + 124 * speech.STEP_SAMPLES,  # 10.7 s
    overlap_samples=speech.RECEPTIVE_SAMPLES - speech.STEP_SAMPLES,
    # Half a window of silence on both sides puts a window's centre on every moment of the sound:
    # spoken digits, speakers left out, 0.981 with it and 0.970 without
    margin_samples=speech.RECEPTIVE_SAMPLES // 2,
    scale=32767.0,  # it was trained on the numbers of 16-bit files
)


def embedded_sound(spec: Spec, entry: EmbeddedBackbone, files: Mapping[str, Path]) -> Backbone:
    """Return the speech embedding; with random weights where no files of it are given."""
    architecture = {"library": "topwork", "model": entry.name}

    def read() -> Arrays:
        return read_tensors(*(files[name] for name in entry.sha256))

    backbone = named_backbone(
        spec,
        SPEECH_INPUT,
        architecture,
        card=entry.card,
        weights=list(entry.sha256.values()) if files else None,
        build=lambda: build_with(architecture, SPEECH_INPUT, read()),
        precision=entry.precision,
    )
    if not files:
        return backbone
    return replace(backbone, graph=find_graph(architecture, SPEECH_INPUT, read))


def sound_from(spec: Spec, repository: Repository, config: Mapping[str, Any]) -> Backbone:
    """Return the transformers network of a folder or hub repository."""
    safe = clean_config(config, repository.name)
    sound = _sound_input(safe, clean_config(repository.config(PREPROCESSOR), repository.name))
    architecture = {"library": "transformers", "config": safe}
    weights = find_weights(repository) if spec.pretrained else None
    return named_backbone(
        spec,
        sound,
        architecture,
        card=card_of(repository),
        weights=None if weights is None else weights.digest,
        build=lambda: build_sound(architecture, sound, name=str(spec), weights=weights),
    )


def _sound_input(config: Mapping[str, Any], extractor: Mapping[str, Any]) -> SoundInput:
    """Read what the authors' feature extractor does; windows are of any length, up to its own."""
    kind = config.get("model_type")
    if (config.get("audio_config") or config).get("enable_fusion"):
        raise BackboneError(
            "This CLAP joins views of long sounds (enable_fusion in its config.json), which "
            "Topwork does not: it joins windows. Take 'laion/clap-htsat-unfused'."
        )
    rate = int(extractor.get("sampling_rate", 48_000 if kind in (CLAP, CLAP_AUDIO) else 16_000))
    least = rate // 10
    if kind in OF_SAMPLES:
        return SoundInput(
            rate_hz=rate,
            min_samples=least,
            step_samples=least,
            max_samples=MAX_SECONDS * rate,
            normalise=bool(extractor.get("do_normalize", True)),
        )
    settings = {key: value for key, value in extractor.items() if key not in NOT_SETTINGS}
    settings.setdefault("feature_extractor_type", EXTRACTOR_OF[str(kind)])
    if kind == WHISPER:
        hop = int(extractor.get("hop_length", 160))
        most = 2 * hop * int(config.get("max_source_positions", 1500))
        return SoundInput(
            rate_hz=rate,
            min_samples=least,
            step_samples=least,
            max_samples=most,
            extractor=settings,
        )
    if kind == AST:
        # 25 ms a frame, 10 ms from one to the next; the extractor fills it up with silence
        most = rate // 100 * (int(config.get("max_length", 1024)) - 1) + rate // 40
    else:
        most = int(extractor.get("nb_max_samples", 10 * rate))
    return SoundInput(rate_hz=rate, min_samples=least, max_samples=most, extractor=settings)
