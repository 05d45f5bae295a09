"""Remarks on sounds: stereo whose channels cancel each other out."""

import io

import numpy as np
import pytest
import soundfile

from topwork.examples.contents import InMemory
from topwork.examples.example import Example
from topwork.examples.remarks.sounds import sound_remarks
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound, SoundFile

FORM = SoundInput(
    rate_hz=16_000, min_samples=160, max_samples=160_000, step_samples=1, overlap_samples=0
)
TONE = (0.4 * np.sin(np.arange(16_000) / 10)).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


def example(content, name="a"):
    return Example(name=name, digest="0" * 64, read=InMemory(content=content))


def encoded(*channels, **more):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack(channels, 1), 16_000, **{"format": "WAV", **more})
    return buffer.getvalue()


def test_upside_down():
    data = encoded(TONE, -TONE)
    contents = [
        data,
        SoundFile(source=data),
        encoded(TONE, -TONE, format="FLAC"),
        Sound(samples=np.stack([TONE, -TONE], 1), rate_hz=16_000),
        encoded(TONE),
    ]
    (said,) = sound_remarks([example(one, f"{i}.wav") for i, one in enumerate(contents)], FORM)
    assert said.startswith("In 4 of 5 sounds")
    assert "0.wav, 1.wav, 2.wav, ..." in said
    assert "save these sounds with one channel" in said


def test_files(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded(TONE, -TONE))
    for content in (tmp_path / "a.wav", SoundFile(source=tmp_path / "a.wav")):
        (said,) = sound_remarks([example(content)], FORM)
        assert "In 1 of 1 sounds" in said


@pytest.mark.parametrize(
    "channels",
    [
        (TONE,),
        (TONE, TONE),
        (TONE, 0 * TONE),
        (TONE, -0.9 * TONE),
        (TONE, NOISE),
        (TONE, NOISE - TONE),
        (0 * TONE, 0 * TONE),
        (1e-5 * TONE, -1e-5 * TONE),
    ],
)
def test_nothing_is_said_of_others(channels):
    assert sound_remarks([example(encoded(*channels, subtype="FLOAT"))], FORM) == []


def test_nothing_is_said_of_what_cannot_be_read(tmp_path):
    whole = encoded(TONE, -TONE)
    some = [b"", b"no sound", whole[:-20_000], tmp_path / "none.wav", 7]
    assert sound_remarks([example(one) for one in some], FORM) == []
    assert sound_remarks([], FORM) == []


def test_at_most_100_are_looked_at():
    (said,) = sound_remarks([example(encoded(TONE[:1_000], -TONE[:1_000]))] * 1_000, FORM)
    assert "In 100 of 100 sounds" in said
