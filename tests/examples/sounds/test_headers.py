"""All of a sound is read, or refused, whatever the length in its header says."""

import contextlib
import io
import os
import struct

import numpy as np
import pytest
import soundfile

from tests.examples.sounds.test_sound import chirp, one, preprocessing, windows
from topwork.errors import ExampleError
from topwork.examples.sounds.headers import check_whole, opened_sound

PCM = (chirp(seconds=2.0) * 32767).astype("<i2").tobytes()
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
SIZE = {  # the chunk of sound, how far behind its name the length lies, and the length's bytes
    "WAV": (b"data", 4, 4), "WAVEX": (b"data", 4, 4), "RF64": (b"data", 4, 4),
    "W64": (b"data", 16, 8), "AIFF": (b"SSND", 4, 4), "CAF": (b"data", 4, 8), "AU": (b".snd", 8, 4),
}  # fmt: skip


def wav(size, riff, pcm=PCM, after=b""):
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + form
    return head + b"data" + struct.pack("<I", size) + pcm + after


def encoded(form, seconds=2.0):
    buffer = io.BytesIO()
    subtype = "VORBIS" if form == "OGG" else "PCM_16"
    soundfile.write(buffer, chirp(seconds=seconds), 16_000, format=form, subtype=subtype)
    return buffer.getvalue()


def with_size(data, form, size):
    name, behind, width = SIZE[form]
    at = data.index(name) + behind
    order = "big" if form in ("AIFF", "CAF", "AU") else "little"
    return data[:at] + (size % 256**width).to_bytes(width, order) + data[at + width :]


class TestNothingSaid:
    """A length of 0: whoever wrote it never came back to fill it in."""

    @pytest.mark.parametrize("riff", [0, 36, 36 + len(PCM)])
    def test_wav(self, riff):
        assert np.array_equal(
            one(wav(0, riff), preprocessing()),
            one(wav(len(PCM), riff + 36 + len(PCM)), preprocessing()),
        )

    @pytest.mark.parametrize("form", FORMATS)
    def test_every_format(self, form):
        data = encoded(form)
        got = one(with_size(data, form, 0), preprocessing())
        assert np.array_equal(got, one(data, preprocessing()))

    def test_rf64_has_a_second_place_for_it(self):
        data = encoded("RF64")
        at = data.index(b"ds64")
        data = data[: at + 16] + bytes(16) + data[at + 32 :]
        assert len(one(data, preprocessing())) == 32_000

    def test_a_part_of_it(self, tmp_path):
        from topwork.examples.sounds.sound import SoundFile

        path = tmp_path / "a.wav"
        path.write_bytes(wav(0, 0))
        part = SoundFile(source=path, start_seconds=0.5, end_seconds=1.5)
        assert len(one(part, preprocessing())) == 16_000

    def test_nothing_there(self):
        after = b"LIST" + struct.pack("<I", 1_000) + bytes(1_000)
        for data in (wav(0, 36, b""), wav(0, 36, b"", after)):
            with pytest.raises(ExampleError, match="no samples"):
                windows(data, preprocessing())


class TestMoreThanIsSaid:
    @pytest.mark.parametrize("riff", [36 + len(PCM) // 4, 36 + len(PCM)])
    def test_wav(self, riff):
        with pytest.raises(
            ExampleError, match=r"16,000 bytes are sound, and 48,000 .*Save it anew"
        ):
            windows(wav(len(PCM) // 4, riff), preprocessing())

    @pytest.mark.parametrize("form", FORMATS)
    def test_sound_was_added(self, form):
        data = encoded(form, 0.5) + PCM[16_000:]
        with pytest.raises(ExampleError, match=r"48,000 bytes follow"):
            windows(data, preprocessing())

    @pytest.mark.parametrize("form", FORMATS)
    def test_a_second_file(self, form):
        with pytest.raises(ExampleError, match="each file for itself"):
            windows(encoded(form) + encoded(form, 0.5), preprocessing())

    @pytest.mark.parametrize("form", ["FLAC", "OGG"])
    def test_a_second_stream(self, form):
        with pytest.raises(ExampleError, match=r"several .* recordings.*all as one"):
            windows(encoded(form) + encoded(form, 0.5), preprocessing())

    @pytest.mark.parametrize(
        "after",
        [
            b"LIST" + struct.pack("<I", 4_000) + bytes(4_000),
            b"LIST"
            + struct.pack("<I", 3)
            + b"abc\0"
            + b"id3 "
            + struct.pack("<I", 900)
            + bytes(900),
            b"LIST" + struct.pack("<I", 3) + b"abc" + b"id3 " + struct.pack("<I", 900) + bytes(900),
            bytes(5_000),
            b"TAG" + b"z" * 900,
            b"junk" * 50,
        ],
    )
    def test_what_is_no_sound_may_follow(self, after):
        data = wav(len(PCM), 36 + len(PCM), after=after)
        assert len(one(data, preprocessing())) == 32_000

    def test_sound_behind_another_chunk(self):
        after = b"LIST" + struct.pack("<I", 4) + b"abcd" + PCM
        with pytest.raises(ExampleError, match=r"64,000 bytes follow"):
            windows(wav(len(PCM), 36, after=after), preprocessing())


class TestNumbers:
    @pytest.mark.parametrize("size", [2**63 - 1, 2**63 - 9, 2**63, 2**64 - 2, 2**62, 2**48])
    def test_chunks_of_any_length(self, size):
        data = encoded("CAF")
        chunk = b"free" + size.to_bytes(8, "big") + bytes(16)
        at = data.index(b"data")
        with pytest.raises(ExampleError):
            windows(data[:at] + chunk + data[at:], preprocessing())

    def test_extreme_numbers_anywhere_give_a_reason_at_worst(self):
        rng = np.random.default_rng(0)
        extremes = [
            0,
            1,
            2**31 - 1,
            2**31,
            2**32 - 1,
            2**48,
            2**62,
            2**63 - 9,
            2**63 - 1,
            2**64 - 1,
        ]
        for form in (*FORMATS, "OGG", "FLAC"):
            data = encoded(form, 0.1)
            for _ in range(100):
                at, width = int(rng.integers(4, 150)), int(rng.choice((2, 4, 8)))
                value = extremes[rng.integers(len(extremes))] % 256**width
                order = "big" if rng.random() < 0.5 else "little"
                bad = data[:at] + value.to_bytes(width, order) + data[at + width :]
                with contextlib.suppress(ExampleError):
                    windows(bad, preprocessing())

    def test_it_costs_no_more_than_the_headers(self):
        class Counted(io.BytesIO):
            num_read = 0

            def read(self, size=-1, /):
                data = super().read(size)
                Counted.num_read += len(data)
                return data

        after = b"LIST" + struct.pack("<I", 10_000) + bytes(10_000)
        assert check_whole(Counted(wav(len(PCM), 36, after=after))) is None
        assert Counted.num_read < 500


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with (
        pytest.raises(ExampleError, match=r"a pipe.*regular file"),
        opened_sound(tmp_path / "a.wav"),
    ):
        pass
