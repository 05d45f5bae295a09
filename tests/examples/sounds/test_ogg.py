"""An Ogg page that was altered is refused: libogg passes over it, and the sound is shorter."""

import io

import numpy as np
import pytest
import soundfile

from tests.examples.sounds.test_sound import chirp, one, preprocessing
from topwork.errors import ExampleError
from topwork.examples.sounds.ogg import check_pages


@pytest.fixture(scope="module", params=["VORBIS", "OPUS"])
def ogg(request) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, 6 * 16_000)
    samples = chirp(16_000, 6.0) * 0.5 + noise
    soundfile.write(buffer, samples, 16_000, format="OGG", subtype=request.param)
    return buffer.getvalue()


def places(data: bytes) -> list[int]:
    return [i for i in range(len(data)) if data.startswith(b"OggS", i)]


def test_good_pages(ogg: bytes) -> None:
    assert len(places(ogg)) > 5
    check_pages(io.BytesIO(ogg))
    tagged = ogg + b"TAG" + bytes(125)
    check_pages(io.BytesIO(tagged))
    assert np.array_equal(one(tagged, preprocessing()), one(ogg, preprocessing()))


def test_each_altered_page_is_seen(ogg: bytes) -> None:
    for place in places(ogg)[2:]:
        for offset in (2, 30, 100):  # its mark, its sizes, its sound
            altered = bytearray(ogg)
            altered[place + offset] ^= 1
            with pytest.raises(
                ExampleError, match=rf"the page at byte {place:,} is not|ends early"
            ):
                one(bytes(altered), preprocessing())


def test_a_page_behind_junk_is_missing(ogg: bytes) -> None:
    start = places(ogg)[-1]
    with pytest.raises(ExampleError, match="like an Ogg sound, but it is damaged"):
        one(ogg[:start] + bytes(50) + ogg[start:], preprocessing())


def test_a_stream_without_an_end_is_whole_if_its_pages_are(ogg: bytes) -> None:
    """As whoever records a broadcast has it."""
    check_pages(io.BytesIO(ogg[: places(ogg)[-1]]))
    with pytest.raises(ExampleError, match="damaged: the page at byte"):
        check_pages(io.BytesIO(ogg[: places(ogg)[-1]] + b"junk"))
