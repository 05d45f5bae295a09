"""Backbones for sounds: the embedded speech embedding, and the audio encoders of transformers.

What it does not know: how the networks are built (speech.py, sound_network.py), and how sounds are
decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from topwork.backbones import speech
from topwork.backbones.base import Backbone, Card
from topwork.backbones.catalog import NOTHING, Embedded
from topwork.backbones.described import package_versions
from topwork.backbones.families import RULES_VERSION
from topwork.backbones.repository import Repository
from topwork.backbones.spec import Spec
from topwork.digests import digest_settings
from topwork.examples.sound_input import SoundInput

SOUND_TYPES: frozenset[str] = frozenset()

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


def embedded_sound(spec: Spec, entry: Embedded, folder: Path | None) -> Backbone:
    """Return the speech embedding; with random weights where no folder of it is given."""
    architecture = {"library": "topwork", "model": entry.name}
    parts: dict[str, Any] = {"seed": spec.seed, "versions": package_versions()}
    if folder is not None:
        parts = {"weights": list(entry.sha256.values())}
    random = Card(
        licence="none (no trained weights)",
        pretrained_on=NOTHING,
        num_pretraining_examples=0,
        source=f"the architecture of {entry.name}, initialised with seed {spec.seed}",
    )
    files = [] if folder is None else [folder / file for file in entry.sha256]
    return Backbone(
        name=str(spec),
        digest=digest_settings(
            {
                "rules": RULES_VERSION,
                "input": SPEECH_INPUT.settings(),
                "architecture": architecture,
                **parts,
            }
        ),
        input=SPEECH_INPUT,
        card=random if folder is None else entry.card,
        architecture=architecture,
        precision=spec.precision or entry.precision,
        build=lambda: speech.load_speech(*files) if files else speech.build_speech(seed=spec.seed),
    )


def sound_from(spec: Spec, repository: Repository, config: Mapping[str, Any]) -> Backbone:
    """Return the transformers network of a folder or hub repository."""
    raise NotImplementedError
