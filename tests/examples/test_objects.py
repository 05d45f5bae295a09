"""Sounds, texts and arrays in memory, with labels."""

import numpy as np
import pytest
from PIL import Image

from topwork.errors import ModalityError, SettingError
from topwork.examples.objects import examples_from
from topwork.examples.sounds.sound import Sound, SoundFile

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
TONE = np.sin(np.arange(80, dtype=np.float32))


def two(a, b, **more):
    return examples_from([a, b], ["a", "b"], **more)


class TestSounds:
    def test_all_forms(self, tmp_path):
        path = tmp_path / "1.wav"
        path.write_bytes(WAV)
        (tmp_path / "noname").write_bytes(b"OggS")
        things = [
            Sound(samples=TONE, rate_hz=8000),
            {"array": TONE.tolist(), "sampling_rate": 16000, "path": None},
            {"bytes": WAV + b"1", "path": "x.wav"},
            {"bytes": None, "path": str(tmp_path / "noname")},
            WAV + b"2",
            str(path),
            SoundFile(source=path, start_seconds=1, end_seconds=2),
            SoundFile(source=WAV + b"2", start_seconds=1),
            Sound(samples=TONE.copy(), rate_hz=8000),
        ]
        found = examples_from(things, "ababababa")
        assert found.modality == "sound"
        assert (len(found), found.num_duplicates) == (8, 1)
        contents = {e.name: e.read() for e in found.examples}
        assert contents["input 0"].samples is TONE
        assert (contents["input 1"].rate_hz, len(contents["input 1"].samples)) == (16000, 80)
        assert contents["input 2"] == SoundFile(source=WAV + b"1")
        assert contents[str(path)] == SoundFile(source=path)
        assert len({e.digest for e in found.examples}) == 8

    def test_refused(self):
        with pytest.raises(SettingError, match=r"Input 1 .*rate is 0; accepted: samples"):
            two(Sound(samples=TONE, rate_hz=8000), Sound(samples=TONE, rate_hz=0))
        with pytest.raises(SettingError, match=r"\(1, 1, 1\) of float64"):
            two(Sound(samples=np.zeros((1, 1, 1)), rate_hz=8), WAV)
        with pytest.raises(SettingError, match="list; accepted: a NumPy array"):
            two(Sound(samples=[1, 2], rate_hz=8), WAV)
        with pytest.raises(SettingError, match=r"keys \['audio'\]; accepted"):
            two({"audio": 1}, WAV)
        with pytest.raises(SettingError, match=r"\(80,\).*may be anything.*Sound\("):
            two(TONE, TONE)


class TestTexts:
    def test_strings(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        found = examples_from(["hi", "", "hi", " ", "\U0001f600", "b\ud83d"], list("xxxxyy"))
        assert found.modality == "text"
        assert [e.read() for e in found.examples] == ["hi", "\U0001f600", "b\ud83d"]
        assert [(s.name, s.reason) for s in found.skipped] == [
            ("input 1", "the text is empty"), ("input 3", "the text is empty")
        ]  # fmt: skip

    def test_strings_or_files(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "note").write_text("in a file")
        assert two("note", "note2", modality="text").examples[0].read() == "note"
        found = two(tmp_path / "note", "memo.txt")
        assert found.modality == "text"
        assert found.examples[0].read() == "in a file"
        assert [e.read() for e in found.examples] == ["in a file", "memo.txt"]
        found = examples_from([tmp_path / "note", tmp_path / "memo.txt"], "aa")
        assert found.skipped[0].reason.endswith("No such file or directory")
        (tmp_path / "memo.txt").write_text("another")
        assert [e.read() for e in two("note", "memo.txt").examples] == ["another", "in a file"]
        # Most are texts: one that only ends like a file's name is one, too.
        found = examples_from(["what is this", "I love logo.png", "a\nb", "x" * 9999], list("abab"))
        assert (found.modality, len(found)) == ("text", 4)
        found = two("1.png", "what.png", modality="text")
        assert found.modality == "text"

    def test_one_string_is_no_list(self):
        with pytest.raises(SettingError, match="one str; with labels, a list"):
            examples_from("photos", ["a"])


class TestArrays:
    def test_arrays(self, tmp_path):
        np.save(tmp_path / "1.npy", np.full(3, 7.0))
        found = examples_from(np.arange(12.0).reshape(4, 3), "abab", modality="array")
        assert (found.modality, len(found)) == ("array", 4)
        things = [
            [1.0, 2.0],
            np.arange(3),
            tmp_path / "1.npy",
            str(tmp_path / "1.npy"),
            np.zeros(0),
        ]
        found = examples_from(things, "abaaa", modality="array")
        assert [e.read().tolist() for e in found.examples] == [[7, 7, 7], [1, 2], [0, 1, 2]]
        assert "the array is empty" in found.skipped[0].reason
        with pytest.raises(SettingError, match=r"Input 0 .*<U1; accepted: numbers"):
            two(["x"], ["y"], modality="array")

    def test_images(self, tmp_path):
        np.save(tmp_path / "1.npy", np.zeros((2, 2, 3), np.uint8))
        image = np.ones((2, 2), np.uint8)
        found = two(tmp_path / "1.npy", image, modality="image")
        assert (found.modality, len(found)) == ("image", 2)
        assert two(image, np.zeros((2, 2, 4))).modality == "image"


class TestMixtures:
    def test_refused(self):
        message = r"1 image .*'input 1'\).*1 sound .*'input 0'"
        with pytest.raises(ModalityError, match=message):
            two(WAV, Image.new("L", (2, 2)))
        with pytest.raises(ModalityError, match=r"1 image .* and 1 text"):
            two(Image.new("L", (2, 2)), "hello")

    def test_what_is_named_does_not_force(self):
        assert two(WAV, WAV + b"1", modality="image").modality == "sound"
        image = Image.new("L", (2, 2))
        assert two(image, np.zeros((2, 2)), modality="text").modality == "image"
        assert examples_from(["a.wav", WAV], "aa", modality="image").modality == "sound"

    def test_bytes_of_no_kind_are_what_the_others_are(self):
        found = two(WAV, b"junk")
        assert found.modality == "sound"
        assert found.examples[1].read() == SoundFile(source=b"junk")
        assert two(b"1", b"2").modality == "image"
        assert two(b"1", b"2", modality="sound").modality == "sound"

    def test_odd_paths(self):
        found = examples_from([WAV, "nul\0.wav", b"x"], "aaa", modality="sound")
        assert [s.name for s in found.skipped] == ["nul\0.wav"]
