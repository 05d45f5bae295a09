"""`topwork embed`: features as a table."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from tests import small
from tests.cli.commands import good, run


def test_embed(digits: Path, tmp_path: Path) -> None:
    words = ("embed", digits, "--backbone", small.SMALL, "--out")
    first = good(*words, tmp_path / "a")
    table = pq.read_table(tmp_path / "a" / "features.parquet")
    assert table.num_rows == 30
    assert "30 rows" in first.stdout
    second = good(*words, tmp_path / "b", "--pools", "mean,max")
    assert "(0 computed, 30 found on disk)" in second.stdout
    wider = pq.read_table(tmp_path / "b" / "features.parquet")
    assert wider.num_columns > table.num_columns
    for name in table.column_names:
        assert wider[name].equals(table[name])
    refused = run(*words, tmp_path / "a")
    assert refused.exit_code == 2
    assert "is there already" in refused.stderr
    quiet = good(*words, tmp_path / "a", "--overwrite", "--quiet")
    assert quiet.output == ""
    as_json = good(*words, tmp_path / "a", "--overwrite", "--json")
    told = json.loads(as_json.stdout)
    assert (told["num_rows"], told["num_found"], as_json.stderr) == (30, 30, "")
    assert told["path"] == str(tmp_path / "a" / "features.parquet")
    assert run(*words, tmp_path / "c", "--pools", "median").exit_code == 2
