"""JSON as a whole, in each of its usual forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from topwork.errors import SourceError
from topwork.examples.sources import read_examples

TEXTS = [f"a text {i}" for i in range(6)]
LABELS = ["x", "y"] * 3
RECORDS: list[dict[str, Any]] = [
    {"text": a, "label": b} for a, b in zip(TEXTS, LABELS, strict=True)
]


def read(folder: Path, value: object) -> list[tuple[object, str | None]]:
    path = folder / "a.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return [(one.read(), one.label) for one in read_examples(path).examples]


@pytest.mark.parametrize(
    "value",
    [
        RECORDS,
        {"data": RECORDS},
        {"text": TEXTS, "label": LABELS},
        {
            "text": {str(i): text for i, text in enumerate(TEXTS)},
            "label": {str(i): LABELS[i] for i in reversed(range(6))},
        },
        "\n".join(map(json.dumps, RECORDS)),
    ],
)
def test_forms(tmp_path: Path, value: object) -> None:
    assert read(tmp_path, value) == list(zip(TEXTS, LABELS, strict=True))


def test_names_may_be_missing_in_some_rows(tmp_path: Path) -> None:
    assert len(read(tmp_path, [{"text": "q"}, *RECORDS])) == 6


def test_lines_in_a_json_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\n".join(map(json.dumps, RECORDS)))
    assert "'a.json' was read as JSON lines" in read_examples(tmp_path / "a.json").decided[1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[\n{,}]", r"'a\.json', line 2: not JSON"),
        ("[" * 100_000, r"line 1: not JSON"),
        ([RECORDS[0], 3], r"but its item 1 is a int\. Accepted: a list of objects"),
        ("3", r"it is one int.*df\.to_json\(path, orient='records'\)"),
        ({"text": TEXTS, "label": LABELS[1:]}, r"differ in length \('text': 6, 'label': 5\)"),
        ({"text": TEXTS, "version": 2}, r"its value 'version' is a int"),
        ({"text": {"0": "q"}, "label": {"1": "x"}}, r"its columns have other rows, first 'label'"),
    ],
)
def test_what_it_refuses(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(tmp_path, value)
