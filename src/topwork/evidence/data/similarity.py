"""Similarity of two inputs of a kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from topwork.core.shapes import Doubles, Float64, Shaped
from topwork.evidence.data.alignment import MIN_OVERLAP, align
from topwork.evidence.data.thumbnails import ArrayLook, ImageLook, Look, SoundLook, TextLook

MIN_OUTLINE, MIN_DETAIL = 0.985, 0.88
"""Correlations of one photo's two copies, laid over one another. Of 150 copies of clothes (JPEG of
quality 60 to 90, 0.7 to 0.9 of the size, up to 5% cut from each side) the lowest were 0.995 and
0.908; of 960 pairs of clothes that look most alike, but for copies, the highest detail was 0.84,
with an outline of 0.97, and of 3,100 pairs of hand signs the highest outline 0.977."""

SMALL, MIN_OUTLINE_SMALL = 24, 0.999
"""Pixels below which pictures have no details to tell them by: of 800 digits of 8 x 8 pixels, the
nearest other one passed as a copy 36 times."""

MAX_COLOUR = 0.06
"""Difference of mean colours, in shares of full scale: one shirt in two colours is two."""

MIN_TEXTURE = 0.004
"""One level of 255: below it a picture has no details that could be compared."""

WORTH_TURNING = 0.93
"""Outline from which on the second picture is laid over the first, too."""

MIN_WAVE = 0.93
"""Correlation of two waves at the best shift. Of 30 spoken digits' copies (MP3, Ogg, another rate,
5% cut off and quieter, noise 20 dB below) the lowest was 0.984; of 1,770 pairs of other ones the
highest 0.82, of 780 of one speaker's zeros 0.77."""

MIN_COMMON = 0.7
"""Share of the longer sound that both must cover, at that shift."""

MIN_JACCARD = 0.85
"""Share of common runs of three characters among all of both texts: a word or two of a question
differ. Of 10,003 bank customers' questions 235 are such copies of another."""

MIN_ARRAY = 0.999


def likeness(pairs: Sequence[tuple[Look, Look]]) -> Float64[np.ndarray, " p"]:
    """Return how surely the two are the same, 0 (they are not) or above 0 to 1, [P]."""
    out = np.zeros(len(pairs))
    images: dict[int, tuple[ImageLook, ImageLook]] = {}
    for i, (a, b) in enumerate(pairs):
        if isinstance(a, ImageLook) and isinstance(b, ImageLook):
            images[i] = a, b
        elif isinstance(a, SoundLook) and isinstance(b, SoundLook):
            out[i] = sounds(a, b)
        elif isinstance(a, TextLook) and isinstance(b, TextLook):
            out[i] = texts(a.text, b.text)
        elif isinstance(a, ArrayLook) and isinstance(b, ArrayLook):
            out[i] = arrays(a.values, b.values)
    if images:
        out[list(images)] = _images(list(images.values()))
    return out


def _images(pairs: Sequence[tuple[ImageLook, ImageLook]]) -> Doubles:
    """Lay each over the other, both ways: a crop is found from the whole picture best."""
    first, second = (np.stack([pair[k].pixels for pair in pairs]) for k in (0, 1))
    small = np.array([min(a.width, a.height, b.width, b.height) < SMALL for a, b in pairs], bool)
    best, todo = np.zeros(len(pairs)), np.arange(len(pairs))
    for a, b in ((first, second), (second, first)):
        found = align(a[todo], b[todo])
        good = (
            (found.outline >= np.where(small[todo], MIN_OUTLINE_SMALL, MIN_OUTLINE))
            & (found.detail >= MIN_DETAIL)
            & (found.colour <= MAX_COLOUR)
            & (found.texture >= MIN_TEXTURE)
            & (found.overlap >= MIN_OVERLAP)
        )
        best[todo[good]] = np.minimum(found.detail[good], 1.0)
        todo = todo[~good & (found.outline >= WORTH_TURNING)]
    return best


def sounds(first: SoundLook, second: SoundLook) -> float:
    """Return the correlation of two waves at the shift where it is greatest; 0 if too low."""
    from scipy.signal import correlate

    a, b = first.samples - first.samples.mean(), second.samples - second.samples.mean()
    longer = max(len(a), len(b))
    if min(len(a), len(b)) < MIN_COMMON * longer or min(a.std(), b.std()) < 1e-5:
        return 0.0
    products = correlate(a, b, mode="full", method="fft")
    shift = int(np.argmax(np.abs(products))) - (len(b) - 1)  # b begins at a[shift]
    own, other = a[max(shift, 0) :], b[max(-shift, 0) :]
    common = min(len(own), len(other))
    if common < MIN_COMMON * longer:
        return 0.0
    own, other = own[:common], other[:common]
    size = float(np.sqrt((own @ own) * (other @ other)))
    value = abs(float(own @ other)) / max(size, 1e-12)
    return min(value, 1.0) if value >= MIN_WAVE else 0.0


def plain(text: str) -> str:
    """Return a text without what differs between two copies: case, signs, spaces, accents' form."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def texts(first: str, second: str) -> float:
    """Return 1 for texts that are equal but for case, signs and spaces; else Jaccard's share."""
    a, b = plain(first), plain(second)
    if a == b:
        return 1.0 if a or first.strip() == second.strip() else 0.0
    own, other = ({f" {t} "[i : i + 3] for i in range(len(t))} for t in (a, b))
    value = len(own & other) / max(len(own | other), 1)
    return value if value >= MIN_JACCARD else 0.0


def arrays(first: Shaped[np.ndarray, "..."], second: Shaped[np.ndarray, "..."]) -> float:
    """Return the correlation of two arrays of one shape; 0 if too low."""
    if first.shape != second.shape or first.dtype.kind not in "fiub":
        return 0.0
    a, b = (np.asarray(v, np.float64).ravel() for v in (first, second))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    value = float(a @ b) / size if size > 0 else 0.0
    return min(value, 1.0) if value >= MIN_ARRAY else 0.0
