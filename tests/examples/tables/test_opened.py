"""Gzipped tables are read as what is in them, as far as that is bounded."""

import gzip
from pathlib import Path

import pytest

from topwork.errors import SourceError
from topwork.examples import unfolding
from topwork.examples.sources import read_examples
from topwork.examples.tables import opened

ROWS = [(f"a text {i}", "xy"[i % 2]) for i in range(8)]
FORMS = {
    "csv": "text,label\n" + "".join(f"{a},{b}\n" for a, b in ROWS),
    "tsv": "text\tlabel\n" + "".join(f"{a}\t{b}\n" for a, b in ROWS),
    "jsonl": "".join(f'{{"text": "{a}", "label": "{b}"}}\n' for a, b in ROWS),
    "ndjson": "".join(f'{{"text": "{a}", "label": "{b}"}}\n' for a, b in ROWS),
    "json": "[" + ",".join(f'{{"text": "{a}", "label": "{b}"}}' for a, b in ROWS) + "]",
}


@pytest.mark.parametrize("form", FORMS)
def test_gzipped_tables(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"A.{form.upper()}.gz"
    path.write_bytes(gzip.compress(FORMS[form].encode()))
    found = read_examples(path)
    assert [(one.read(), one.label) for one in found.examples] == ROWS
    assert found.examples[3].name == f"{path.name}[3]"


def test_other_encodings_within(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(FORMS["csv"].replace("a text", "café").encode("cp1252")))
    found = read_examples(path)
    assert found.examples[0].read() == "café 0"
    assert "The table 'a.csv.gz' is not UTF-8; it was read as Windows-1252." in found.decided


def test_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\nq,x\nq,x,y\n"))
    with pytest.raises(SourceError, match=r"'a\.csv\.gz', line 3: 3 fields"):
        read_examples(path)


@pytest.mark.parametrize("damage", ["cut", "altered", "other"])
def test_damaged_archives(tmp_path: Path, damage: str) -> None:
    data = gzip.compress(FORMS["csv"].encode())
    broken = {
        "cut": data[:-9],
        "altered": data[:30] + b"\0\0\0" + data[33:],
        "other": b"text,label",
    }
    path = tmp_path / "a.csv.gz"
    path.write_bytes(broken[damage])
    with pytest.raises(SourceError, match=r"'a\.csv\.gz' cannot be unzipped: .* fetch it again"):
        read_examples(path)


def test_archives_that_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "SMALL_BYTES", 2**20)
    monkeypatch.setattr(opened, "_CHECKED_BYTES", 2**18)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"q,x\n" * 2**20))
    with pytest.raises(SourceError, match=r"'a\.csv\.gz' unfolds to [1-3],.* at most 500 times"):
        read_examples(path)
