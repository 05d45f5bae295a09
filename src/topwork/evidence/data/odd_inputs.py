"""Inputs that are broken or odd.

A trait that a tenth of the data has is the data's own, and not odd.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, final

import numpy as np

from topwork.evidence.data.thumbnails import (
    ArrayLook,
    ImageLook,
    Look,
    SoundLook,
    TextLook,
    Unreadable,
)

COMMON = 0.1
"""Share of the inputs from which on a trait is the data's own; a single one is never common."""

TINY, TINY_SHARE = 32, 0.25
"""Pixels on the shorter side, and share of what is usual in the data; both must fall short."""

LONG_SIDE, LONG_SHARE = 4.0, 2.0
"""Longer side over the shorter one, and how much more than usual."""

BLANK, ONE_COLOUR, NEAR_COLOUR = 1.5, 0.98, 10
"""Levels of 255 that the grey varies by; share of the pixels that are within `NEAR_COLOUR` levels
of the commonest colour."""

GREY = 2.0
"""Mean levels between the strongest and the weakest of red, green and blue."""

BRIGHT, DARK = 210, 45
"""Levels that 95% of the pixels are above, or below."""

SILENT_PEAK = 0.002
"""Of full scale, -54 dB: the noise of a cheap microphone alone is louder."""

CLIPPED = 0.002
"""Share of samples that lie flat at the peak: a few a second are heard as crackling."""

OFFSET, OFFSET_LEVELS = 0.02, 0.5
"""Of full scale, and of the sound's own level."""

MANY_TIMES = 8.0
"""How much longer or shorter than the median is odd; texts, whose lengths differ more, twice."""

SCRIPT_SHARE = 0.8
"""Share of the texts that one script must have for another one to be odd."""


@final
@dataclass(frozen=True, kw_only=True)
class Oddity:
    """One input, by its position, with what is odd of it and how much so, 0 to 1."""

    position: int
    trait: str
    reason: str
    severity: float


Finding = tuple[str, str, float]  # trait, reason, severity
Judge = Callable[[Any], list[Finding]]  # of one kind of look


def find_odd(looks: Mapping[int, Look]) -> tuple[Oddity, ...]:
    """Return what is odd among the inputs looked at, the oddest first; one trait an input."""
    judge = _judge_for(list(looks.values()))
    found = [
        Oddity(position=position, trait=trait, reason=reason, severity=severity)
        for position, look in looks.items()
        for trait, reason, severity in judge(look)
    ]
    counts = Counter(oddity.trait for oddity in found)
    most = max(1.0, COMMON * len(looks))
    kept: dict[int, Oddity] = {}
    for oddity in sorted(found, key=lambda oddity: (-oddity.severity, oddity.position)):
        if oddity.trait == "unreadable" or counts[oddity.trait] <= most:
            kept.setdefault(oddity.position, oddity)
    return tuple(kept.values())


def _judge_for(looks: list[Look]) -> Judge:
    """Return what judges one look, knowing what is usual among all."""
    judges: dict[type, Judge] = {}
    images = [look for look in looks if isinstance(look, ImageLook)]
    sounds = [look for look in looks if isinstance(look, SoundLook)]
    texts = [look.text for look in looks if isinstance(look, TextLook)]
    if images:
        judges[ImageLook] = _image_judge(images)
    if sounds:
        judges[SoundLook] = _sound_judge(sounds)
    if texts:
        judges[TextLook] = _text_judge(texts)

    def judge(look: Look) -> list[Finding]:
        if isinstance(look, Unreadable):
            return [("unreadable", f"it can no longer be read: {look.reason}", 1.0)]
        if isinstance(look, ArrayLook):
            same = look.values.size > 0 and bool((look.values == look.values.flat[0]).all())
            return [("constant", "all its numbers are the same", 0.9)] if same else []
        return judges[type(look)](look)

    return judge


def _image_judge(images: list[ImageLook]) -> Judge:
    usual_side = median(min(look.width, look.height) for look in images)
    usual_shape = median(_shape(look) for look in images)
    is_grey = {id(look): _chroma(look) < GREY for look in images}
    mostly_grey = sum(is_grey.values()) > len(images) / 2

    def judge(look: ImageLook) -> list[Finding]:
        found: list[Finding] = []
        size = f"{look.width} x {look.height} pixels"
        if min(look.width, look.height) < min(TINY, TINY_SHARE * usual_side):
            found.append(("tiny", f"it has only {size}; usual here: {usual_side:.0f}", 0.7))
        if _shape(look) > max(LONG_SIDE, LONG_SHARE * usual_shape):
            found.append(("long", f"it is {_shape(look):.1f} times as long as wide ({size})", 0.4))
        if look.num_frames > 1:
            reason = f"it has {look.num_frames} frames or pages; only the first is used"
            found.append(("frames", reason, 0.4))
        found += _exposure(look)
        if is_grey[id(look)] != mostly_grey:
            one, most = ("in colour", "grey") if mostly_grey else ("grey", "in colour")
            found.append((one, f"it is {one}, and most others are {most}", 0.3))
        return found

    return judge


def _exposure(look: ImageLook) -> list[Finding]:
    grey = look.pixels.astype(np.float32) @ np.full(3, 1 / 3, np.float32)
    if grey.std() < BLANK:
        return [("blank", "it is blank: one colour from edge to edge", 0.95)]
    middle = np.median(look.pixels.reshape(-1, 3), axis=0)
    near = (np.abs(look.pixels - middle).max(2) <= NEAR_COLOUR).mean()
    if near >= ONE_COLOUR:
        return [("one colour", f"{near:.0%} of it is one colour", 0.6)]
    low, high = np.quantile(grey, [0.05, 0.95])
    if low > BRIGHT:
        return [("bright", f"it is overexposed: 95% is brighter than {low / 255:.0%}", 0.5)]
    if high < DARK:
        return [("dark", f"it is underexposed: 95% is darker than {high / 255:.0%}", 0.5)]
    return []


def _shape(look: ImageLook) -> float:
    return max(look.width, look.height) / max(min(look.width, look.height), 1)


def _chroma(look: ImageLook) -> float:
    return float(np.ptp(look.pixels, axis=2).mean())


def _sound_judge(sounds: list[SoundLook]) -> Judge:
    usual = median(look.seconds for look in sounds)

    def judge(look: SoundLook) -> list[Finding]:
        if look.peak < SILENT_PEAK:
            return [("silent", f"it is silent: its peak is {look.peak:.4f} of full scale", 0.95)]
        found: list[Finding] = []
        if look.clipped > CLIPPED:
            reason = f"it is clipped: {look.clipped:.1%} of its samples lie flat at the peak"
            found.append(("clipped", reason, 0.5))
        if abs(look.offset) > max(OFFSET, OFFSET_LEVELS * look.level):
            reason = f"its middle is off zero by {look.offset:+.2f} of full scale (a DC offset)"
            found.append(("offset", reason, 0.4))
        return found + _length(look.seconds, usual, MANY_TIMES, "{:.2f} s", "lasts")

    return judge


def _length(value: float, usual: float, times: float, form: str, verb: str) -> list[Finding]:
    message = f"it {verb} {form.format(value)}; the median here is {form.format(usual)}"
    if value * times < usual:
        return [("short", message, 0.5)]
    if value > usual * times:
        return [("over-long", message, 0.4)]
    return []


def _text_judge(texts: list[str]) -> Judge:
    usual = median(len(text.strip()) for text in texts)
    scripts = Counter(script for text in texts if (script := script_of(text)) is not None)
    commonest, count = scripts.most_common(1)[0] if scripts else ("", 0)
    has_one = count >= SCRIPT_SHARE * len(texts)

    def judge(look: TextLook) -> list[Finding]:
        text = look.text.strip()
        if not text:
            return [("empty", "it is empty", 0.95)]
        if len(text) == 1:
            return [("one character", f"it is one character: {text!r}", 0.9)]
        found = _length(len(text), usual, 2 * MANY_TIMES, "{:.0f} characters", "has")
        script = script_of(text)
        if has_one and script != commonest:
            what = "no letters" if script is None else f"mostly {script.lower()} letters"
            reason = f"it has {what}, and most others have {commonest.lower()} ones"
            found.append(("script", reason, 0.6))
        return found

    return judge


def script_of(text: str) -> str | None:
    """Return the script that most of a text's letters are of, as Unicode names it, or None.

    `LATIN`, `CYRILLIC`, `CJK`, `ARABIC`, ...: the first word of the letters' names.
    """
    counts = Counter(
        unicodedata.name(letter, "UNKNOWN").split()[0] for letter in text[:1000] if letter.isalpha()
    )
    return counts.most_common(1)[0][0] if counts else None
