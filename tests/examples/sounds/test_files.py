"""Encoded sounds of every format are read whole, or refused with what is wrong with them."""

import contextlib
import io
import os
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from tests.examples.sounds.test_sound import chirp, one, preprocessing, windows
from topwork.errors import ExampleError
from topwork.examples.sounds import ffmpeg as other_sounds
from topwork.examples.sounds import files as sound_files
from topwork.examples.sounds import sound as sounds
from topwork.examples.sounds.sound import SoundFile

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "PCM_U8"), ("WAV", "ULAW"),
    ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("AU", "PCM_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip
FFMPEG = shutil.which("ffmpeg")


def encoded(form="WAV", subtype="PCM_16", signal=None, rate_hz=16_000):
    buffer = io.BytesIO()
    signal = chirp(rate_hz, 2.0) if signal is None else signal
    soundfile.write(buffer, signal, rate_hz, format=form, subtype=subtype)
    return buffer.getvalue()


def by_ffmpeg(folder, ending, *options):
    (folder / "from.wav").write_bytes(encoded())
    path = folder / f"a{ending}"
    command = [FFMPEG, "-v", "error", "-i", folder / "from.wav", *options, path]
    if subprocess.run(command, check=False).returncode:
        pytest.skip(f"this ffmpeg cannot write {ending}")
    return path


class TestFormats:
    @pytest.mark.parametrize(("form", "subtype"), FORMATS)
    def test_all_of_it_comes(self, form, subtype, tmp_path):
        data = encoded(form, subtype)
        path = tmp_path / "recording"  # the name says nothing
        path.write_bytes(data)
        got = one(data, preprocessing())
        assert len(got) == 32_000
        assert np.array_equal(one(path, preprocessing()), got)
        assert np.array_equal(one(str(path), preprocessing()), got)
        assert np.array_equal(one(bytearray(data), preprocessing()), got)
        assert np.corrcoef(got, chirp(seconds=2.0))[0, 1] > 0.98

    @pytest.mark.parametrize(("form", "subtype"), FORMATS)
    @pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
    def test_cut_off(self, form, subtype, keep, capfd):
        data = encoded(form, subtype)
        with pytest.raises(ExampleError, match="ends early"):
            windows(data[: int(len(data) * keep)], preprocessing())
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize(("form", "subtype"), [f for f in FORMATS if f[0] != "W64"])
    def test_what_follows_does_not_matter(self, form, subtype):
        data = encoded(form, subtype)
        assert np.array_equal(one(data + b"junk" * 50, preprocessing()), one(data, preprocessing()))

    def test_a_careless_length_is_no_loss(self):
        data = bytearray(encoded())
        data[40:44] = struct.pack("<I", len(data))  # the header counted in
        assert len(one(bytes(data), preprocessing())) == 32_000

    @pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF - 36, 0])
    def test_written_to_a_pipe(self, length):
        if length:
            data = bytearray(encoded())
            data[4:8] = data[40:44] = struct.pack("<I", length)
            assert len(one(bytes(data), preprocessing())) == 32_000
        aiff = bytearray(encoded("AIFF"))
        at = aiff.index(b"SSND") + 4
        aiff[at : at + 4] = struct.pack(">I", length)
        assert len(one(bytes(aiff), preprocessing())) == 32_000

    def test_flac_of_unknown_length(self):
        data = bytearray(encoded("FLAC"))
        data[21] &= 0xF0
        data[22:26] = bytes(4)
        assert len(one(bytes(data), preprocessing())) == 32_000

    def test_names_that_mean_something_to_libsndfile(self, tmp_path):
        for name in ("a.raw", "a.sd2", "-i.wav", "ä ö.wav"):
            (tmp_path / name).write_bytes(encoded())
            assert len(one(tmp_path / name, preprocessing())) == 32_000


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", r"empty \(0 bytes\)"),
            (b"<!DOCTYPE html><html>", r"not a sound: .*HTML page"),
            (b"\x89PNG\r\n\x1a\n" + bytes(20), r"not a sound: .*PNG image"),
            (b"hello, this is text\n" * 9, r"not a sound: .*plain text"),
            (bytes(500), "looks like zero bytes only"),
            (b"RIFF\x24\x00\x00\x00WAVEfmt ", r"like a WAV sound, .*damaged"),
            (b"fLaC\x00\x00\x00\x22" + bytes(34), "its FLAC data is damaged"),
            (b"OggS\x00", "last page only a part"),
            (b"OggS\x00\x02" + bytes(100), r"like an Ogg sound, .*damaged"),
            (b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(400), "like an MP3 sound"),
            (b"\x00\x00\x00\x18ftypheic", "looks like a HEIC photo"),
        ],
    )
    def test_reasons(self, data, message):
        with pytest.raises(ExampleError, match=message):
            windows(data, preprocessing())

    def test_missing_files(self, tmp_path):
        with pytest.raises(ExampleError, match="cannot be read: No such file"):
            windows(tmp_path / "none.wav", preprocessing())
        with pytest.raises(ExampleError, match="cannot be read: Is a directory"):
            windows(tmp_path, preprocessing())
        with pytest.raises(ExampleError, match=r"cannot be read: .*null"):
            windows("a\x00b.wav", preprocessing())

    def test_headers_that_claim_anything(self):
        for rate_hz, channels, message in (
            (16_000, 65_535, "65,535 channels|malformed|damaged"),
            (2**31 - 1, 1, "its rate is 2147483647 Hz"),
            (16, 1, "its rate is 16 Hz"),
        ):
            fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, 0, (channels * 2) & 0xFFFF, 16)
            data = b"RIFF" + struct.pack("<I", 2**31) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
            data += b"data" + struct.pack("<I", 2**32 - 1) + bytes(900)
            with pytest.raises(ExampleError, match=message):
                windows(data, preprocessing())

    def test_2_to_31_samples_in_1_kb(self):
        data = bytearray(encoded(signal=chirp(seconds=0.05)))
        data[4:8] = data[40:44] = struct.pack("<I", 2**31 - 2**17)
        with pytest.raises(ExampleError, match=r"2,147,352,576 bytes.*1,600"):
            windows(bytes(data), preprocessing())
        flac = bytearray(encoded("FLAC", signal=chirp(seconds=0.05)))
        flac[21] |= 0x0F
        with pytest.raises(ExampleError, match="ends early"):
            windows(bytes(flac), preprocessing())

    def test_not_finite_in_a_file(self):
        signal = chirp()
        signal[9_000] = np.nan
        with pytest.raises(ExampleError, match="not finite numbers"):
            windows(encoded("WAV", "FLOAT", signal), preprocessing())

    def test_every_byte_wrong_gives_a_reason_at_worst(self):
        rng = np.random.default_rng(1)
        for form, subtype in FORMATS:
            if form == "MP3":
                continue  # mpg123 conceals, and tells standard error of each
            data = bytearray(encoded(form, subtype, chirp(seconds=0.2)))
            for _ in range(30):
                bad = data.copy()
                for place in rng.integers(0, min(len(bad), 300), 3):
                    bad[place] = rng.integers(256)
                with contextlib.suppress(ExampleError):
                    for window in windows(bytes(bad), preprocessing()):
                        assert np.isfinite(window).all()

    def test_fewer_frames_than_promised(self, monkeypatch):
        original = soundfile.SoundFile.read
        monkeypatch.setattr(
            sound_files._ForwardFile,
            "read",
            lambda self, n, **more: original(self, n if self.tell() == 0 else 0, **more),
        )
        monkeypatch.setattr(sound_files, "BLOCK_FRAMES", 1000)
        with pytest.raises(ExampleError, match=r"32,000 samples.*1,000"):
            windows(encoded(), preprocessing())


class TestThreads:
    def test_agree_with_one(self):
        data = [encoded(*form) for form in FORMATS]
        alone = [one(d, preprocessing()) for d in data]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda d: one(d, preprocessing()), data * 4))
        assert all(np.array_equal(a, b) for a, b in zip(alone * 4, together, strict=True))


@pytest.mark.skipif(FFMPEG is None, reason="there is no ffmpeg")
class TestFfmpeg:
    @pytest.mark.parametrize(
        ("ending", "options"),
        [
            (".m4a", ()),
            (".m4a", ("-movflags", "+faststart")),
            (".m4a", ("-c:a", "alac")),
            (".aac", ()),
            (".wma", ()),
            (".webm", ("-c:a", "libopus")),
            (".mka", ()),
            (".mp4", ("-f", "mp4")),
        ],
    )
    def test_decodes_the_rest(self, ending, options, tmp_path):
        path = by_ffmpeg(tmp_path, ending, *options)
        data = path.read_bytes()
        got = one(path, preprocessing())
        assert 0 <= len(got) - 31_500 < 3_000
        assert np.array_equal(one(data, preprocessing()), got)
        want = chirp(seconds=2.0)
        at = np.correlate(got, want[8_000:16_000], "valid").argmax()
        assert np.corrcoef(got[at : at + 8_000], want[8_000:16_000])[0, 1] > 0.97
        for keep in (0.3, 0.6, 0.9):
            with pytest.raises(ExampleError, match=r"ends early|damaged"):
                windows(data[: int(len(data) * keep)], preprocessing())

    def test_parts(self, tmp_path):
        path = by_ffmpeg(tmp_path, ".m4a", "-c:a", "alac")
        whole = one(path, preprocessing())
        got = one(SoundFile(source=path, start_seconds=0.5, end_seconds=1.25), preprocessing())
        assert np.array_equal(got, whole[8_000:20_000])
        with pytest.raises(ExampleError, match=r"3\.0 s, .*lasts 2\.0"):
            windows(SoundFile(source=path, start_seconds=3.0), preprocessing())

    def test_taken_only_in_part(self, tmp_path):
        path = by_ffmpeg(tmp_path, ".m4a")
        few = sounds._windows(path, preprocessing(max_samples=2_000))
        assert len(next(few)) == 2_000
        few.close()  # ffmpeg is stopped, and waited for

    def test_no_sound_in_it(self, tmp_path):
        path = tmp_path / "silent.mp4"
        command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-c:v",
                   "mpeg4", path]  # fmt: skip
        if subprocess.run(command, check=False).returncode:
            pytest.skip("this ffmpeg cannot write video")
        with pytest.raises(ExampleError, match=r"no sound in it \(M4A\)"):
            windows(path, preprocessing())

    def test_damaged(self):
        with pytest.raises(ExampleError, match=r"like WMA, .*damaged"):
            windows(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(500), preprocessing())

    def test_shorter_than_its_header_says(self, tmp_path, monkeypatch):
        path = by_ffmpeg(tmp_path, ".wma")
        monkeypatch.setattr(other_sounds, "_SLACK_SECONDS", -1.0)
        with pytest.raises(ExampleError, match=r"promises 2\.\d+ s, [12]\.\d+ s came"):
            windows(path, preprocessing())


M4A = b"\x00\x00\x00\x18ftypM4A " + bytes(300)


STAND_IN = """#!{python}
import struct, sys
content = open(sys.argv[sys.argv.index("-i") + 1], "rb").read()
if content.endswith(b"!"):
    sys.exit("[error] Invalid data found when processing input")
sys.stdout.buffer.write(b".snd" + struct.pack(">5I", 24, 2**32 - 1, 6, 16000, 2))
sys.stdout.buffer.write(struct.pack(">3200f", *[0.5, 0.0] * 1600))
if content.endswith(b"?"):
    print("[error] moov atom not found", file=sys.stderr)
if content.endswith(b";"):
    print("Duration: 00:00:02.00, start: 0", file=sys.stderr)
"""


class TestScriptInPlaceOfFfmpeg:
    """Gives 0.1 s of two channels, and complains as the content says."""

    @pytest.fixture(autouse=True)
    def stand_in(self, tmp_path, monkeypatch):
        script = tmp_path / "ffmpeg"
        script.write_text(STAND_IN.format(python=sys.executable))
        script.chmod(0o755)
        (tmp_path / "kept").mkdir()
        monkeypatch.setattr(other_sounds.shutil, "which", lambda _: str(script))
        monkeypatch.setattr(other_sounds.tempfile, "tempdir", str(tmp_path / "kept"))
        yield
        assert os.listdir(tmp_path / "kept") == []  # temporary files are removed

    def test_channels_are_averaged(self, tmp_path):
        assert one(M4A, preprocessing()).tolist() == [0.25] * 1600
        (tmp_path / "a.m4a").write_bytes(M4A)
        assert one(tmp_path / "a.m4a", preprocessing()).tolist() == [0.25] * 1600

    @pytest.mark.parametrize(
        ("ending", "message"),
        [
            (b"!", r"like M4A, .*damaged \(Invalid data"),
            (b"?", r"ends early: .*cut off"),
            (b";", r"ends early: .*2\.00 s, 0\.10 s came"),
        ],
    )
    def test_what_it_complains_of_is_told(self, ending, message):
        with pytest.raises(ExampleError, match=message):
            windows(M4A + ending, preprocessing())


def test_without_ffmpeg_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(other_sounds.shutil, "which", lambda _: None)
    with pytest.raises(ExampleError, match=r"M4A.*Install ffmpeg"):
        windows(M4A, preprocessing())


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="there is no espeak-ng")
def test_speech(tmp_path):
    path = tmp_path / "a.wav"
    subprocess.run(["espeak-ng", "-w", path, "computer"], check=True)
    got = one(path, preprocessing())
    assert 0.4 < len(got) / 16_000 < 3
    assert 0.1 < np.abs(got).max() < 1.5
