"""Columns in other languages are told by what they hold; what was taken is said."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from topwork.errors import ColumnError
from topwork.examples.sources import read_examples, read_inputs

FRAGEN = [f"Wo finde ich die Karte Nummer {i}, bitte?" for i in range(12)]
ANTWORT = ["Karte", "Wetter", "Sonstiges"] * 4

Rows = dict[str, list[str]]


def table(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(rows)
        writer.writerows(zip(*rows.values(), strict=True))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_german_table(tmp_path: Path, suffix: str) -> None:
    rows = {"Nr": [str(i) for i in range(12)], "Frage": FRAGEN, "Klasse": ANTWORT}
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        table(path, rows)
    elif suffix == ".jsonl":
        lines = [
            dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)
        ]
        path.write_text("\n".join(map(json.dumps, lines)))
    else:
        pq.write_table(pa.table(rows), path)
    found = read_examples(path)
    assert {e.read() for e in found.examples} == set(FRAGEN)
    assert found.classes == ("Karte", "Sonstiges", "Wetter")
    assert (
        found.decided[0] == f"Columns of a{suffix}: input 'Frage', label 'Klasse'; not used: 'Nr'."
    )
    assert "taken by what they hold" in found.decided[1]
    assert len(read_inputs(path, modality="text")) == 12


def test_files_and_one_usual_name(tmp_path: Path) -> None:
    for i in range(12):
        Image.new("RGB", (4, 4), (i, i, i)).save(tmp_path / f"{i}.png")
    files = [f"{i}.png" for i in range(12)]
    found = read_examples(table(tmp_path / "a.csv", {"Bild": files, "Art": ANTWORT}))
    assert (found.modality, len(found.classes)) == ("image", 3)
    found = read_examples(table(tmp_path / "b.csv", {"file": files, "Art": ANTWORT}))
    assert (found.modality, len(found.classes)) == ("image", 3)
    found = read_examples(table(tmp_path / "c.csv", {"Bild": files, "label": ANTWORT}))
    assert (found.modality, len(found.classes)) == ("image", 3)
    found = read_examples(tmp_path / "a.csv", label_column="Art")
    assert len(found.classes) == 3


@pytest.mark.parametrize(
    "rows",
    [
        {"Frage": FRAGEN, "Antwort": FRAGEN[::-1], "Klasse": ANTWORT},  # two texts
        {"Frage": FRAGEN, "Klasse": ANTWORT, "Sprache": ["de", "en"] * 6},  # two labels
        {"Frage": FRAGEN, "Preis": [f"{i / 7:.2f}" for i in range(12)]},  # a quantity
        {"Frage": FRAGEN, "Klasse": ["x"] * 12},  # one value
        {"Nr": [str(i) for i in range(12)], "Klasse": ANTWORT},  # no text
        {"Frage": FRAGEN[:4], "Klasse": ["a", "b"] * 2},  # too few
    ],
)
def test_what_is_not_clear_is_refused(tmp_path: Path, rows: Rows) -> None:
    listed = ", ".join(map(repr, rows))
    with pytest.raises(ColumnError, match=rf"by a usual name .*columns: {listed}\. Say which"):
        read_examples(table(tmp_path / "a.csv", rows))


def test_a_column_that_was_named_and_is_not_there(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"Frage": FRAGEN, "Klasse": ANTWORT})
    with pytest.raises(ColumnError, match="no column 'Art' for the label"):
        read_examples(path, label_column="Art")


def test_columns_are_said_once_of_tables_that_are_alike(tmp_path: Path) -> None:
    names = ("train", "test", "validation", "dev")
    for number, name in enumerate(names):
        rows = {"text": [f"{one} {number}" for one in FRAGEN], "label": ANTWORT,
                "user": ["u", "v", "w"] * 4, "age": ["7"] * 12}  # fmt: skip
        table(tmp_path / f"{name}.csv", rows)
    (said,) = read_examples(tmp_path).decided
    assert said.startswith("Columns of ")
    assert said.endswith(
        " and 1 more: input 'text', label 'label', group 'user' (--group-column \"\" for none); "
        "not used: 'age'."
    )
    found = read_examples(tmp_path / "train.csv", group_column="")
    assert {e.group for e in found.examples} == {None}
    assert "not used: 'user', 'age'" in found.decided[0]


def test_texts_that_look_like_names_of_files(tmp_path: Path) -> None:
    names = [f"{('invoice', 'holiday')[i % 2]}_{i}.{('pdf', 'jpg')[i % 2]}" for i in range(12)]
    path = table(tmp_path / "a.csv", {"name": names, "label": ["work", "private"] * 6})
    found = read_examples(path, modality="text", input_column="name")
    assert (found.modality, found.examples[0].read()) == ("text", "invoice_0.pdf")
    Image.new("RGB", (4, 4)).save(tmp_path / "holiday_1.jpg")
    assert read_examples(path, modality="text", input_column="name").modality == "text"
    for i in range(12):
        (tmp_path / f"{i}.txt").write_text(f"text {i}")
    path = table(tmp_path / "b.csv", {"name": [f"{i}.txt" for i in range(12)], "label": ANTWORT})
    found = read_examples(path, modality="text", input_column="name")
    assert found.examples[0].read() == "text 0"
