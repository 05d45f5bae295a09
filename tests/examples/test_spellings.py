"""One label in several spellings is one class, from every door."""

import json
from pathlib import Path

import pytest

from topwork.examples.objects import examples_from
from topwork.examples.sources import read_examples
from topwork.examples.spellings import known_as, one_spelling


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        ({"3.0", "4.0"}, {"3.0": "3", "4.0": "4"}),
        ({"3", "4.0", "-1.00", "0.0"}, {"4.0": "4", "-1.00": "-1", "0.0": "0"}),
        ({"007", "8.0"}, {}),
        ({"1.0", "1.5"}, {}),
        ({"1.10", "1.1", "1.0"}, {}),
        ({"1.0", "1.5", "1"}, {"1.0": "1"}),
        ({"3.0", "many"}, {}),
        ({"True", "false", "TRUE"}, {"True": "true", "TRUE": "true"}),
        ({"True", "mixed"}, {}),
        ({"True", "true", "mixed"}, {"True": "true"}),
        (set(), {}),
    ],
)
def test_what_changes(labels: set[str], changes: dict[str, str]) -> None:
    assert one_spelling(labels) == changes


def test_a_known_class_in_another_spelling() -> None:
    assert known_as("3.0", ["3", "4"]) == "3"
    assert known_as("3", ["3.0", "3.5"]) == "3.0"
    assert known_as("true", ["True", "Mixed"]) == "True"
    assert known_as("3.0", ["3", "3.0"]) == "3.0"
    assert known_as("five", ["3", "4"]) == "five"


def rows(*labels: str) -> str:
    return "text,label,user\n" + "".join(f"text {i},{one},{one}\n" for i, one in enumerate(labels))


def test_a_column_that_pandas_wrote(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows("3.0", "", "4.0"))
    found = read_examples(tmp_path / "a.csv")
    assert [(e.label, e.group) for e in found.examples] == [("3", "3"), ("4", "4")]
    assert "The label '3.0' is read as '3' (and 1 more so)." in found.decided


def test_two_tables_of_one_set(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(rows("3", "4"))
    lines = [{"text": "new", "label": 3.0}, {"text": "newer", "label": "4.0"}]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = read_examples(tmp_path)
    assert found.classes == ("3", "4")
    assert {e.label for e in found.of_split("test")} == {"3", "4"}


def test_labels_in_memory() -> None:
    found = examples_from(["a", "b", "c"], ["3.0", 3, 4.0])
    assert [e.label for e in found.examples] == ["3", "3", "4"]
    assert found.decided == ("The label '3.0' is read as '3'.",)
    assert examples_from(["a", "b"], ["3", 4.0]).decided == ()
