"""Features alone, from a folder to a table."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests import small
from topwork.backbones.registry import get_backbone
from topwork.core.files import CACHE_VARIABLE
from topwork.core.options import RunOptions
from topwork.core.progress import listening
from topwork.errors import DataError, ExampleError, SettingError, SourceError, StoreError
from topwork.examples.sources import read_examples
from topwork.features.extract import default_pools, extract
from topwork.runs.embed import embed


def test_the_table_holds_what_training_computes(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))  # which nothing else has filled
    stages: list[str] = []
    with listening(lambda stage, done, total: stages.append(stage)):
        written = embed(digits, tmp_path / "features", backbone=small.SMALL)
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
    embed(digits, tmp_path / "a", backbone=small.SMALL)
    again = embed(digits, tmp_path / "b", backbone=small.SMALL, pools=["all"])
    assert (again.num_computed, again.num_found) == (0, 30)
    assert any(name.endswith("/grid3") for name in pq.read_schema(again.path).names)


def test_a_table_that_is_there(digits: Path, tmp_path: Path) -> None:
    first = embed(digits, tmp_path, backbone=small.SMALL).path.read_bytes()
    with pytest.raises(SettingError, match=r"features\.parquet' is there already"):
        embed(digits, tmp_path, backbone=small.SMALL, pools=["max"])
    assert (tmp_path / "features.parquet").read_bytes() == first
    embed(digits, tmp_path, backbone=small.SMALL, pools=["max"], overwrite=True)
    assert (tmp_path / "features.parquet").read_bytes() != first
    assert [path.name for path in tmp_path.iterdir()] == ["features.parquet"]


def test_what_it_refuses(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"--pools .*median, mode; accepted: all, mean"):
        embed(digits, tmp_path, pools=["mean", "median", "mode"])
    with pytest.raises(SourceError, match="There is no folder or file"):
        embed(tmp_path / "nowhere", tmp_path, backbone=small.SMALL)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"Nothing can be written to '.*features\.parquet'"):
        embed(digits, tmp_path / "file", backbone=small.SMALL)


def test_broken_images(tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(5))
    (root / "one" / "broken.png").write_bytes(b"text")
    written = embed(root, tmp_path / "out", backbone=small.SMALL)
    assert written.num_rows == 15
    assert [one.name for one in written.skipped] == ["one/broken.png"]
    with pytest.raises(ExampleError, match=r"one/broken\.png"):
        embed(root, tmp_path / "strict", backbone=small.SMALL, options=RunOptions(strict=True))
    assert not (tmp_path / "strict").exists()
    for path in root.rglob("*.png"):
        path.write_bytes(b"text of " + path.as_posix().encode())
    with pytest.raises(DataError, match=r"None of the 16 images.* first: one/"):
        embed(root, tmp_path / "none", backbone=small.SMALL)
