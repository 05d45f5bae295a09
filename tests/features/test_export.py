"""Features in a Parquet table."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from topwork.core.progress import listening
from topwork.errors import SettingError
from topwork.examples.example import Example
from topwork.executors.base import Segment
from topwork.features import export
from topwork.features.export import write_parquet
from topwork.features.table import ArrayTable

SEGMENTS = (
    Segment(block="stem", pool="mean", size=2),
    Segment(block="stem", pool="grid3", size=18),
    Segment(block="blocks.0", pool="mean", size=3),
)


@pytest.fixture
def table() -> ArrayTable:
    values = np.random.default_rng(0).normal(size=(10, 23)).astype(np.float16)
    return ArrayTable(values, SEGMENTS)


@pytest.fixture
def examples() -> list[Example]:
    return [
        Example(
            name=f"ü {i}.png", digest=f"{i:064x}", read=bytes, label=f"c{i % 2}",
            group=None if i else "g", split="train",
        )
        for i in range(10)
    ]  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 3, 10, 256])
def test_values_come_back(
    chunk: int,
    table: ArrayTable,
    examples: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "CHUNK", chunk)
    told: list[tuple[str, int, int]] = []
    path = tmp_path / "f.parquet"
    with listening(lambda *step: told.append(step)):
        num = write_parquet(table, examples, path, pools=["mean", "prefix"])
    assert num == 5
    assert told[-1] == ("write", 10, 10)
    found = pq.read_table(path)
    assert found.column_names == [
        "name", "label", "group", "split", "digest", "stem/mean", "blocks.0/mean",
    ]  # fmt: skip
    for name in ("name", "label", "group", "split", "digest"):
        assert found[name].to_pylist() == [getattr(one, name) for one in examples]
    assert found.schema.field("stem/mean").type.list_size == 2
    np.testing.assert_array_equal(
        np.array(found["stem/mean"].to_pylist(), np.float32), table.matrix[:, :2]
    )
    np.testing.assert_array_equal(
        np.array(found["blocks.0/mean"].to_pylist(), np.float32), table.matrix[:, 20:]
    )


def test_other_tools_read_it(table: ArrayTable, examples: list[Example], tmp_path: Path) -> None:
    write_parquet(table, examples, tmp_path / "f.parquet", pools=["grid3"])
    column = pq.read_table(tmp_path / "f.parquet")["stem/grid3"].combine_chunks()
    matrix = column.flatten().to_numpy().reshape(10, 18)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, table.matrix[:, 2:20])


def test_pools_that_are_not_there(
    table: ArrayTable, examples: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match="max, std; accepted: mean, grid3"):
        write_parquet(table, examples, tmp_path / "f.parquet", pools=["max", "std"])
    assert not (tmp_path / "f.parquet").exists()
