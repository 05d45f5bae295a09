"""Mutated sounds.

Right is: the samples as they were; a refusal; or others, where the mutation may change them.
Wrong are other samples

- of a file that was cut off (allowed are 64 bytes less, which writers count in, and of an MP3,
  which need not say how long it is, two frames);
- of FLAC behind its head and of Ogg, whose frames and pages have checksums;
- of a WAV whose length alone was changed, beyond what some programs fill up;
- that are not finite.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import soundfile

from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import NUMBERS, Mutant, mutate, mutate_chunks, ogg_pages, riff_chunks
from topwork.examples.sounds.durations import sound_seconds
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import SoundFile, opened_content, sound_windows

RATE_HZ = 16_000
WANTED = SoundInput(rate_hz=8_000, min_samples=800, max_samples=8_000, step_samples=400)
SLACK_BYTES, MP3_SLACK = 64, 2 * 1152
JUNK_FRAMES = 256
"""512 bytes of 16 bits: a sector, to which some programs fill up."""

Samples = npt.NDArray[np.float32]


def begin(folder: Path) -> Judge:
    """Make the good sounds, and return what tries a mutant of one."""
    made = good_sounds()
    good = {name: _samples(data) for name, data in made.items()}
    path = folder / "mutant"

    def judge(rng: Random, _seed: int) -> Attempt:
        name = rng.choice(list(made))
        mutant = _mutant(name, made[name], rng)
        path.write_bytes(mutant.data)
        source = path if rng.randrange(4) == 0 else mutant.data

        def attempt() -> str:
            sound_seconds(source)
            for window in sound_windows(SoundFile(source=source), WANTED):
                if not np.isfinite(window).all():
                    raise WrongAnswer(f"{name}, {mutant.how} at {mutant.start}: not finite")
            found = _samples(source)
            _check(name, mutant, made[name], found, good[name])
            return "same" if np.array_equal(found, good[name]) else "other"

        return attempt

    return judge


def _samples(source: Path | bytes) -> Samples:
    with opened_content(SoundFile(source=source)) as stream:
        return np.concatenate([np.zeros((0, 1), np.float32), *map(_flat, stream.blocks)])


def _flat(block: npt.NDArray[np.float32]) -> Samples:
    return block.reshape(-1, 1)


def _check(name: str, mutant: Mutant, whole: bytes, found: Samples, good: Samples) -> None:
    if np.array_equal(found, good):
        return
    what = f"{name}, {mutant.how} at byte {mutant.start} of {len(whole)}: "
    what += f"{len(found)} samples instead of {len(good)}"
    if mutant.how == "cut":
        slack = MP3_SLACK if name.startswith("mp3") else SLACK_BYTES
        if len(found) < len(good) - slack:
            raise WrongAnswer(what)
    if mutant.how == "length" and abs(len(found) - len(good)) > JUNK_FRAMES:
        raise WrongAnswer(what)
    altered = not mutant.how.startswith("chunk")
    if altered and name.startswith("flac") and mutant.start >= _flac_head(whole):
        raise WrongAnswer(what)
    if altered and name.startswith("ogg"):
        raise WrongAnswer(what)


def _flac_head(data: bytes) -> int:
    """Where the first frame begins; what lies before has no checksum."""
    place, last = 4, False
    while not last:
        last = bool(data[place] & 128)
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    return place


def _mutant(name: str, data: bytes, rng: Random) -> Mutant:
    chunks = next((c for start, c in _CHUNKS.items() if name.startswith(start)), None)
    if chunks is not None and rng.randrange(4) == 0:
        return mutate_chunks(chunks(data), rng)
    if name.startswith("wav") and rng.randrange(4) == 0:
        return _other_length(data, rng)
    return mutate(data, rng)


def _other_length(data: bytes, rng: Random) -> Mutant:
    """A WAV whose chunk of samples says another length."""
    start = data.index(b"data") + 4
    size = int.from_bytes(data[start : start + 4], "little")
    number = rng.choice([*NUMBERS, size // 2, size - 2000, size + 2000, 2 * size]) % 2**32
    changed = data[:start] + number.to_bytes(4, "little") + data[start + 4 :]
    return Mutant(data=changed, how="length", start=start)


_CHUNKS: dict[str, Callable[[bytes], list[bytes]]] = {
    "wav": riff_chunks,
    "rf64": riff_chunks,
    "aiff": partial(riff_chunks, order="big"),
    "caf": partial(riff_chunks, order="big"),
    "ogg": ogg_pages,
}


def good_sounds() -> dict[str, bytes]:
    """Return some tones in noise in each format, encoded, by name: Ogg in several pages."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE_HZ) / RATE_HZ
    left = 0.3 * np.sin(2 * np.pi * 440 * time) + rng.normal(0, 0.05, len(time))
    both = np.stack([left, np.roll(left, 20)], axis=1).astype(np.float32)
    wanted = {
        "wav": ("WAV", "PCM_16", "FILE"),
        "wav bytes": ("WAV", "PCM_U8", "FILE"),
        "wav floats": ("WAV", "FLOAT", "FILE"),
        "wav extensible": ("WAVEX", "PCM_24", "FILE"),
        "wav adpcm": ("WAV", "IMA_ADPCM", "FILE"),
        "wav law": ("WAV", "ULAW", "FILE"),
        "rifx": ("WAV", "PCM_16", "BIG"),
        "rf64": ("RF64", "PCM_16", "FILE"),
        "w64": ("W64", "PCM_16", "FILE"),
        "flac": ("FLAC", "PCM_16", "FILE"),
        "flac wide": ("FLAC", "PCM_24", "FILE"),
        "mp3": ("MP3", "MPEG_LAYER_III", "FILE"),
        "ogg": ("OGG", "VORBIS", "FILE"),
        "ogg opus": ("OGG", "OPUS", "FILE"),
        "aiff": ("AIFF", "PCM_16", "FILE"),
        "aiff floats": ("AIFF", "FLOAT", "FILE"),
        "au": ("AU", "PCM_16", "FILE"),
        "caf": ("CAF", "PCM_16", "FILE"),
        "caf alac": ("CAF", "ALAC_16", "FILE"),
    }
    made = {}
    for name, (form, subtype, endian) in wanted.items():
        samples = left if form in ("MP3", "AU") or "PCM" not in subtype else both
        samples = samples if form == "OGG" else samples[: RATE_HZ // 2]
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, RATE_HZ, format=form, subtype=subtype, endian=endian)
        made[name] = buffer.getvalue()
    return made
