"""An MP3 is read to its end, index or not, and one that was cut off is refused."""

import io

import numpy as np
import pytest
import soundfile

from tests.examples.sounds.test_sound import chirp, one, preprocessing, windows
from topwork.errors import ExampleError
from topwork.examples.sounds import mp3 as mp3_room
from topwork.examples.sounds.mp3 import has_index, is_mp3, walk


def mp3(rate_hz=44_100, seconds=10.0, loud_seconds=2.0, mode="VARIABLE"):
    """A loud beginning and near silence: the bit rate falls far."""
    signal = chirp(rate_hz, seconds)
    signal[round(rate_hz * loud_seconds) :] *= 1e-4
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, 1, format="MP3", bitrate_mode=mode) as file:
        file.write(signal)
    return buffer.getvalue()


def without_index(data):
    """The same without its first frame, which is the index."""
    assert has_index(io.BytesIO(data))
    return data[mp3_room._frame(data[:4])[0] :]


TAGGED = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256)


class TestLength:
    @pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
    @pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
    def test_all_of_it_comes(self, rate_hz, mode, capfd):
        data = mp3(rate_hz, mode=mode)
        form = preprocessing(rate_hz=rate_hz)
        assert len(one(data, form)) == 10 * rate_hz
        bare = without_index(data)
        assert not has_index(io.BytesIO(bare))
        assert walk(io.BytesIO(bare)).end == len(bare)
        for whole in (bare, TAGGED + bare):
            got = one(whole, form)  # with the encoder's silence before and after
            assert 0 <= len(got) - 10 * rate_hz <= 3 * 1152
            assert np.abs(got[-4 * rate_hz :]).max() < 0.01
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize(
        "tail", [b"TAG" + bytes(125), b"APETAGEX" + bytes(3000), bytes(90_000), b"junk" * 20]
    )
    def test_tails_do_not_matter(self, tail, capfd):
        bare = without_index(mp3())
        assert np.array_equal(one(bare + tail, preprocessing()), one(bare, preprocessing()))
        assert capfd.readouterr().err == ""

    def test_blocks_agree_with_the_whole(self):
        """python-soundfile's own seek after each block would put samples 0.08 off."""
        data = mp3(16_000, 20.0, 20.0, mode="CONSTANT")
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            whole = file.read(dtype="float32")
        assert np.abs(one(data, preprocessing()) - whole).max() < 1e-5


class TestCutOff:
    @pytest.mark.parametrize("less", [1, 100, 5_000])
    def test_without_index(self, less):
        bare = without_index(mp3())
        with pytest.raises(ExampleError, match=r"ends early: .*last frame"):
            windows(bare[:-less], preprocessing())

    def test_with_index(self):
        data = mp3()
        with pytest.raises(ExampleError, match=r"ends early: .*promises .* bytes"):
            windows(data[:-5_000], preprocessing())
        assert len(one(data[:-1], preprocessing())) >= 160_000 - 2 * 1152

    def test_a_hole(self):
        bare = without_index(mp3())
        hole = bare[:8_000] + b"z" * 3_000 + bare[11_000:]
        with pytest.raises(ExampleError, match=r"damaged: .* cannot be decoded"):
            windows(hole, preprocessing())


class TestRecognition:
    def test_what_is_none(self):
        assert is_mp3(b"\xff\xfb\x90\x00")
        assert is_mp3(TAGGED)
        for second_to_fourth in ("f15080", "fbf000", "fb9c00", "eb9000", "fb0000", ""):
            assert not is_mp3(b"\xff" + bytes.fromhex(second_to_fourth))
        assert not is_mp3(b"RIFF")
        assert walk(io.BytesIO(b"ID3")) is None
        assert not has_index(io.BytesIO(b"ID3"))
