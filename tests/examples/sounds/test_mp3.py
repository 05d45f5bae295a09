"""An MP3 is read to its end, index or not, and one that was cut off is refused."""

import io

import numpy as np
import pytest
import soundfile

from tests.examples.sounds.test_sound import chirp, one, preprocessing, windows
from topwork.errors import ExampleError
from topwork.examples.sounds import mp3 as mp3_room
from topwork.examples.sounds.mp3 import is_mp3, pieces


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
    assert pieces(io.BytesIO(data)) == []
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
        assert [piece.end for piece in pieces(io.BytesIO(bare))] == [len(bare)]
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


class TestPieces:
    """Recordings one behind the other: all of them come, each to its end."""

    def test_each_with_its_index(self, capfd):
        first, second = mp3(16_000, 2.0), mp3(16_000, 3.0)
        form = preprocessing()
        alone = np.concatenate([one(first, form), one(second, form), one(first, form)])
        assert np.array_equal(one(first + second + first, form), alone)
        last = b"TAG" + bytes(125)
        tagged = TAGGED + first + last + TAGGED + second + last + first + last
        assert np.array_equal(one(tagged, form), alone)
        assert capfd.readouterr().err == ""

    def test_a_short_one_behind_a_long_one(self, capfd):
        data = mp3(16_000, 60.0) + mp3(16_000, 1.0)
        windows_of = windows(data, preprocessing())
        assert sum(map(len, windows_of)) == 61 * 16_000
        assert capfd.readouterr().err == ""

    def test_without_an_index(self, capfd):
        first, bare = mp3(16_000, 2.0), without_index(mp3(16_000, 3.0))
        form = preprocessing()
        alone = np.concatenate([one(first, form), one(bare, form)])
        assert np.array_equal(one(first + bare, form), alone)
        assert np.array_equal(one(bare + first, form)[-32_000:], one(first, form))
        assert capfd.readouterr().err == ""

    def test_of_another_rate(self):
        with pytest.raises(ExampleError, match=r"16,000 Hz.*44,100 Hz.*each for itself"):
            windows(mp3(16_000, 2.0) + mp3(44_100, 2.0), preprocessing())

    def test_the_last_is_cut_off(self):
        data = mp3(16_000, 2.0) + mp3(16_000, 3.0)
        with pytest.raises(ExampleError, match="ends early"):
            windows(data[:-2_000], preprocessing())

    def test_noise_between_them(self):
        data = mp3(16_000, 2.0) + b"z" * 3_000 + mp3(16_000, 3.0)
        with pytest.raises(ExampleError, match=r"3,000 of its .* bytes.* cannot be decoded"):
            windows(data, preprocessing())


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
        assert pieces(io.BytesIO(b"ID3")) == []


def of_frames(num):
    """So many recordings of one frame, each with an index of its own."""
    frame = bytearray(b"\xff\xfb\x90\xc4" + bytes(413))
    frame[21:29] = b"Info" + (1).to_bytes(4, "big")
    return bytes(frame) * num


def test_thousands_of_recordings_in_one_file_are_refused():
    assert len(pieces(io.BytesIO(of_frames(40)))) > 30
    with pytest.raises(ExampleError, match="more than 1,000 recordings in one file"):
        pieces(io.BytesIO(of_frames(2_000)))


@pytest.mark.parametrize("num_bytes", [0, 100, mp3_room._PART_BYTES - 2, 3 * mp3_room._PART_BYTES])
def test_the_next_frames_are_found_wherever_they_lie(num_bytes):
    row = (b"\xff\xfb\x90\xc4" + bytes(413)) * 5
    data = b"\xff\x00" * (num_bytes // 2) + row
    assert mp3_room._next_frames(io.BytesIO(data), 0, len(data)) == num_bytes // 2 * 2
    assert mp3_room._next_frames(io.BytesIO(data), num_bytes + 500, len(data)) == -1
