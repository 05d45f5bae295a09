"""Features alone, from a folder to a table."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.core.files import CACHE_VARIABLE
from topwork.core.options import RunOptions
from topwork.core.progress import listening
from topwork.errors import (
    DataError,
    ExampleError,
    ModalityError,
    SettingError,
    SourceError,
    StoreError,
)
from topwork.examples.sources import read_examples
from topwork.features.extract import default_pools, extract
from topwork.runs.embed import embed, write_features


def test_the_table_holds_what_training_computes(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))  # which nothing else has filled
    stages: list[str] = []
    with listening(lambda stage, done, total: stages.append(stage)):
        written = write_features(digits, tmp_path / "features", backbone=small.SMALL)
    assert written.path == tmp_path / "features" / "features.parquet"
    assert (written.num_rows, written.num_computed + written.num_found) == (30, 30)
    assert list(dict.fromkeys(stages)) == ["read", "features", "write"]
    found = pq.read_table(written.path)
    assert found.num_rows == 30
    assert found["label"].to_pylist() == [name for name in small.NAMES for _ in range(10)]
    stored = extract(
        read_examples(digits).examples, get_backbone(small.SMALL), pools=default_pools(30, "image")
    )
    assert stored.num_computed == 0
    assert [one.digest for one in stored.examples] == found["digest"].to_pylist()
    width = 0
    for i, segment in enumerate(stored.table.segments):
        name = f"{segment.block}/{segment.pool}"
        assert (name in found.column_names) == (segment.pool == "mean")
        if segment.pool == "mean":
            expected = stored.table.read(np.arange(30), [i])
            values = found[name].combine_chunks().flatten().to_numpy().reshape(30, -1)
            np.testing.assert_array_equal(values, expected)
            width += segment.size
    assert written.num_numbers == width


def test_the_second_time_nothing_is_computed(digits: Path, tmp_path: Path) -> None:
    write_features(digits, tmp_path / "a", backbone=small.SMALL)
    again = write_features(digits, tmp_path / "b", backbone=small.SMALL, pools=["all"])
    assert (again.num_computed, again.num_found) == (0, 30)
    assert any(name.endswith("/grid3") for name in pq.read_schema(again.path).names)


def test_a_table_that_is_there(digits: Path, tmp_path: Path) -> None:
    first = write_features(digits, tmp_path, backbone=small.SMALL).path.read_bytes()
    with pytest.raises(SettingError, match=r"features\.parquet' is there already"):
        write_features(digits, tmp_path, backbone=small.SMALL, pools=["max"])
    assert (tmp_path / "features.parquet").read_bytes() == first
    write_features(digits, tmp_path, backbone=small.SMALL, pools=["max"], overwrite=True)
    assert (tmp_path / "features.parquet").read_bytes() != first
    assert [path.name for path in tmp_path.iterdir()] == ["features.parquet"]


def test_what_it_refuses(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"--pools .*median, mode; accepted: all, mean"):
        write_features(digits, tmp_path, pools=["mean", "median", "mode"])
    with pytest.raises(SourceError, match="There is no folder or file"):
        write_features(tmp_path / "nowhere", tmp_path, backbone=small.SMALL)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"Nothing can be written to '.*features\.parquet'"):
        write_features(digits, tmp_path / "file", backbone=small.SMALL)


def test_broken_images(tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(5))
    (root / "one" / "broken.png").write_bytes(b"text")
    written = write_features(root, tmp_path / "out", backbone=small.SMALL)
    assert written.num_rows == 15
    assert [one.name for one in written.skipped] == ["one/broken.png"]
    with pytest.raises(ExampleError, match=r"one/broken\.png"):
        write_features(
            root, tmp_path / "strict", backbone=small.SMALL, options=RunOptions(strict=True)
        )
    assert not (tmp_path / "strict").exists()
    for path in root.rglob("*.png"):
        path.write_bytes(b"text of " + path.as_posix().encode())
    with pytest.raises(DataError, match=r"None of the 16 images.* first: one/"):
        write_features(root, tmp_path / "none", backbone=small.SMALL)


def test_a_row_for_each_input(digits: Path) -> None:
    paths = [digits / "two" / "0.png", digits / "one" / "1.png", digits / "two" / "0.png"]
    found = embed([str(path) for path in paths], backbone=small.SMALL)
    array = found.to_numpy()
    assert (array.dtype, array.shape) == (np.float32, (3, len(found.columns)))
    assert found.names == tuple(map(str, paths))
    assert found.labels == (None, None, None)
    np.testing.assert_array_equal(array[0], array[2])
    assert np.abs(array[0] - array[1]).max() > 0
    np.testing.assert_array_equal(np.asarray(found), array)
    assert all("/mean/" in column for column in found.columns)
    table = pa.table({"photo": [str(path) for path in paths]})
    again = embed(table, backbone=small.SMALL, input_column="photo")
    assert (again.num_computed, again.num_found) == (0, 3)
    assert again.names[1] == "Table[1]"
    np.testing.assert_array_equal(again.to_numpy(), array)


def test_labelled_data_by_its_path(digits: Path, tmp_path: Path) -> None:
    found = embed(digits, backbone=small.SMALL, pools=["all"])
    assert found.labels == tuple(name for name in small.NAMES for _ in range(10))
    written = write_features(digits, tmp_path, backbone=small.SMALL, pools=["all"])
    assert written.num_numbers == len(found.columns)
    columns = pq.read_table(written.path)
    parts = [columns[name].combine_chunks().flatten().to_numpy().reshape(30, -1)
             for name in columns.column_names[5:]]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), found.to_numpy())


def test_the_kind_of_input_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "topwork")
    found = embed(iter(["a good day", "a bad day"]))
    assert len(found) == 2
    assert "2 texts for the backbone 'minilm-l6'." in caplog.text
    with pytest.raises(ModalityError):
        embed(["a good day", np.zeros((8, 8, 3), np.uint8)])


def test_what_cannot_be_read_is_told_apart(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"text")
    found = embed([tmp_path / "broken.png", digits / "one" / "0.png"], backbone=small.SMALL)
    assert found.indices.tolist() == [1]
    assert [one.name for one in found.skipped] == [str(tmp_path / "broken.png")]
    with pytest.raises(DataError, match=r"None of the 1 images of the list .*broken\.png.* others"):
        embed([tmp_path / "broken.png"], backbone=small.SMALL)


def test_what_it_does_not_take(tiny_backbone: Backbone) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(SettingError, match=r"label_column is 'y' with a list, .* Leave it out"):
        embed([picture], label_column="y")
    for pools in (["median"], [], "mean"):
        with pytest.raises(SettingError, match=r"pools names .*; accepted: all, mean"):
            embed([picture], pools=pools)
    found = embed([picture], backbone=tiny_backbone, pools=["prefix"])
    with pytest.raises(SettingError, match=r"The pools are prefix; accepted: mean"):
        found.to_numpy()
