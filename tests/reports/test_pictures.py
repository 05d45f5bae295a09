"""Pictures and sounds in the page: small, in proportion, within the budget, never in the way."""

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ExampleError
from topwork.examples.example import Example
from topwork.examples.sounds.sound import Sound
from topwork.reports import pictures
from topwork.reports.pictures import (
    CLIP_HZ,
    LARGE_SIDE,
    MAX_CLIPS,
    MAX_NAME,
    MAX_TEXT,
    SIDE,
    SPECTROGRAM,
    Album,
    brief,
    clip_uri,
    image_uri,
    spectrogram,
    thumbnail,
)


def example(content: object, name: str = "one") -> Example:
    return Example(name=name, digest=name, read=lambda: content)


def decoded(uri: str) -> bytes:
    return base64.b64decode(uri.split(",", 1)[1])


@pytest.mark.parametrize(("width", "height"), [(400, 300), (30, 900), (50, 50), (1000, 1)])
def test_a_thumbnail_keeps_the_proportions(width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    small = thumbnail(rng.integers(140, 255, (height, width, 3), np.uint8))
    assert max(small.size) == SIDE
    scale = SIDE / max(width, height)
    assert abs(small.width - max(1, width * scale)) <= 1
    assert abs(small.height - max(1, height * scale)) <= 1


def test_a_picture_that_is_all_of_the_paddings_grey_is_shown() -> None:
    assert thumbnail(np.full((40, 60, 3), 128, np.uint8)).size == (SIDE, SIDE)


def test_a_picture_is_small_and_can_be_read_back() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8))
    uri = image_uri(noise)
    assert uri.startswith("data:image/webp;base64,")
    assert len(uri) < 25_000, "even of noise, the worst case"
    assert Image.open(io.BytesIO(decoded(uri))).size == noise.size


@pytest.mark.parametrize(("rate", "seconds", "expected"), [(8_000, 0.5, 0.5), (44_100, 9.0, 3.0)])
def test_a_clip_is_the_beginning_of_the_sound(rate: int, seconds: float, expected: float) -> None:
    time = np.arange(round(rate * seconds)) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    with wave.open(io.BytesIO(decoded(clip_uri(Sound(samples=tone, rate_hz=rate))))) as clip:
        assert clip.getframerate() == CLIP_HZ
        assert clip.getnframes() / CLIP_HZ == pytest.approx(expected, abs=0.002)
        samples = np.frombuffer(clip.readframes(clip.getnframes()), "<i2") / 32767
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / CLIP_HZ)
    middle = slice(500, len(samples) - 500)  # away from the resampler's edges
    np.testing.assert_allclose(samples[middle], wanted[middle], atol=0.01)


def test_the_album_shows_each_kind() -> None:
    text = Album([example("  many   words " * 100)], "text").show("one", "one")
    assert text.text is not None
    assert len(text.text) == MAX_TEXT
    assert text.text.endswith("…")
    array = Album([example(np.zeros((3, 40)))], "array").show("one", "one")
    assert array.text == "array [3, 40]"
    picture = Album([example(np.zeros((20, 10, 3), np.uint8))], "image").show("one", "one")
    assert picture.picture is not None
    assert (picture.width, picture.height) == (SIDE // 2, SIDE)


def test_what_is_gone_or_damaged_is_named() -> None:
    def broken() -> object:
        raise ExampleError("it is damaged")

    album = Album([Example(name="a", digest="a", read=broken), example(b"no image", "b")], "image")
    for digest in ("a", "b", "not there"):
        assert album.show(digest, "its name").picture is None
        assert album.show(digest, "its name").name == "its name"


def test_what_does_not_fit_is_named_and_counted() -> None:
    rng = np.random.default_rng(0)
    noises = [example(rng.integers(0, 255, (64, 64, 3), np.uint8), str(i)) for i in range(30)]
    album = Album(noises, "image", max_bytes=100_000)
    shown = [album.show(str(i), str(i)) for i in range(30)]
    there = [one for one in shown if one.picture is not None]
    assert 0 < len(there) < 30
    assert sum(len(one.picture or "") for one in there) <= 100_000
    assert album.num_left_out == 30 - len(there)


def test_an_example_is_decoded_once_and_counted_each_time() -> None:
    reads = []
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)

    def read() -> object:
        reads.append(1)
        return noise

    album = Album([Example(name="a", digest="a", read=read)], "image", max_bytes=40_000)
    shown = [album.show("a", "a").picture for _ in range(10)]
    assert len(reads) == 1
    assert None in shown, "the same bytes stand in the page again"


def test_sounds_are_heard_where_asked_for_and_not_without_end() -> None:
    sound = Sound(samples=np.zeros(800, np.float32), rate_hz=8_000)
    names = [str(i) for i in range(MAX_CLIPS + 3)]
    album = Album([example(sound, name) for name in names], "sound")
    assert album.show("0", "0").sound is None
    heard = [album.show(name, name, sound=True).sound is not None for name in names]
    assert heard == [True] * MAX_CLIPS + [False] * 3


def test_other_examples_are_found_by_name(tmp_path: Path) -> None:
    album = Album([example("a text", "table.csv[3]")], "text")
    assert album.show_named("table.csv[3]").text == "a text"
    assert album.show_named("table.csv[4]").text is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.jpg", "b.jpg"),
        ("train/dress/b.jpg", "b.jpg"),
        ("C:\\dress\\b.jpg", "b.jpg"),
        ("train/6075b4a5-5b1a-4ce0-aea0-9dbfbca7c35c.jpg", "6075b4a5-5b1…7c35c.jpg"),
        ("table.csv[3]", "table.csv[3]"),
        ("folder/", "folder"),
    ],
)
def test_a_name_under_a_picture_is_short(name: str, expected: str) -> None:
    assert brief(name) == expected
    assert len(brief(name)) <= MAX_NAME


def test_the_whole_name_is_kept() -> None:
    name = "train/" + "a" * 60 + ".jpg"
    for album in (Album([], "image"), Album([example("words", "d")], "text")):
        shown = album.show("d", name)
        assert (shown.name, shown.whole_name) == (brief(name), name)


def test_a_picture_opens_large_and_stands_there_once() -> None:
    rng = np.random.default_rng(0)
    album = Album([example(rng.integers(0, 255, (900, 600, 3), np.uint8), "a")], "image")
    first, again = album.show("a", "train/a.jpg"), album.show("a", "train/a.jpg", sound=True)
    assert first.large == again.large == "large-0"
    (large,) = album.larges
    assert (large.name, large.id) == ("train/a.jpg", "large-0")
    assert max(large.width, large.height) == LARGE_SIDE
    assert Image.open(io.BytesIO(decoded(large.picture))).size == (large.width, large.height)


def test_large_pictures_have_a_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_LARGE_BYTES", 100_000)
    rng = np.random.default_rng(0)
    noise = [example(rng.integers(0, 255, (400, 400, 3), np.uint8), str(i)) for i in range(9)]
    album = Album(noise, "image")
    shown = [album.show(str(i), str(i)) for i in range(9)]
    assert all(one.picture for one in shown), "the small ones have room"
    assert [one.large is not None for one in shown].count(True) == len(album.larges) < 9
    assert sum(len(one.picture) for one in album.larges) <= 100_000


def test_a_sound_is_seen_whatever_its_length() -> None:
    for seconds in (0.01, 0.5, 9.0):
        time = np.arange(int(8_000 * seconds)) / 8_000
        tone = np.sin(2 * np.pi * 1_000 * time).astype(np.float32)
        small, large = spectrogram(Sound(samples=tone, rate_hz=8_000))
        assert small.size == SPECTROGRAM
        rows = np.asarray(large.convert("L"), float).mean(1)
        assert large.height > small.height
        loudest = 1 - rows.argmax() / len(rows)
        assert 0.2 < loudest < 0.6, "1 kHz lies below the middle of the mel scale to 8 kHz"
    shown = Album([example(Sound(samples=tone, rate_hz=8_000))], "sound").show("one", "one")
    assert (shown.width, shown.height) == SPECTROGRAM
