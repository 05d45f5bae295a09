"""Sounds, texts and arrays to predict."""

import numpy as np
import pytest

from topwork.errors import ColumnError, ExampleError, ModalityError, SettingError, SourceError
from topwork.examples.inputs import read_inputs
from topwork.examples.sounds.sound import Sound, SoundFile

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
PNG = b"\x89PNG\r\n\x1a\n"
TONE = Sound(samples=np.zeros(9, np.float32), rate_hz=8000)


def files(root, **contents):
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def contents(inputs, modality, **more):
    return [example.read() for example in read_inputs(inputs, modality=modality, **more)]


class TestSounds:
    def test_all_forms(self, tmp_path):
        files(tmp_path, **{"b.wav": WAV, "c/a": b"OggS", "c/a.txt": b"x", "odd.xyz": WAV})
        things = [str(tmp_path / "b.wav"), tmp_path, WAV, TONE, tmp_path / "odd.xyz"]
        assert contents(things, "sound") == [
            SoundFile(source=tmp_path / "b.wav"),
            SoundFile(source=tmp_path / "b.wav"),
            SoundFile(source=tmp_path / "c/a"),
            SoundFile(source=WAV),
            TONE,
            SoundFile(source=tmp_path / "odd.xyz"),
        ]
        as_dict = {"array": np.zeros(9), "sampling_rate": 8000}
        for one in (WAV, TONE, as_dict, tmp_path / "b.wav", SoundFile(source=WAV)):
            assert len(read_inputs(one, modality="sound")) == 1

    def test_refused(self, tmp_path):
        with pytest.raises(SettingError, match=r"\(9,\) without a rate; accepted: .*Sound\("):
            read_inputs(TONE.samples, modality="sound")
        with pytest.raises(SettingError, match="Input 0 is a int; accepted: a path"):
            read_inputs([3], modality="sound")
        with pytest.raises(SourceError, match=r"none\.wav': .*: No such file"):
            read_inputs("none.wav", modality="sound")


class TestTexts:
    def test_all_forms(self, tmp_path):
        files(tmp_path, **{"b.txt": b"b", "c/a.md": b"a", "c/README": b"x", "odd": b"o"})
        things = ["b.txt", tmp_path / "b.txt", tmp_path, tmp_path / "odd"]
        assert contents(things, "text") == ["b.txt", "b", "b", "a", "o"]
        assert contents("one", "text") == ["one"]
        assert contents(np.array(["one", "two"]), "text") == ["one", "two"]
        assert contents(np.array("one"), "text") == ["one"]

    def test_what_cannot_be_used_keeps_its_place(self, tmp_path):
        files(tmp_path, **{"empty.txt": b"", "zero.txt": b"a\0"})
        things = ["a", " ", tmp_path / "empty.txt", tmp_path / "zero.txt", "b"]
        examples = read_inputs(things, modality="text")
        assert [examples[0].read(), examples[4].read()] == ["a", "b"]
        for place, reason in ((1, "empty"), (2, "empty"), (3, "not plain text")):
            with pytest.raises(ExampleError, match=reason):
                examples[place].read()
        assert len({e.digest for e in examples}) == 5

    def test_refused(self, tmp_path):
        files(tmp_path, **{"a.pdf": b"%PDF"})
        with pytest.raises(ModalityError, match=r"\.pdf document\. Only plain text"):
            read_inputs(tmp_path / "a.pdf", modality="text")
        with pytest.raises(SettingError, match="Input 0 is a bytes; accepted: a str"):
            read_inputs([b"x"], modality="text")
        with pytest.raises(SettingError, match=r"The inputs are a int; accepted: a str"):
            read_inputs(3, modality="text")


class TestArrays:
    def test_all_forms(self, tmp_path):
        np.save(tmp_path / "1.npy", np.arange(3))
        np.savez(tmp_path / "2.npz", x=np.arange(6).reshape(2, 3))
        things = [tmp_path / "1.npy", np.arange(2), str(tmp_path / "2.npz"), tmp_path]
        got = [one.tolist() for one in contents(things, "array")]
        assert got == [[0, 1, 2], [0, 1], [0, 1, 2], [3, 4, 5], [0, 1, 2]]
        many = np.arange(6).reshape(2, 3)
        assert len(read_inputs(many, modality="array")) == 1
        assert len(read_inputs(many, modality="array", array_ndim=1)) == 2
        assert len(read_inputs(many, modality="array", array_ndim=2)) == 1
        assert contents(tmp_path / "1.npy", "image")[0].tolist() == [0, 1, 2]


class TestAnotherKind:
    def test_refused(self, tmp_path):
        files(tmp_path, **{"a.wav": WAV, "b.png": PNG, "s/a.wav": WAV, "e/none.json": b"{}"})
        (tmp_path / "t.csv").write_text("text,label\nhello,x\n")
        with pytest.raises(ModalityError, match=r"a\.wav' is a sound; .*takes images"):
            read_inputs(tmp_path / "a.wav", modality="image")
        with pytest.raises(ModalityError, match=r"b\.png' is an image; .*takes texts"):
            read_inputs([tmp_path / "b.png"], modality="text")
        with pytest.raises(ModalityError, match=r"'input 0' is a sound; .*takes arrays"):
            read_inputs([TONE], modality="array")
        with pytest.raises(ModalityError, match=r"no text in .*, but 1 sound"):
            read_inputs(tmp_path / "s", modality="text")
        with pytest.raises(SourceError, match="no sound in or below"):
            read_inputs(tmp_path / "e", modality="sound")
        with pytest.raises(ModalityError, match=r"t\.csv' holds texts; .*takes sounds"):
            read_inputs(tmp_path / "t.csv", modality="sound")
        with pytest.raises(ColumnError, match=r"no column 'no' for the input"):
            read_inputs(tmp_path / "t.csv", modality="text", input_column="no")

    def test_tables_of_images(self, tmp_path):
        files(tmp_path, **{"b.png": PNG})
        (tmp_path / "t.csv").write_text("file\nb.png\nb.png\n")
        examples = read_inputs(str(tmp_path / "t.csv"), modality="image")
        assert [e.name for e in examples] == ["t.csv[0]", "t.csv[1]"]
        assert examples[1].read() == PNG
