"""All columns of a table, a row for each that is predicted."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.examples.tables.sheets import row, write_workbook
from topwork.errors import SourceError
from topwork.examples.inputs import read_inputs
from topwork.examples.own_columns import own_columns

ROWS = [("a text", "7", "x"), ("another", None, "y"), ("", "9", None)]


def write(folder: Path, form: str) -> Path:
    path = folder / f"a.{form}"
    table = pa.table({"text": [r[0] for r in ROWS], "n": [r[1] for r in ROWS],
                      "who": [r[2] for r in ROWS]})  # fmt: skip
    if form in ("csv", "csv.gz"):
        lines = "\n".join(",".join(value or "" for value in r) for r in ROWS)
        text = f"text,n,who\n{lines}\n\n".encode()
        path.write_bytes(gzip.compress(text) if form == "csv.gz" else text)
    elif form == "json":
        path.write_text(json.dumps(table.to_pylist()))
    elif form == "xlsx":
        rows = row(1, "text", "n", "who") + "".join(row(i, *r) for i, r in enumerate(ROWS, 2))
        write_workbook(path, {"S": rows})
    elif form == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(path, table.schema) as out:
            out.write_table(table)
    return path


@pytest.mark.parametrize("form", ["csv", "csv.gz", "json", "xlsx", "parquet", "arrow"])
def test_rows_are_those_that_are_read(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form)
    table = own_columns(path)
    assert table is not None
    assert table.column_names == ["text", "n", "who"]
    assert [value or None for value in table["who"].to_pylist()] == ["x", "y", None]
    assert table.num_rows == len(read_inputs(path, modality="text")) == 3


def test_values_of_several_types_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1, "b": [1]}, {"a": "q", "b": {"c": 2}}]')
    table = own_columns(tmp_path / "a.json")
    assert table is not None
    assert table.to_pydict() == {"a": ["1", "q"], "b": ["[1]", '{"c": 2}']}


def test_numbers_of_sheets(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": row(1, "n", "x") + row(2, 3, 0.5)})
    table = own_columns(path)
    assert table is not None
    assert table.to_pydict() == {"n": [3], "x": [0.5]}


def test_partitions_are_columns(tmp_path: Path) -> None:
    table = pa.table({"text": ["p", "q", "r"], "who": ["a", "b", "a"]})
    pq.write_to_dataset(table, tmp_path, partition_cols=["who"])
    found = own_columns(tmp_path)
    assert found is not None
    assert dict(zip(found["text"].to_pylist(), found["who"].to_pylist(), strict=True)) == {
        "p": "a", "q": "b", "r": "a",
    }  # fmt: skip


def test_what_is_no_table(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)))
    for name in ("a.npz", "."):
        assert own_columns(tmp_path / name) is None


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"'a\.parquet' cannot be read: .* Fetch it again"):
        own_columns(tmp_path / "a.parquet")
    for name, values in (("k=a", ["x"]), ("k=b", [{"c": 1}])):
        (tmp_path / "parts" / name).mkdir(parents=True)
        pq.write_table(pa.table({"v": values}), tmp_path / "parts" / name / "0.parquet")
    with pytest.raises(SourceError, match=r"of one name and several types: .* one table at a time"):
        own_columns(tmp_path / "parts")
