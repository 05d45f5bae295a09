"""Predictions as columns: the table's own are kept, and no name is taken twice."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from topwork.errors import SettingError, StoreError
from topwork.model.predictions import Prediction
from topwork.model.scored_table import check_out, scored_table, write_table

PREDICTIONS = [
    Prediction(name="a", label="cat", probability=0.123456789, probabilities={}, unknown=True),
    Prediction(name="b", label=None, probability=0.0, probabilities={}, error="it is broken"),
]
OWN = pa.table({"id": [7, 8], "text": ["=1+1", 'say "x",\nplease'], "none": [None, None]})


def test_own_columns_come_first() -> None:
    table, said = scored_table(PREDICTIONS, OWN)
    assert said == []
    assert table.to_pylist()[1] == {
        "id": 8, "text": 'say "x",\nplease', "none": None, "label": None, "probability": None,
        "unknown": None, "error": "it is broken",
    }  # fmt: skip
    first = table.to_pylist()[0]
    assert (first["label"], first["probability"], first["unknown"]) == ("cat", 0.123457, True)


def test_without_a_table() -> None:
    table, _ = scored_table(PREDICTIONS, None)
    assert table.column_names == ["file", "label", "probability", "unknown", "error"]
    assert table["file"].to_pylist() == ["a", "b"]


def test_names_that_are_taken() -> None:
    own = pa.table({"Label": ["x", "y"], "error": [1, 2], "predicted_error": [1, 2]})
    table, said = scored_table(PREDICTIONS, own)
    assert table.column_names[3:] == [
        "predicted_label", "probability", "unknown", "predicted_error_2",
    ]  # fmt: skip
    assert len(said) == 2
    assert said[0] == "The table has a column 'label' already: what is predicted is in " + (
        "'predicted_label'."
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_delimited(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    table, _ = scored_table(PREDICTIONS, OWN)
    assert write_table(table, path, cell=lambda text: f"<{text}>") == []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t" if suffix == ".tsv" else ","))
    assert rows[0] == [f"<{name}>" for name in table.column_names]
    assert rows[1] == ["7", "<=1+1>", "", "<cat>", "0.123457", "yes", ""]
    assert rows[2] == ["8", '<say "x",\nplease>', "", "", "", "", "<it is broken>"]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_json_lines_and_parquet(tmp_path: Path) -> None:
    own: Any = OWN.append_column("day", pa.array([datetime.date(2021, 5, 1)] * 2))
    own = own.append_column("tags", pa.array([["a"], []]))
    own = own.append_column("image", pa.array([{"bytes": b"x"}, None]))
    table, _ = scored_table(PREDICTIONS, own)
    (said,) = write_table(table, tmp_path / "out.jsonl")
    assert said == "Not written, for a .jsonl cannot hold it: 'image'. A .parquet can."
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[0]["day"] == "2021-05-01"
    assert rows[0]["tags"] == ["a"]
    assert rows[1]["error"] == "it is broken"
    assert "'tags', 'image'. A .parquet can" in write_table(table, tmp_path / "out.csv")[0]
    assert write_table(table, tmp_path / "out.parquet") == []
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_where_it_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"out\.xlsx'; accepted: .*\.csv, \.tsv, \.jsonl"):
        check_out(tmp_path / "out.xlsx", overwrite=False)
    (tmp_path / "out.csv").write_text("")
    with pytest.raises(SettingError, match=r"is there already\. .* --overwrite"):
        check_out(tmp_path / "out.csv", overwrite=False)
    check_out(tmp_path / "out.csv", overwrite=True)
    with pytest.raises(StoreError, match="Nothing can be written"):
        check_out(tmp_path / "out.csv" / "a.csv", overwrite=False)
