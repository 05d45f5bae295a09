"""Parquet tables of sounds, texts and arrays."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topwork.core.digests import digest_bytes
from topwork.errors import ColumnError, ExampleError, ModalityError
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.sources import read_examples, read_inputs
from topwork.examples.tables.parquet_cells import numbers

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
PNG = b"\x89PNG\r\n\x1a\n"
MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def media(*data, paths=None):
    paths = paths or [None] * len(data)
    cells = [None if d is None and p is None else {"bytes": d, "path": p}
             for d, p in zip(data, paths, strict=True)]  # fmt: skip
    return pa.array(cells, MEDIA)


def write(file, features=None, *, rows=2, **columns):
    data = pa.table(columns)
    if features:
        about = json.dumps({"info": {"features": features}})
        data = data.replace_schema_metadata({"huggingface": about})
    pq.write_table(data, file, row_group_size=rows)
    return file


class TestSounds:
    def test_declared(self, tmp_path):
        features = {
            "clip": {"_type": "Audio"},
            "label": {"_type": "ClassLabel", "names": ["n", "y"]},
        }
        clips = [WAV + bytes([i]) for i in range(5)]
        path = write(
            tmp_path / "a.parquet",
            features,
            path=["x"] * 5,
            clip=media(*clips),
            sentence=list("abcde"),
            label=[0, 1, 0, 1, 0],
            speaker=["a", "b", "a", "b", None],
        )
        found = read_examples(path)
        assert found.modality == "sound"
        assert [e.label for e in found.examples] == ["n", "y", "n", "y", "n"]
        assert [e.group for e in found.examples] == ["a", "b", "a", "b", None]
        assert [e.read() for e in found.examples] == [SoundFile(source=clip) for clip in clips]
        assert found.examples[1].digest == digest_bytes(clips[1])
        assert read_examples(path, modality="text").modality == "text"

    def test_found_by_what_it_holds(self, tmp_path):
        path = write(
            tmp_path / "a.parquet", thing=media(b"fLaC1", b"OggS2", None, b""), label=[1] * 4
        )
        found = read_examples(path)
        assert (found.modality, len(found)) == ("sound", 2)
        reasons = [s.reason for s in found.skipped]
        assert reasons == ["no sound in this row", "the sound is empty (0 bytes)"]
        path = write(tmp_path / "b.parquet", thing=[WAV, WAV + b"2"], label=[1, 2])
        assert read_examples(path).modality == "sound"
        path = write(tmp_path / "c.parquet", hash=[b"1", b"2"], text=["a", "b"], label=[1, 2])
        assert read_examples(path).modality == "text"
        unknown = write(tmp_path / "d.parquet", clip=[b"\1", b"\2"], label=[1, 2])
        assert read_examples(unknown).modality == "image"
        assert read_examples(unknown, modality="sound").modality == "sound"
        declared = write(tmp_path / "e.parquet", {"c": {"_type": "Audio"}}, c=[b"1"], label=[1])
        assert read_examples(declared).modality == "sound"

    def test_paths_alone(self, tmp_path):
        (tmp_path / "1.wav").write_bytes(WAV)
        path = write(
            tmp_path / "a.parquet",
            {"audio": {"_type": "Audio"}},
            audio=media(None, None, None, paths=["1.wav", "no.wav", None]),
            label=[1, 1, 1],
        )
        found = read_examples(path)
        assert [e.read() for e in found.examples] == [SoundFile(source=tmp_path / "1.wav")]
        assert [s.reason for s in found.skipped] == ["no file name", "there is no such file"]

    def test_parts(self, tmp_path):
        columns = {"audio": media(*[WAV] * 4), "label": ["a", "b", "a", "a"]}
        times = {"start": [0.0, 1.5, None, 3.0], "end": [1.0, None, None, 2.0]}
        path = write(tmp_path / "a.parquet", **columns, **times)
        found = read_examples(path)
        assert [(e.name, e.read().start_seconds, e.read().end_seconds) for e in found.examples] == [
            ("a.parquet[0][0-1 s]", 0, 1),
            ("a.parquet[1][1.5- s]", 1.5, None),
            ("a.parquet[2]", None, None),
        ]
        assert "0 <= start < end" in found.skipped[0].reason
        assert len({e.digest for e in found.examples}) == 3
        got = read_inputs(path, modality="sound")
        assert [e.name for e in got] == [f"a.parquet[{i}]" for i in range(4)]

    def test_mixture(self, tmp_path):
        path = write(tmp_path / "a.parquet", audio=media(WAV, PNG), label=["a", "b"])
        with pytest.raises(ModalityError, match=r"1 image .*'a.parquet\[1\]'\) and 1 sound"):
            read_examples(path)
        data = [*(WAV + bytes([i]) for i in range(30)), PNG]
        path = write(tmp_path / "a.parquet", audio=media(*data), label=["a"] * 31)
        found = read_examples(path)
        assert len(found) == 30
        assert found.skipped[0].reason == "it is not a sound"


class TestTexts:
    def test_texts(self, tmp_path):
        label = {"_type": "ClassLabel", "names": ["neg", "pos"]}
        path = write(
            tmp_path / "a.parquet",
            {"label": label},
            text=["good", None, " ", "bad"],
            label=[1, 1, 0, 0],
        )
        found = read_examples(path)
        assert [(e.name, e.read(), e.label) for e in found.examples] == [
            ("a.parquet[0]", "good", "pos"), ("a.parquet[3]", "bad", "neg")
        ]  # fmt: skip
        assert [s.reason for s in found.skipped] == ["the text is empty"] * 2
        words = pa.array(["x", "y", "x"]).dictionary_encode()
        path = write(tmp_path / "b.parquet", text=words, label=["a", "b", "a"])
        assert [e.read() for e in read_examples(path).examples] == ["x", "y"]


class TestArrays:
    @pytest.mark.parametrize(
        "kind", [pa.list_(pa.float32()), pa.large_list(pa.int16()), pa.list_(pa.float64(), 3)]
    )
    def test_lists(self, tmp_path, kind):
        rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
        path = write(tmp_path / "a.parquet", signal=pa.array(rows, kind), label=["a", "b", "a"])
        found = read_examples(path)
        assert found.modality == "array"
        got = [e.read() for e in found.examples]
        assert [one.tolist() for one in got] == rows
        assert got[0].dtype == kind.value_type.to_pandas_dtype()
        assert [e.read().tolist() for e in read_inputs(path, modality="array")] == rows

    def test_rows_that_cannot_be_used(self, tmp_path):
        kind = pa.list_(pa.list_(pa.float32()))
        rows = [[[1, 2], [3, 4]], [[1], [2, 3]], None, [[1, None]], [None, [1]], [], [[5, 6]]]
        path = write(tmp_path / "a.parquet", x=pa.array(rows, kind), y=list("aaaaaaa"))
        found = read_examples(path)
        assert [e.read().shape for e in found.examples] == [(2, 2), (1, 2)]
        assert [s.reason for s in found.skipped] == [
            "its lists are of 2 lengths, 1 to 2: they make no array",
            "no array in this row",
            "1 of its 2 numbers are null",
            "some of its lists are null",
            "the array is empty (shape (0, 0))",
        ]

    def test_column(self, tmp_path):
        lists = [[1.0], [2.0]]
        path = write(tmp_path / "a.parquet", spectrum=lists, label=["a", "b"])
        assert read_examples(path).modality == "array"
        both = {"text": ["a", "b"], "embedding": lists, "label": ["a", "b"]}
        path = write(tmp_path / "a.parquet", **both)
        assert read_examples(path).modality == "text"
        assert read_examples(path, modality="array").modality == "array"
        assert read_examples(path, input_column="embedding").modality == "array"
        path = write(tmp_path / "a.parquet", x=[["a"], ["b"]], label=["a", "b"])
        with pytest.raises(ColumnError, match=r"list<.*string>\. Accepted: encoded images"):
            read_examples(path, input_column="x")
        with pytest.raises(ColumnError, match="no input column by a usual name"):
            read_examples(path)

    def test_a_table_that_is_gone(self, tmp_path):
        path = write(tmp_path / "a.parquet", x=[[1.0], [2.0]], label=["a", "b"])
        found = read_examples(path)
        path.unlink()
        with pytest.raises(ExampleError, match="cannot be read any more"):
            found.examples[0].read()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.data())
    def test_any_shape_comes_back(self, data):
        shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
        array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        cells = pa.array([None, array.tolist(), array.tolist()])
        got = numbers(cells[1:][1])
        assert got.shape == tuple(shape)
        assert (got == array).all()
