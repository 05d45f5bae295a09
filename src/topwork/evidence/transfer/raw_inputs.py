"""Similarity of raw inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import numpy as np

from topwork.core.shapes import Float32, Floats
from topwork.errors import ExampleError
from topwork.examples.example import Example, Modality
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.remarks.images import used_bits
from topwork.examples.sounds.mel import mel_bands
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import sound_windows
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel

SIDE = 32
"""Pixels: 3,072 numbers a picture. The usual size of raw pixels under a linear classifier."""

RATE_HZ, WINDOW, STEP, NUM_MELS, NUM_PARTS = 16_000, 400, 160, 40, 8
"""Frames of 25 ms every 10 ms and 40 mel bands are usual for speech (Davis and Mermelstein 1980
took 20 triangles); the mean over each eighth of the sound keeps the order of what is heard."""

MAX_SECONDS = 30
"""Of a longer sound, the beginning."""

NAMES: dict[Modality, str] = {
    "image": "raw pixels",
    "sound": "log-mel spectra",
    "text": "bags of words",
    "array": "raw numbers",
}


def raw_similarity(examples: Sequence[Example], modality: Modality) -> Float32[np.ndarray, "n n"]:
    """Return similarities of all pairs, [N, N], as `Grams.similarity` gives those of a block.

    Raises:
        ExampleError: an example cannot be read.
    """
    if modality == "text":
        return _bags_of_words([str(example.read()) for example in examples])
    pixels = partial(_pixels, bits=used_bits(examples) if modality == "image" else None)
    ways: dict[Modality, Callable[[object], Floats]] = {
        "image": pixels, "sound": _log_mels, "array": _numbers
    }  # fmt: skip
    of_one = ways[modality]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda example: of_one(example.read()), examples))
    sizes = {row.shape for row in rows}
    if len(sizes) > 1:
        raise ExampleError(
            f"the arrays are of {len(sizes)} shapes, and cannot be compared number by number. "
            "Bring arrays of one shape"
        )
    table = ArrayTable(np.stack(rows), [Segment(block="raw", pool="mean", size=rows[0].size)])
    grams = Grams(table, np.arange(len(rows)))
    return grams.similarity(Kernel(blocks=("raw",), pools=("mean",)))


def _pixels(content: object, bits: int | None) -> Floats:
    preprocessing = ImageInput(
        size=SIDE, resize="squash", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bits=bits
    )
    return decode_image(content, preprocessing).astype(np.float32).ravel()


def _numbers(content: object) -> Floats:
    return np.asarray(content, np.float32).ravel()


def _bags_of_words(texts: Sequence[str]) -> Floats:
    """Cosines of the words' frequencies, rare words weighing more (tf-idf), and of pairs of words.

    No number is standardised: that would make every word that occurs once as loud as any.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    bags = TfidfVectorizer(
        sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", dtype=np.float32
    )
    try:
        found = bags.fit_transform(texts)
    except ValueError:  # no text holds a word: all are alike
        return np.zeros((len(texts), len(texts)), np.float32)
    cosines: Floats = np.asarray((found @ found.T).todense(), np.float32)
    return cosines


def _log_mels(content: object) -> Floats:
    """Return mean and deviation of each mel band over time, and its mean over each eighth."""
    longest = MAX_SECONDS * RATE_HZ
    preprocessing = SoundInput(rate_hz=RATE_HZ, min_samples=WINDOW, max_samples=longest)
    samples = next(islice(iter(sound_windows(content, preprocessing)), 1))
    starts = np.arange(0, len(samples) - WINDOW + 1, STEP)
    frames = samples[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    bins_hz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    bands, _ = mel_bands(bins_hz, lowest_hz=0.0, highest_hz=RATE_HZ / 2, num_bands=NUM_MELS)
    mels = np.log(power @ bands + 1e-6)
    parts = [part.mean(0) for part in np.array_split(mels, NUM_PARTS) if len(part)]
    parts += [parts[-1]] * (NUM_PARTS - len(parts))
    return np.concatenate([mels.mean(0), mels.std(0), *parts]).astype(np.float32)
