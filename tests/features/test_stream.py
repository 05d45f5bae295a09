import re
import threading
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt
import pytest

from tests.features.fake import example, examples, png
from topwork.errors import ExampleError, SettingError, TooLargeError
from topwork.examples.example import Example, Skipped
from topwork.examples.images.decode import decode_image
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.sounds.sound import Sound
from topwork.executors.base import Segment
from topwork.executors.fake import IMAGES, FakeExecutor, fake_vector
from topwork.features import stream
from topwork.features.stream import decode_ahead, stream_features

BROKEN = example("broken.png", b"not an image")


def test_every_example_gets_its_own_vector_in_order() -> None:
    given = examples(11)
    results = list(stream_features(given, FakeExecutor(), IMAGES))
    assert [position for position, _ in results] == list(range(11))
    for one, (_, vector) in zip(given, results, strict=True):
        expected = fake_vector(decode_image(one.read(), IMAGES))
        np.testing.assert_array_equal(vector, expected)


@pytest.mark.parametrize("places", [(0,), (5,), (10,), (0, 1, 4, 9, 10), tuple(range(11))])
def test_broken_ones_keep_their_place(places: tuple[int, ...]) -> None:
    given = [BROKEN if i in places else one for i, one in enumerate(examples(11))]
    results = list(stream_features(iter(given), FakeExecutor(), IMAGES))
    assert [position for position, _ in results] == list(range(11))
    assert tuple(p for p, result in results if isinstance(result, Skipped)) == places
    skipped = results[places[0]][1]
    assert isinstance(skipped, Skipped)
    assert skipped.name == "broken.png"
    assert skipped.reason.startswith("it is not an image")


def test_strict_raises_at_its_turn_with_the_name() -> None:
    given = [*examples(6), BROKEN, *examples(3)]
    results = stream_features(given, FakeExecutor(), IMAGES, strict=True)
    assert [next(results)[0] for _ in range(6)] == list(range(6))
    with pytest.raises(ExampleError, match=r"^broken\.png: it is not an image"):
        next(results)


def test_strict_keeps_the_kind_of_the_error() -> None:
    def too_large() -> object:
        raise TooLargeError("it is too large")

    huge = Example(name="huge.png", digest="0" * 64, read=too_large)
    with pytest.raises(TooLargeError, match=r"^huge\.png: it is too large"):
        list(stream_features([huge], FakeExecutor(), IMAGES, strict=True))


def test_windows_of_one_example_are_joined_and_none_goes_to_another() -> None:
    preprocessing = SoundInput(rate_hz=8000, min_samples=1200, max_samples=1200)
    lengths = [1, 3, 1, 9, 2]
    rng = np.random.default_rng(0)
    sounds = [
        Sound(samples=rng.uniform(-1, 1, 1200 * n).astype(np.float32), rate_hz=8000)
        for n in lengths
    ]
    given = [
        Example(name=str(i), digest="0" * 64, read=lambda sound=sound: sound)
        for i, sound in enumerate(sounds)
    ]
    given.insert(2, Example(name="no sound", digest="0" * 64, read=lambda: b"nothing of use"))
    segments = (Segment(block="a", pool="mean", size=12),)
    results = dict(stream_features(given, FakeExecutor(segments), preprocessing))
    assert list(results) == list(range(6))
    assert isinstance(results.pop(2), Skipped)
    for sound, found in zip(sounds, results.values(), strict=True):
        windows = sound.samples.reshape(-1, 1200)
        vectors = np.stack([fake_vector(window, segments) for window in windows])
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, vectors.mean(0), atol=1e-6)


def test_a_long_sound_that_breaks_off_is_skipped_and_the_next_is_not_touched() -> None:
    preprocessing = SoundInput(rate_hz=8000, min_samples=1200, max_samples=1200)
    whole = Sound(samples=np.full(1200, 0.5, np.float32), rate_hz=8000)

    def long(_content: object, _spec: object) -> Iterator[npt.NDArray[np.float32]]:
        yield np.zeros(1200, np.float32)
        yield np.zeros(1200, np.float32)
        raise ExampleError("it ends early")

    given = [Example(name=n, digest="0" * 64, read=lambda: whole) for n in "abc"]
    plain = stream.decode
    calls = iter([plain, long, plain])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "num_cores", lambda: 1)
        patch.setattr(
            stream, "decode", lambda content, preprocessing: next(calls)(content, preprocessing)
        )
        results = dict(stream_features(given, FakeExecutor(), preprocessing))
    skipped = results[1]
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "it ends early"
    np.testing.assert_array_equal(results[0], results[2])  # type: ignore[arg-type]


def test_numbers_that_are_none_are_a_reason_to_skip() -> None:
    spoilt = decode_image(png(1), IMAGES)

    def spoil(window: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return fake_vector(window) * np.float32(np.nan if np.array_equal(window, spoilt) else 1)

    results = list(stream_features(examples(3), FakeExecutor(compute=spoil), IMAGES))
    skipped = results[1][1]
    assert isinstance(skipped, Skipped)
    assert "infinite or not numbers" in skipped.reason
    with pytest.raises(ExampleError, match=r"^1\.png: .* infinite or not numbers"):
        list(stream_features(examples(3), FakeExecutor(compute=spoil), IMAGES, strict=True))


def test_reading_goes_no_further_ahead_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AHEAD", 6)
    num_read = 0

    def endless() -> Iterator[Example]:
        nonlocal num_read
        content = png(0)
        while True:
            num_read += 1
            yield example("again.png", content)

    with closing(decode_ahead(endless(), IMAGES)) as decoded:
        for _ in range(20):
            next(decoded)
        assert num_read <= 20 + max(6, 2 * stream.num_cores())


def test_decoding_goes_on_in_several_threads_and_ends_with_the_stream() -> None:
    if stream.num_cores() < 2:
        pytest.skip("one core")
    together = threading.Barrier(2, timeout=10)

    def read() -> object:
        together.wait()
        return png(0)

    given = [Example(name=str(i), digest="0" * 64, read=read) for i in range(8)]
    results = stream_features(given, FakeExecutor(), IMAGES)
    assert isinstance(next(results)[1], np.ndarray)
    list(results)
    assert not [t for t in threading.enumerate() if t.name.startswith("topwork-decode")]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ZeroDivisionError("of a reader"), ExampleError, r"ZeroDivisionError: of a reader.*report"),
        (MemoryError(), TooLargeError, "more memory than there is"),
        (OverflowError("2^63"), ExampleError, "OverflowError: 2.63.*fault of Topwork"),
    ],
)
def test_whatever_its_decoding_raises_it_alone_is_skipped(
    error: Exception, kind: type[ExampleError], reason: str
) -> None:
    def read() -> object:
        raise error

    given = [*examples(2), Example(name="x", digest="0" * 64, read=read), *examples(1)]
    results = [result for _, result in stream_features(given, FakeExecutor(), IMAGES)]
    assert [type(one) for one in results] == [np.ndarray, np.ndarray, Skipped, np.ndarray]
    skipped = results[2]
    assert isinstance(skipped, Skipped)
    assert re.search(reason, skipped.reason)
    with pytest.raises(kind, match=rf"^x: .*{reason}"):
        list(stream_features(given, FakeExecutor(), IMAGES, strict=True))
    assert not [t for t in threading.enumerate() if t.name.startswith("topwork-decode")]


def test_the_same_where_it_is_decoded_as_it_is_taken() -> None:
    def long() -> Iterator[npt.NDArray[np.uint8]]:
        yield decode_image(png(0), IMAGES)
        raise OverflowError("far into a sound")

    decoded: list[tuple[str, stream.Decoded]] = [
        ("a", long()),
        ("b", [decode_image(png(1), IMAGES)]),
    ]
    pending = list(stream.run_through(decoded, FakeExecutor().run, IMAGES, strict=False))
    assert "OverflowError: far into" in str(pending[0].error)
    assert pending[1].error is None
    assert len(pending[1].vectors) == 1


@pytest.mark.parametrize("error", [SettingError("of the run"), KeyboardInterrupt()])
def test_what_is_no_examples_goes_through(error: BaseException) -> None:
    def read() -> object:
        raise error

    given = [*examples(2), Example(name="x", digest="0" * 64, read=read)]
    with pytest.raises(type(error)):
        list(stream_features(given, FakeExecutor(), IMAGES))
    assert not [t for t in threading.enumerate() if t.name.startswith("topwork-decode")]
