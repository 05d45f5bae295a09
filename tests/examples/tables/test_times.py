"""Times that are not of the files that a table names are found out."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tests import small
from topwork.errors import ColumnError
from topwork.examples.example import ExampleSet
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.sources import read_examples, read_inputs
from topwork.examples.tables.columns import ColumnNames

NUM = 20


def table(folder: Path, times: list[tuple[object, object]], names: str = "start,end") -> Path:
    """Write sounds of 1 s, and a table of their parts."""
    start, end = names.split(",")
    with (folder / "a.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", start, end, "label"])
        for i, (first, last) in enumerate(times):
            soundfile.write(folder / f"{i}.wav", small.tone(300, 1.0, seed=i), small.RATE_HZ)
            rows.writerow([f"{i}.wav", first, last, "ab"[i % 2]])
    return folder / "a.csv"


def parts(found: ExampleSet) -> set[tuple[float | None, float | None]]:
    read = [example.read() for example in found.examples]
    return {(one.start_seconds, one.end_seconds) for one in read if isinstance(one, SoundFile)}


def test_times_of_the_source(tmp_path: Path) -> None:
    path = table(tmp_path, [(0.7 + i, 1.7 + i) for i in range(NUM)])
    with pytest.raises(
        ColumnError,
        match=r"'start' and 'end': in 20 of 20 rows .*0\.wav lasts 1 s, .* to 1\.7 s\).*"
        r'--time-columns "" \(in Python: time_columns=""\).*--time-columns START,END',
    ):
        read_examples(path)
    found = read_examples(path, time_columns="")
    assert parts(found) == {(None, None)}
    assert len(found) == NUM
    assert "not used: 'start', 'end'" in found.decided[0]
    with pytest.raises(ColumnError, match="Rename or remove these columns"):
        read_inputs(path, modality="sound")
    assert len(read_inputs(path, modality="sound", earlier=ColumnNames(time_columns=""))) == NUM


def test_few_slips_are_a_remark(tmp_path: Path) -> None:
    path = table(tmp_path, [(0.5, 3.0 if i == 7 else 1.05) for i in range(NUM)])
    found = read_examples(path)
    assert len(found) == NUM
    (remark,) = found.remarks
    assert (
        "in 1 of 20 rows that were looked at, the part ends beyond its file (the first: 7.wav"
        in (remark)
    )
    assert "times 'start' and 'end' (--time-columns \"\" for none)" in found.decided[0]


def test_clocks_are_no_times_in_a_file(tmp_path: Path) -> None:
    clock = [(f"2021-05-01 10:{i:02}", f"2021-05-01 11:{i:02}") for i in range(NUM)]
    path = table(tmp_path, clock, "start_time,end_time")
    found = read_examples(path)
    assert parts(found) == {(None, None)}
    assert any(
        "'start_time' holds no times in seconds (the first: '2021-05-01 10:00')" in one
        and "were not used" in one
        for one in found.decided
    )
    with pytest.raises(ColumnError, match="accepted: seconds from the beginning"):
        read_examples(path, time_columns="start_time,end_time")


def test_clocks_of_parts_of_one_file_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [(f"0:00:{i:02}", "") for i in range(NUM)])
    text = path.read_text()
    for i in range(NUM):
        text = text.replace(f"\n{i}.wav", "\n0.wav")
    path.write_text(text)
    with pytest.raises(ColumnError, match=r"no times in seconds \(the first: '0:00:00'\)"):
        read_examples(path)


def test_columns_that_the_user_names(tmp_path: Path) -> None:
    path = table(tmp_path, [(0.1, 0.5)] * NUM, "von,bis")
    assert parts(read_examples(path)) == {(None, None)}
    assert parts(read_examples(path, time_columns="VON, bis")) == {(0.1, 0.5)}
    assert parts(read_examples(path, time_columns="von")) == {(0.1, None)}
    with pytest.raises(ColumnError, match=r"no column 'to' for the time.*--time-columns"):
        read_examples(path, time_columns="von,to")
    with pytest.raises(ColumnError, match="accepted: the columns of start and end"):
        read_examples(path, time_columns="von,bis,to")
    path = table(tmp_path, [(0.1, 0.5)] * NUM, "von,duration")
    assert parts(read_examples(path, time_columns="von,duration")) == {(0.1, 0.6)}
    assert len(read_inputs(path, modality="sound", earlier=ColumnNames(time_columns="a,b"))) == NUM


def test_sounds_in_parquet(tmp_path: Path) -> None:
    table(tmp_path, [(0, 1)] * NUM)
    data = [(tmp_path / f"{i}.wav").read_bytes() for i in range(NUM)]
    columns = {"audio": data, "label": ["a", "b"] * 10, "start": np.arange(NUM) + 0.5}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ColumnError, match="in 19 of 20 rows"):
        read_examples(tmp_path / "a.parquet")
    found = read_examples(tmp_path / "a.parquet", time_columns="")
    assert parts(found) == {(None, None)}
    columns["start"] = pa.array([1] * NUM, pa.timestamp("s"))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert parts(read_examples(tmp_path / "a.parquet")) == {(None, None)}
