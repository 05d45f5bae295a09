"""How long sounds are by their headers, without a word on standard error."""

import io
import os

import numpy as np
import pytest
import soundfile

from topwork.examples.contents import InMemory
from topwork.examples.example import Example
from topwork.examples.sounds.durations import median_seconds, sound_seconds
from topwork.examples.sounds.sound import Sound, SoundFile

TONE = (0.4 * np.sin(np.arange(32_000) / 10)).astype(np.float32)


def encoded(form, seconds=2.0):
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE[: round(16_000 * seconds)], 16_000, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64", "FLAC", "OGG", "MP3"])
def test_every_format(form, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(encoded(form))
    for content in (path, path.read_bytes(), SoundFile(source=path)):
        assert sound_seconds(content) == pytest.approx(2.0, abs=0.01)
    assert sound_seconds(
        SoundFile(source=path, start_seconds=0.5, end_seconds=9.0)
    ) == pytest.approx(1.5, abs=0.01)


def test_pieces_of_an_mp3(capfd):
    data = encoded("MP3") + encoded("MP3", 1.0)
    assert sound_seconds(data) == pytest.approx(3.0, abs=0.01)
    assert capfd.readouterr().err == ""


def test_a_length_of_0():
    data = bytearray(encoded("WAV"))
    data[40:44] = bytes(4)
    assert sound_seconds(bytes(data)) == 2.0


def test_where_nothing_says_it(tmp_path):
    for content in (b"", b"no sound", tmp_path / "none", tmp_path, 7, encoded("WAV")[:-9_000]):
        assert sound_seconds(content) is None
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert sound_seconds(tmp_path / "pipe") is None


def test_the_median():
    sounds = [Sound(samples=TONE[: 1_000 * n], rate_hz=1_000) for n in (1, 2, 9)]
    contents = [*sounds, b"no sound"]
    examples = [
        Example(name=str(i), digest="0" * 64, read=InMemory(content=one))
        for i, one in enumerate(contents)
    ]
    assert median_seconds(examples) == 2.0
    assert median_seconds(examples[3:]) is None
