import io

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from PIL import Image

from tests.evidence.data.test_alignment import cropped, photo
from topwork.evidence.data.similarity import arrays, likeness, plain, sounds, texts
from topwork.evidence.data.thumbnails import RATE_HZ, ArrayLook, Look, SoundLook, TextLook, look_at
from topwork.examples.example import Example, Modality
from topwork.examples.sounds.sound import Sound


def look(content: object, modality: Modality) -> Look:
    example = Example(name="x", digest="0", read=lambda: content)
    return look_at([example], modality)[0]


def jpeg(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def wave(seed: int, seconds: float = 0.5) -> npt.NDArray[np.float32]:
    """Return noise below 1 kHz that swells and fades."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    slow = np.convolve(rng.normal(0, 1, count), np.ones(8) / 8, mode="same")
    return (0.3 * slow * np.sin(np.pi * np.arange(count) / count)).astype(np.float32)


def sound(samples: npt.NDArray[np.float32], rate_hz: int = RATE_HZ) -> SoundLook:
    found = look(Sound(samples=samples, rate_hz=rate_hz), "sound")
    assert isinstance(found, SoundLook)
    return found


def test_a_photo_saved_again_smaller_and_cut_is_the_same() -> None:
    part = cropped(photo(0), 12, 3, 8, 10).resize((170, 180))
    pairs = [(look(jpeg(photo(0), 95), "image"), look(jpeg(part, 60), "image"))]
    pairs.append((look(jpeg(photo(0), 95), "image"), look(jpeg(photo(1), 95), "image")))
    pairs.append((pairs[0][0], TextLook(text="a photo")))
    found = likeness(pairs)
    assert found[0] > 0.88
    assert found[1:].tolist() == [0.0, 0.0]


def test_pictures_of_a_few_pixels_must_be_nearly_equal() -> None:
    small = np.asarray(photo(2).resize((10, 10), Image.Resampling.BOX))
    other = (small + np.random.default_rng(0).normal(0, 6, small.shape)).clip(0, 255)
    same, alike = look(small, "image"), look(other.astype(np.uint8), "image")
    assert likeness([(same, same), (same, alike)]).tolist() == [pytest.approx(1, abs=1e-3), 0]


def test_a_sound_is_known_in_other_forms() -> None:
    whole = wave(0)
    file = io.BytesIO()
    soundfile.write(file, whole, RATE_HZ, format="OGG")
    back, rate_hz = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
    assert sounds(sound(whole), sound(back, rate_hz)) > 0.93
    assert sounds(sound(whole), sound(-0.5 * whole[300:-200])) > 0.99
    other_rate = soxr.resample(whole, RATE_HZ, 11025).astype(np.float32)
    assert sounds(sound(whole), sound(other_rate, 11025)) > 0.97


def test_other_sounds_and_silence_are_not_the_same() -> None:
    assert sounds(sound(wave(0)), sound(wave(1))) == 0
    assert sounds(sound(wave(0)), sound(wave(0)[:1500])) == 0  # too little in common
    nothing = sound(np.zeros(4000, np.float32))
    assert sounds(nothing, nothing) == 0


def test_texts_are_the_same_but_for_signs_or_a_word() -> None:
    assert plain("  My TOP-UP,\tplease! ") == "my top up please"
    assert texts("My top-up is pending.", "my top up is pending") == 1
    long = "I put the wrong pin too many times and now my card is blocked"
    assert 0.85 <= texts(long, long.replace("many times", "many time")) < 1
    assert texts("where is my card", "where is my money") == 0
    assert texts("?!", "...") == 0


def test_the_share_of_common_runs_is_jaccards() -> None:
    a, b = "abcdefghijklmnopqrst", "abcdefghijklmnopqrsu"
    own = {f" {a} "[i : i + 3] for i in range(20)}
    other = {f" {b} "[i : i + 3] for i in range(20)}
    share = len(own & other) / len(own | other)
    assert share < 0.85
    assert texts(a, b) == 0
    assert texts(a * 3, a * 3 + "z") == pytest.approx(20 / 23, abs=0.03)


def test_arrays_are_compared_by_correlation() -> None:
    values = np.random.default_rng(0).normal(0, 1, (3, 40))
    assert arrays(values, 2 * values + 1) == pytest.approx(1)
    assert arrays(values, values[:, ::-1]) == 0
    assert arrays(values, values[:2]) == 0
    assert arrays(np.ones(4), np.ones(4)) == 0
    same = ArrayLook(values=values)
    assert likeness([(same, same)])[0] == pytest.approx(1)
