"""A label is a name, of a length that names have."""

from pathlib import Path

import pytest

from topwork.examples.sources import read_examples
from topwork.examples.tables.values import MAX_LABEL, plain_text


def test_a_text_is_no_label() -> None:
    assert plain_text("é" * MAX_LABEL) == "é" * MAX_LABEL
    with pytest.raises(TypeError, match=r"has 1,001 characters \('12121.*a name of at most 1,000"):
        plain_text("12" * 500 + "1")


def test_its_row_is_named(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    digits = "1" * 5_000  # more than Python makes a number of
    table.write_text(f"text,label\none,1\ntwo,2\nthree,{digits}\n")
    found = read_examples(table)
    assert found.classes == ("1", "2")
    assert [(one.name, one.reason[:30]) for one in found.skipped] == [
        ("a.csv[2]", "its label has 5,000 characters")
    ]
