import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evidence.data.test_alignment import photo
from topwork.core.progress import listening
from topwork.errors import ExampleError
from topwork.evidence.data.thumbnails import (
    MAX_SECONDS,
    RATE_HZ,
    ArrayLook,
    ImageLook,
    SoundLook,
    TextLook,
    Unreadable,
    look_at,
    modality_of,
)
from topwork.examples.example import Example
from topwork.examples.sounds.sound import Sound


def example(content: object) -> Example:
    return Example(name="x", digest="0", read=lambda: content)


def broken() -> Example:
    def read() -> object:
        raise ExampleError("it is gone")

    return Example(name="x", digest="0", read=read)


def test_an_image_is_seen_with_its_own_size(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo(0).resize((90, 40)).save(path)
    (found,) = look_at([example(path)], "image")
    assert isinstance(found, ImageLook)
    assert (found.width, found.height, found.num_frames) == (90, 40, 1)
    assert found.pixels.shape == (64, 64, 3)


def test_frames_are_counted() -> None:
    file = io.BytesIO()
    frames = [photo(seed).resize((40, 40)) for seed in range(3)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    (found,) = look_at([example(file.getvalue())], "image")
    assert isinstance(found, ImageLook)
    assert found.num_frames == 3


def test_pil_images_and_arrays_are_images_too() -> None:
    pixels = np.asarray(photo(0).resize((50, 30)))
    for content in (Image.fromarray(pixels), pixels):
        (found,) = look_at([example(content)], "image")
        assert isinstance(found, ImageLook)
        assert (found.width, found.height) == (50, 30)


def test_what_cannot_be_read_says_why() -> None:
    told: list[tuple[str, int, int]] = []
    with listening(lambda *state: told.append(state)):
        found = look_at([broken(), example(b"none")], "image")
    assert found[0] == Unreadable(reason="it is gone")
    assert isinstance(found[1], Unreadable)
    assert "not an image" in found[1].reason
    assert told == [("look", 2, 2)]


def test_a_sound_is_measured() -> None:
    time = np.arange(3 * 16000) / 16000
    samples = (1.4 * np.sin(2 * np.pi * 100 * time)).clip(-0.9, 0.9).astype(np.float32)
    (found,) = look_at([example(Sound(samples=samples, rate_hz=16000))], "sound")
    assert isinstance(found, SoundLook)
    assert found.seconds == 3
    assert len(found.samples) == 3 * RATE_HZ
    assert found.peak == pytest.approx(0.9)
    assert found.offset == pytest.approx(0, abs=1e-3)
    # A sine of 1.4 is beyond 0.9 for this share of its period.
    assert found.clipped == pytest.approx(1 - 2 / np.pi * np.arcsin(0.9 / 1.4), abs=0.02)


def test_whole_numbers_and_channels_are_brought_to_full_scale() -> None:
    samples = np.full((800, 2), 16384, np.int16)
    (found,) = look_at([example(Sound(samples=samples, rate_hz=RATE_HZ))], "sound")
    assert isinstance(found, SoundLook)
    assert (found.peak, found.offset, found.level) == pytest.approx((0.5, 0.5, 0))


def test_of_a_long_sound_the_beginning_is_kept(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(30 * RATE_HZ, np.float32) + 0.1, RATE_HZ)
    (found,) = look_at([example(path)], "sound")
    assert isinstance(found, SoundLook)
    assert found.seconds == 30
    assert len(found.samples) == MAX_SECONDS * RATE_HZ


def test_the_kind_is_seen_from_the_first_that_can_be_read() -> None:
    assert modality_of([broken(), example("a text")]) == "text"
    assert modality_of([example(Sound(samples=np.zeros(9), rate_hz=8000))]) == "sound"
    assert modality_of([example(b"bytes")]) == "image"
    assert modality_of([example(np.zeros(3))]) == "array"
    assert modality_of([broken()]) == "image"


def test_texts_and_arrays_come_as_they_are() -> None:
    (text,) = look_at([example("hello")], "text")
    assert isinstance(text, TextLook)
    assert text.text == "hello"
    (array,) = look_at([example(np.arange(3))], "array")
    assert isinstance(array, ArrayLook)
    assert array.values.tolist() == [0, 1, 2]
    (bad,) = look_at([example(b"no array")], "array")
    assert isinstance(bad, Unreadable)
    assert "damaged" in bad.reason
