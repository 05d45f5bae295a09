"""Tables that name sounds and their parts, and files of several kinds."""

import csv
import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.core.digests import digest_file
from topwork.errors import ExampleError, ModalityError
from topwork.examples import contents
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.sources import read_examples, read_inputs
from topwork.examples.tables.values import plain_seconds

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
PNG = b"\x89PNG\r\n\x1a\n"


def table(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def sounds(root, *names):
    for name in names:
        (root / name).write_bytes(WAV + name.encode())


class TestParts:
    def test_parts_of_one_file(self, tmp_path, monkeypatch):
        sounds(tmp_path, "long.wav", "short.wav")
        hashed = []
        monkeypatch.setattr(contents, "digest_file", lambda p: hashed.append(p) or digest_file(p))
        rows = [
            {"recording": "long.wav", "start": 0, "end": "1.5", "label": "a", "speaker": "p"},
            {"recording": "long.wav", "start": 1.5, "end": 3, "label": "b", "speaker": ""},
            {"recording": "long.wav", "start": "1,5", "end": "3.0", "label": "b", "speaker": ""},
            {"recording": "long.wav", "start": 10, "end": "", "label": "a", "speaker": ""},
            {"recording": "short.wav", "start": "", "end": "", "label": "a", "speaker": ""},
            {"recording": "short.wav", "start": 2, "end": 2, "label": "a", "speaker": ""},
            {"recording": "short.wav", "start": -1, "end": 2, "label": "a", "speaker": ""},
            {"recording": "short.wav", "start": "soon", "end": 2, "label": "a", "speaker": ""},
            {"recording": "short.wav", "start": 1, "end": "inf", "label": "a", "speaker": ""},
        ]
        found = read_examples(table(tmp_path / "a.csv", rows))
        assert found.modality == "sound"
        long = tmp_path / "long.wav"
        assert [(e.name, e.read()) for e in found.examples] == [
            ("long.wav[0-1.5 s]", SoundFile(source=long, start_seconds=0, end_seconds=1.5)),
            ("long.wav[1.5-3 s]", SoundFile(source=long, start_seconds=1.5, end_seconds=3)),
            ("long.wav[10- s]", SoundFile(source=long, start_seconds=10)),
            ("short.wav", SoundFile(source=tmp_path / "short.wav")),
        ]
        assert found.num_duplicates == 1
        assert found.examples[0].group == "p"
        assert found.examples[3].digest == digest_file(tmp_path / "short.wav")
        assert len({e.digest for e in found.examples}) == 4
        assert sorted(hashed) == [long, tmp_path / "short.wav"]
        assert len(found.skipped) == 4
        assert all("accepted are seconds, with 0 <= start < end" in s.reason for s in found.skipped)
        assert any("from '2' to '2'" in s.reason for s in found.skipped)

    @pytest.mark.parametrize(
        ("row", "part"),
        [
            ({"onset": 1, "offset": 3}, (1, 3)),
            ({"offset": 1, "duration": 3}, (1, 4)),
            ({"onset": 1, "duration": 3}, (1, 4)),
            ({"start_seconds": 1, "end_seconds": 3, "duration": 9}, (1, 3)),
            ({"Begin_Time": 1, "End_Time": 3}, (1, 3)),
            ({"end": 3}, (None, 3)),
            ({"duration": 3}, (None, None)),
        ],
    )
    def test_columns(self, tmp_path, row, part):
        sounds(tmp_path, "1.wav")
        path = table(tmp_path / "a.csv", [{"file": "1.wav", "label": "x", **row}], ";")
        got = read_examples(path).examples[0].read()
        assert (got.start_seconds, got.end_seconds) == part

    def test_of_images_start_is_a_column_like_any(self, tmp_path):
        (tmp_path / "1.png").write_bytes(PNG)
        path = table(tmp_path / "a.csv", [{"file": "1.png", "label": "x", "start": "x", "end": 3}])
        assert read_examples(path).examples[0].read() == PNG

    def test_a_file_that_is_gone(self, tmp_path):
        sounds(tmp_path, "1.wav")
        digest = contents.FileDigest(tmp_path / "1.wav")
        threads = [threading.Thread(target=digest.of_part, args=(0, i)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (tmp_path / "1.wav").unlink()
        assert digest.of_part(0, 1) == digest.of_part(0, 1)
        with pytest.raises(FileNotFoundError):
            contents.FileDigest(tmp_path / "1.wav").of_part(0, 1)

    def test_to_predict(self, tmp_path):
        sounds(tmp_path, "1.wav")
        rows = [
            {"audio": "1.wav", "start": 1, "end": 2},
            {"audio": "gone.wav", "start": 1, "end": 2},
            {"audio": "1.wav", "start": 2, "end": 1},
            {"audio": "1.wav", "start": 1, "end": 2},
        ]
        got = read_inputs(table(tmp_path / "new.csv", rows), modality="sound")
        assert [e.name for e in got] == [f"new.csv[{i}]" for i in range(4)]
        assert got[0].digest == got[3].digest
        part = SoundFile(source=tmp_path / "1.wav", start_seconds=1, end_seconds=2)
        assert got[3].read() == part
        with pytest.raises(ExampleError, match="there is no such file"):
            got[1].read()
        with pytest.raises(ExampleError, match="0 <= start < end"):
            got[2].read()

    @given(
        st.text() | st.floats() | st.integers() | st.none() | st.booleans() | st.lists(st.none())
    )
    def test_any_time(self, value):
        try:
            seconds = plain_seconds(value)
        except (ValueError, OverflowError):
            return
        assert seconds is None or 0 <= seconds < float("inf")


class TestKinds:
    def test_mixture(self, tmp_path):
        sounds(tmp_path, "1.wav")
        (tmp_path / "1.png").write_bytes(PNG)
        rows = [{"file": "1.wav", "label": "x"}, {"file": "1.png", "label": "x"}]
        with pytest.raises(ModalityError, match=r"'a\.csv' mixes .*1 image .* 1 sound"):
            read_examples(table(tmp_path / "a.csv", rows))

    def test_strays_and_unknown_suffixes(self, tmp_path):
        sounds(tmp_path, *(f"{i}.wav" for i in range(30)), "31.dat")
        (tmp_path / "1.png").write_bytes(PNG)
        (tmp_path / "1.pdf").write_bytes(b"%PDF")
        (tmp_path / "odd.xyz").write_bytes(b"odd")
        files = [*(f"{i}.wav" for i in range(30)), "31.dat", "1.png", "1.pdf", "odd.xyz"]
        found = read_examples(table(tmp_path / "a.csv", [{"file": f, "label": 1} for f in files]))
        assert (found.modality, len(found)) == ("sound", 32)
        reasons = {s.name: s.reason for s in found.skipped}
        assert reasons["1.png"] == "it is not a sound (.png)"
        assert ".pdf documents are not read" in reasons["1.pdf"]

    def test_first_bytes_decide_where_the_suffix_does_not(self, tmp_path):
        sounds(tmp_path, "1", "2")
        rows = [{"file": str(i), "label": str(i)} for i in (1, 2)]
        assert read_examples(table(tmp_path / "a.csv", rows)).modality == "sound"
        (tmp_path / "1").write_bytes(b"?")
        (tmp_path / "2").write_bytes(b"!")
        path = table(tmp_path / "a.csv", rows)
        assert read_examples(path).modality == "image"
        assert read_examples(path, modality="sound").modality == "sound"

    def test_documents(self, tmp_path):
        (tmp_path / "1.pdf").write_bytes(b"%PDF")
        path = table(tmp_path / "a.csv", [{"file": "1.pdf", "label": "x"}])
        with pytest.raises(ModalityError, match=r"documents \(.*'1\.pdf'\)"):
            read_examples(path)

    def test_metadata_of_sounds(self, tmp_path):
        (tmp_path / "train").mkdir()
        sounds(tmp_path / "train", "1.wav")
        row = json.dumps({"file_name": "1.wav", "label": "x", "client_id": 7})
        (tmp_path / "train/metadata.jsonl").write_text(row)
        example = read_examples(tmp_path).examples[0]
        assert (example.name, example.split, example.group) == ("train/1.wav", "train", "7")
        assert example.read() == SoundFile(source=Path(tmp_path / "train/1.wav"))

    def test_arrays(self, tmp_path):
        import numpy as np

        np.save(tmp_path / "1.npy", np.arange(3.0))
        path = table(tmp_path / "a.csv", [{"file": "1.npy", "label": "x"}])
        assert read_examples(path).modality == "array"
        assert read_examples(path, modality="image").modality == "image"
        assert read_examples(path).examples[0].read().tolist() == [0, 1, 2]
