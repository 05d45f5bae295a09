"""Conditions under which transfer helps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.errors import ExampleError
from topwork.evaluation.intervals import Estimate
from topwork.evidence.transfer.layer_probe import LayerProbe
from topwork.examples.example import Example
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.sounds.files import open_sound
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.runs.head import HeadRun

NUM_LOOKED_AT = 50
"""Examples whose form is looked at: what most of them are shows in far fewer."""

FAR_MORE = 10
"""Times the examples in hand, from which the backbone's own count as far more."""

SMALL = 0.5
"""Share of the backbone's size (or rate) below which an input is blown up: half of the finest
detail, or of the pitch, that the network listens for is not there."""

MOST = 0.5
"""Share of the inputs that differ, from which it is said."""


@final
@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition for transfer, whether it is met, and why that is said.

    Attributes:
        question: as it is asked of a user.
        answer: None where it cannot be told, or is met in part.
        because: a sentence.
    """

    question: str
    answer: bool | None
    because: str


def conditions(head_run: HeadRun, depth: LayerProbe | None) -> tuple[Condition, ...]:
    """Return the three conditions, answered from the data, the card and what was measured."""
    return (
        same_input(head_run.examples, head_run.backbone),
        far_more_data(len(head_run.examples), head_run.backbone),
        shared_low_levels(depth),
    )


def same_input(examples: Sequence[Example], backbone: Backbone) -> Condition:
    """Say whether the inputs are of the form that the backbone has learned from."""
    kind, preprocessing = backbone.modality, backbone.input
    some = examples[:: max(1, len(examples) // NUM_LOOKED_AT)][:NUM_LOOKED_AT]
    remarks: list[str] = []
    if isinstance(preprocessing, ImageInput):
        remarks = _of_images(some, preprocessing)
    elif isinstance(preprocessing, SoundInput):
        remarks = _of_sounds(some, preprocessing)
    message = f"Both are {kind}s"
    if not remarks:
        return Condition(question=f"Are both {kind}s?", answer=True, because=f"{message}.")
    return Condition(
        question=f"Are both {kind}s?",
        answer=None,
        because=f"{message}, but {'; and '.join(remarks)}.",
    )


def far_more_data(num_examples: int, backbone: Backbone) -> Condition:
    """Say whether the backbone learned from far more than is in hand."""
    question = "Is there far more data behind the backbone than in hand?"
    behind, lesson = backbone.card.num_pretraining_examples, backbone.card.pretrained_on
    if behind == 0 or lesson.startswith("nothing"):
        because = f"It has learned from nothing: {backbone.name} has random weights."
        return Condition(question=question, answer=False, because=because)
    if behind is None:
        because = f"It learned from {lesson}; how many examples that was is not known."
        return Condition(question=question, answer=None, because=because)
    times = behind / max(num_examples, 1)
    ratio = f"{times:,.0f} times as many" if times >= FAR_MORE else f"{times:.2g} times as many"
    because = f"{behind:,} examples ({lesson}) against {num_examples:,} in hand: {ratio}."
    return Condition(question=question, answer=times >= FAR_MORE, because=because)


def shared_low_levels(depth: LayerProbe | None) -> Condition:
    """Say whether what the early blocks have learned helps here."""
    question = "Does what its early blocks have learned help here?"
    if depth is None or (depth.over_random is None and depth.over_raw is None):
        because = "There was nothing to compare them with."
        return Condition(question=question, answer=None, because=because)
    gains = {}
    if depth.over_random is not None:
        gains["the same blocks with random weights"] = depth.over_random
    if depth.over_raw is not None:
        gains[depth.raw_name] = depth.over_raw
    message = " and ".join(f"{points(one)} over {name}" for name, one in gains.items())
    first = f"The first {len(depth.early)} of {len(depth.blocks)} blocks"
    if len(depth.early) == 1:
        first = f"The first of {len(depth.blocks)} blocks"
    because = f"{first} alone: {message}, on {depth.num_examples:,} examples left out."
    answer: bool | None = None
    if all(one.low > 0 for one in gains.values()):
        answer = True
    elif any(one.high <= 0 for one in gains.values()):
        answer = False
    return Condition(question=question, answer=answer, because=because)


def points(gain: Estimate) -> str:
    """Return `+31.0 points (27.2 to 34.8)`; signs in the brackets where they differ."""
    value, low, high = (100 * v for v in (gain.value, gain.low, gain.high))
    form = "+.1f" if low < 0 else ".1f"
    return f"{value:+.1f} points ({low:{form}} to {high:{form}})"


def _of_images(examples: Sequence[Example], preprocessing: ImageInput) -> list[str]:
    small = ImageInput(size=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    grey, sides = [], []
    for example in examples:
        try:
            content = example.read()
            pixels = decode_image(content, small).astype(np.int16)
            sides.append(_side(content))
        except ExampleError:
            continue
        # JPEG's rounding moves colours by a step or two
        grey.append(float(np.ptp(pixels, axis=2).mean()) < 3)
    remarks = []
    if grey and np.mean(grey) >= MOST:
        remarks.append("yours are grey, and it learned from colours")
    known = [side for side in sides if side is not None]
    if known and np.median(known) < SMALL * preprocessing.size:
        remarks.append(
            f"yours are {np.median(known):.0f} pixels across and are blown up to "
            f"{preprocessing.size}"
        )
    return remarks


def _side(content: object) -> int | None:
    """Return an image's shorter side in pixels, by its header alone."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(content, Image.Image):
        return min(content.size)
    if isinstance(content, np.ndarray):
        return int(min(content.shape[:2]))
    if not isinstance(content, bytes | str | Path):
        return None
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            return min(image.size)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _of_sounds(examples: Sequence[Example], preprocessing: SoundInput) -> list[str]:
    rates = []
    for example in examples:
        try:
            content = example.read()
            if isinstance(content, Sound):
                rates.append(content.rate_hz)
            elif isinstance(content, SoundFile):
                with open_sound(content.source, None, None) as stream:
                    rates.append(stream.rate_hz)
        except ExampleError:
            continue
    if rates and np.median(rates) <= SMALL * preprocessing.rate_hz:
        mine, own = np.median(rates) / 1000, preprocessing.rate_hz / 1000
        return [
            f"yours were sampled at {mine:g} kHz and it listens at {own:g} kHz: there is nothing "
            f"above {mine / 2:g} kHz"
        ]
    return []
