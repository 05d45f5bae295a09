"""Parquet tables of every type of text and label, and of more than the memory holds."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from topwork.errors import SourceError
from topwork.examples import unfolding
from topwork.examples.sources import read_examples
from topwork.examples.tables import parquet_columns
from topwork.examples.tables.values import plain_text

TEXTS = [f"how is the café {i}?" for i in range(12)]
LABELS = ["x", "y"] * 6
UTF_8 = [text.encode() for text in TEXTS]


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=5)
    return path


@pytest.mark.parametrize(
    "texts",
    [
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS).dictionary_encode(),
        pa.array(TEXTS, pa.large_string()).dictionary_encode(),
        pa.array(UTF_8),
        pa.array(UTF_8, pa.large_binary()),
        pa.array(UTF_8, pa.binary_view()),
    ],
)
def test_texts(tmp_path: Path, texts: Any) -> None:
    found = read_examples(write(tmp_path / "a.parquet", text=texts, label=LABELS))
    assert [example.read() for example in found.examples] == TEXTS


DAYS = [datetime.date(2021, 5, 1 + i % 2) for i in range(12)]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([Decimal(i % 2) for i in range(12)]), ("0", "1")),
        (pa.array([Decimal("1.50"), Decimal("2.00")] * 6), ("1.5", "2")),
        (pa.array([b"x", b"y"] * 6), ("x", "y")),
        (pa.array(LABELS).dictionary_encode(), ("x", "y")),
        (pa.array([1, 2] * 6).dictionary_encode(), ("1", "2")),
        (pa.array(LABELS, pa.string_view()), ("x", "y")),
        (pa.array(DAYS), ("2021-05-01", "2021-05-02")),
        (pa.array(DAYS).cast(pa.timestamp("ns")), ("2021-05-01", "2021-05-02")),
        (pa.array([1, 2] * 6, pa.timestamp("ns")), None),
        (pa.array([1.0, 2.0] * 6, pa.float16()), ("1", "2")),
        (pa.array([True, False] * 6), ("false", "true")),
    ],
)
def test_labels(tmp_path: Path, labels: Any, classes: tuple[str, ...] | None) -> None:
    path = write(tmp_path / "a.parquet", text=TEXTS, label=labels, session=labels)
    found = read_examples(path)
    assert found.classes == (classes or ("1970-01-01",))
    assert {e.group for e in found.examples} == set(found.classes)


def test_labels_as_text() -> None:
    assert plain_text(np.datetime64("2021-05-01T00:00:00", "ns")) == "2021-05-01"
    assert plain_text(np.datetime64("2021-05-01T10:30")) == "2021-05-01 10:30:00"
    assert plain_text(np.datetime64("NaT")) is None
    assert plain_text(Decimal("NaN")) is None
    assert plain_text(datetime.time(10, 30)) == "10:30:00"
    with pytest.raises(TypeError, match="bytes that are not UTF-8"):
        plain_text(b"caf\xe9")


def invalid(*values: bytes) -> Any:
    """Strings that Arrow was told are UTF-8."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(binary), binary.buffers())


def test_what_is_not_utf_8_is_named_by_its_row(tmp_path: Path) -> None:
    bad = invalid(*UTF_8[:7], b"caf\xe9", *UTF_8[8:])
    path = write(tmp_path / "a.parquet", text=bad, label=LABELS)
    with pytest.raises(SourceError, match=r"column 'text' .* row 7 \(0xE9 at byte 3\)\. Write"):
        read_examples(path)
    path = write(tmp_path / "a.parquet", text=TEXTS, label=bad)
    with pytest.raises(SourceError, match=r"column 'label' .* row 7"):
        read_examples(path)
    nested = pa.ListArray.from_arrays(pa.array([0, *range(1, 13)], pa.int32()), bad)
    path = write(tmp_path / "a.parquet", text=TEXTS, label=nested)
    with pytest.raises(SourceError, match=r"holds text that is not UTF-8 \(0xE9"):
        read_examples(path)


def bombs() -> dict[str, dict[str, Any]]:
    num = 2**20
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(num, np.int32)), pa.array(["same"]))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(num, np.float32)), num // 2)
    long = pa.array(["x" * 2**22, "y" * 2**22])
    return {
        "many rows": {"text": one, "label": one},
        "long texts": {"text": long, "label": ["a", "b"]},
        "long arrays": {"x": lists, "label": ["a", "b"]},
    }


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_are_refused_before_they_unfold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table(bombs()[name]), path, compression="brotli", use_dictionary=name[0] == "m"
    )
    assert path.stat().st_size < 10_000
    for module in (parquet_columns, unfolding):
        monkeypatch.setattr(module, "available_bytes", lambda: 2_000_000)
    monkeypatch.setattr(parquet_columns, "read_values", None)  # nothing is read
    with pytest.raises(SourceError, match=r"rows unfold to .* bytes or more, and 2,000,000 are"):
        read_examples(path)


def test_one_value_in_many_cells_is_refused_as_it_unfolds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pa.array([b"RIFF\x00\x00\x00\x00WAVE" + bytes(50_000)] * 200)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"audio": data, "label": ["a", "b"] * 100}), path)
    for module in (parquet_columns, unfolding):
        monkeypatch.setattr(module, "available_bytes", lambda: 2_000_000)
    with pytest.raises(SourceError, match=r"2,000,000 are free. Cut it into several tables"):
        read_examples(path)


def test_equal_texts_are_kept_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", text=["same"] * 9 + ["other"], label=["a"] * 9 + ["b"])
    values = parquet_columns.read_values(path, ["text"], "", texts=["text"])["text"]
    assert len({id(value) for value in values[:5]}) == 1


@pytest.mark.parametrize("num_rows", [4, 40])
def test_one_value_in_many_cells_is_refused_though_there_is_room(
    tmp_path: Path, num_rows: int
) -> None:
    data = pa.array([b"RIFF\x00\x00\x00\x00WAVE" + bytes(2**23)])
    column = pa.DictionaryArray.from_arrays(np.zeros(num_rows, np.int32), data).cast(pa.binary())
    path = tmp_path / "a.parquet"
    table = pa.table({"audio": column, "label": ["a", "b"] * (num_rows // 2)})
    pq.write_table(table, path, compression="brotli")
    match = "at most 500 times as many" if num_rows == 40 else "has the same content"
    with pytest.raises(SourceError, match=match):
        read_examples(path)
