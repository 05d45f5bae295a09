"""Arrow files of both forms; what is damaged is refused, and never read as addresses."""

from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from topwork.errors import SourceError, TopworkError
from topwork.examples.sources import read_examples

TEXTS = [f"a text {i}" for i in range(70)]


def table() -> pa.Table:
    return pa.table({"text": TEXTS, "label": pa.array(["x", "y"] * 35).dictionary_encode()})


def write(path: Path, rows: pa.Table, *, stream: bool) -> Path:
    made = pa.ipc.new_stream if stream else pa.ipc.new_file
    with made(path, rows.schema) as out:
        out.write_table(rows, max_chunksize=9)
    return path


@pytest.mark.parametrize("stream", [True, False])
def test_both_forms(tmp_path: Path, stream: bool) -> None:
    found = read_examples(write(tmp_path / "a.arrow", table(), stream=stream))
    assert [one.read() for one in found.examples] == TEXTS
    assert found.examples[66].name == "a.arrow[66]"


def test_feather(tmp_path: Path) -> None:
    pa.feather.write_feather(table(), tmp_path / "a.arrow", compression="zstd")
    assert len(read_examples(tmp_path / "a.arrow")) == 70


def test_arrays_and_names_of_classes(tmp_path: Path) -> None:
    grids = np.arange(70 * 6.0).reshape(70, 6)
    about = b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}'
    rows = pa.table({"x": list(grids), "label": [0, 1] * 35})
    rows = rows.replace_schema_metadata({b"huggingface": about})
    found = read_examples(write(tmp_path / "a.arrow", rows, stream=True))
    assert (found.modality, found.classes) == ("array", ("cat", "dog"))
    np.testing.assert_array_equal(found.examples[68].read(), grids[68])


def test_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arrow", table(), stream=True)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"'a\.arrow' cannot be read as an Arrow file.*save it"):
        read_examples(path)
    rng, refused = Random(0), 0
    for _ in range(150):
        mutant = bytearray(data)
        for _ in range(3):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        path.write_bytes(mutant)
        try:
            read_examples(path)
        except TopworkError:
            refused += 1
    assert refused > 20


def test_rows_without_an_end(tmp_path: Path) -> None:
    rows = pa.table({"text": pa.nulls(2**21), "label": pa.nulls(2**21)})
    with pa.ipc.new_stream(tmp_path / "a.arrow", rows.schema) as out:
        out.write_table(rows)
    with pytest.raises(SourceError, match=r"'a\.arrow': its 2,097,152 rows unfold to"):
        read_examples(tmp_path / "a.arrow")
