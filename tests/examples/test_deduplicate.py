"""A class that loses all its examples is an error that names it and why."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from topwork.errors import TooFewError
from topwork.examples.deduplicate import clean_text
from topwork.examples.objects import examples_from
from topwork.examples.sources import read_examples


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label", "split")[: len(rows[0])], *rows])
    return path


def test_to_conflicts(tmp_path: Path) -> None:
    rows = [("one", "a"), ("two", "b"), ("three", "a"), ("four", "b"), ("one", "c"), ("two", "c")]
    match = (
        r"1 of the classes: 'c' \(.*4.*: labelled 'c', but .*0.* is labelled 'a'.*take the class"
    )
    with pytest.raises(TooFewError, match=match):
        read_examples(table(tmp_path / "a.csv", *rows))
    with pytest.raises(TooFewError, match=match):
        examples_from(*zip(*rows, strict=True))
    assert len(read_examples(table(tmp_path / "a.csv", *rows, ("five", "c")))) == 3


def test_to_the_test_part(tmp_path: Path) -> None:
    rows = [("one", "a", "train"), ("two", "b", "train"), ("two", "b", "test")]
    with pytest.raises(TooFewError, match=r"'b' \(a\.csv\[1\]: the same content as a\.csv\[2\]"):
        read_examples(table(tmp_path / "a.csv", *rows))
    rows.append(("three", "b", "train"))
    assert len(read_examples(table(tmp_path / "a.csv", *rows))) == 3


def test_to_rows_that_cannot_be_used(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    path = tmp_path / "a.csv"
    path.write_text("file,label\n1.png,a\n2.png,b\n")
    with pytest.raises(TooFewError, match=r"'b' \(2\.png: there is no such file\)"):
        read_examples(path)
    with pytest.raises(TooFewError, match=r"'b' \(a\.csv\[1\]: the text is empty\)"):
        read_examples(table(path, ("one", "a"), ("", "b")))
    found = read_examples(table(path, ("one", "a", "train"), ("", "b", "test")))
    assert found.classes == ("a",)


def test_to_files_that_are_empty(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "2.png")
    with pytest.raises(TooFewError, match=r"'b' \(b/1\.png: the file is empty"):
        read_examples(tmp_path)
    Image.new("RGB", (4, 4), "red").save(tmp_path / "b" / "2.png")
    assert read_examples(tmp_path).classes == ("a", "b")


def test_a_letter_with_thousands_of_marks_is_left_as_it_is():
    """Composing puts them in order one by one: two hundred thousand would take minutes."""
    text = "e\u0301" + "a" + "\u0315\u0300" * 100_000
    assert clean_text(text) == text
    assert clean_text("e\u0301" * 600) == "\u00e9" * 600
