"""Data of the demo."""

from __future__ import annotations

import csv
import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from topwork.core.shapes import Float64
from topwork.examples.folds import stratified_sample

RATE_HZ = 16_000
NUM_VOWELS = 120
"""Made of each vowel."""

# Peterson and Barney 1952, "Control methods used in a study of the vowels", table II: pitch and
# the first three formants, in Hz, means of 33 men, 28 women and 15 children.
FORMANTS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "heed": ((136, 270, 2290, 3010), (235, 310, 2790, 3310), (272, 370, 3200, 3730)),
    "hid": ((135, 390, 1990, 2550), (232, 430, 2480, 3070), (269, 530, 2730, 3600)),
    "head": ((130, 530, 1840, 2480), (223, 610, 2330, 2990), (260, 690, 2610, 3570)),
    "had": ((127, 660, 1720, 2410), (210, 860, 2050, 2850), (251, 1010, 2320, 3320)),
    "hod": ((124, 730, 1090, 2440), (212, 850, 1220, 2810), (256, 1030, 1370, 3170)),
    "hawed": ((129, 570, 840, 2410), (216, 590, 920, 2710), (263, 680, 1060, 3180)),
    "hood": ((137, 440, 1020, 2240), (232, 470, 1160, 2680), (276, 560, 1410, 3310)),
    "whod": ((141, 300, 870, 2240), (231, 370, 950, 2670), (274, 430, 1170, 3260)),
    "hud": ((130, 640, 1190, 2390), (221, 760, 1400, 2780), (261, 850, 1590, 3360)),
    "heard": ((133, 490, 1350, 1690), (218, 500, 1640, 1960), (261, 560, 1820, 2160)),
}
BANDWIDTHS_HZ = (60, 90, 120, 200)
SPREAD = 0.07
"""Of a speaker's formants around the mean, as a share: about what the study's speakers have."""

PARTS = ("fft", "interpolate", "linalg", "ndimage", "optimize", "signal", "special", "stats")
MOST_SENTENCES = 100
"""Of one part; two of them have three times as many as the rest."""


def write_digits(folder: Path, *, num_train: int, num_test: int, seed: int = 0) -> None:
    """Write scikit-learn's handwritten digits, 8 x 8 pixels: so many into train/ and test/."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(str)
    for i, home in _homes(folder, labels, _parts(labels, num_train, num_test, seed)):
        grey = np.round(digits.images[i] * (255 / 16)).astype(np.uint8)
        Image.fromarray(grey).save(home / f"{i:04}.png")


def write_vowels(folder: Path, *, num_train: int, num_test: int, seed: int = 0) -> None:
    """Write vowels as men, women and children speak them: so many into train/ and test/."""
    import soundfile

    random = np.random.default_rng(seed)
    labels = [vowel for vowel in FORMANTS for _ in range(NUM_VOWELS)]
    sounds = [make_vowel(label, random) for label in labels]
    for i, home in _homes(folder, labels, _parts(labels, num_train, num_test, seed)):
        soundfile.write(home / f"{i:04}.wav", sounds[i], RATE_HZ, subtype="PCM_16")


def make_vowel(vowel: str, random: np.random.Generator) -> Float64[np.ndarray, " t"]:
    """Return one vowel [T] at 16 kHz, 0.25 to 0.5 s: pulses of the voice through four resonances.

    The source-filter model of speech (Fant 1960). Pitch, length, loudness, the speaker's build
    and the noise of the room are drawn at random.
    """
    from scipy.signal import lfilter

    pitch, *formants = FORMANTS[vowel][random.integers(3)]
    resonances = [f * random.normal(1, SPREAD) for f in (*formants, formants[-1] + 900)]
    count = int(random.uniform(0.25, 0.5) * RATE_HZ)
    glide = np.linspace(1.08, 0.9, count) * random.normal(1, 0.12)
    phase = np.cumsum(pitch * glide / RATE_HZ)
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * random.standard_normal(count)
    voice = lfilter([1], [1, -0.95], pulses)
    for hz, width in zip(resonances, BANDWIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width / RATE_HZ)
        voice = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2], voice)
    rise = int(0.03 * RATE_HZ)
    voice *= np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / rise)
    voice *= random.uniform(0.1, 0.9) / np.abs(voice).max()
    noise = random.standard_normal(count) * voice.std() * 10 ** (-random.uniform(10, 30) / 20)
    return np.asarray(np.clip(voice + noise, -1, 1))


def write_sentences(folder: Path, *, num_train: int, num_test: int, seed: int = 0) -> None:
    """Write what scipy's functions do, in their words: so many into train.csv and test.csv."""
    rows = sorted(set(_sentences()))
    parts = _parts([part for _, part in rows], num_train, num_test, seed)
    for name, chosen in parts.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            out.writerow(["text", "label"])
            out.writerows(rows[i] for i in chosen)


def _sentences() -> Iterator[tuple[str, str]]:
    """Yield the sentence that describes each function, and the part of scipy that it is in."""
    for part in PARTS:
        module = importlib.import_module(f"scipy.{part}")
        found = []
        for name in sorted(module.__all__):
            docstring = inspect.getdoc(getattr(module, name)) or ""
            paragraphs = [" ".join(one.split()) for one in docstring.split("\n\n")[:3]]
            # ufuncs begin with how they are called
            plain = [one for one in paragraphs if " " in one and not one.startswith(name + "(")]
            if plain and not plain[0].startswith((">>>", ".. ", "Parameters")):
                found.append(plain[0][:300])
        random = np.random.default_rng(0)
        keep = random.permutation(len(found))[:MOST_SENTENCES]
        yield from ((found[i], part) for i in keep)


def _parts(labels: Sequence[str], num_train: int, num_test: int, seed: int) -> dict[str, list[int]]:
    """Return which examples are learned from and tested on.

    The test is the same however many are learned from: rows of one table can be compared.
    """
    test = stratified_sample(labels, size=num_test, seed=seed)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    train = rest[stratified_sample([labels[i] for i in rest], size=num_train, seed=seed)]
    return {"train": sorted(train.tolist()), "test": sorted(test.tolist())}


def _homes(
    folder: Path, labels: Sequence[str], parts: Mapping[str, Sequence[int]]
) -> Iterator[tuple[int, Path]]:
    """Yield each example with the folder of its part and class."""
    for part, chosen in parts.items():
        for i in chosen:
            home = folder / part / labels[i]
            home.mkdir(parents=True, exist_ok=True)
            yield i, home
