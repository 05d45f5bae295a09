"""Sheets of Excel: read as their CSV would be; what they unfold to is known before."""

from pathlib import Path

import pytest

from tests.examples.tables.sheets import row, write_workbook
from topwork.errors import ExtraError, SourceError
from topwork.examples.inputs import read_inputs
from topwork.examples.sources import read_examples
from topwork.examples.tables.sheet_size import check_sheet_size

ROWS = row(1, "text", "label", "n") + "".join(
    row(i, f"a text {i}", i % 2, 0.5 * i) for i in range(2, 10)
)


def test_the_first_sheet_is_read(tmp_path: Path) -> None:
    found = read_examples(write_workbook(tmp_path / "a.xlsx", {"Data": ROWS, "Notes": ""}))
    assert [one.read() for one in found.examples] == [f"a text {i}" for i in range(2, 10)]
    assert found.classes == ("0", "1")  # numbers have no point
    assert found.examples[3].name == "a.xlsx[3]"
    columns, sheet = found.decided
    assert "input 'text', label 'label'; not used: 'n'" in columns
    assert "Of the 2 sheets of 'a.xlsx', the first was read ('Data')" in sheet


def test_cells_are_what_a_csv_would_hold(tmp_path: Path) -> None:
    rows = row(2, None, "label", "text") + row(3) + row(4, None, True, 42) + row(5, None, "b", None)
    (one, skipped) = read_inputs(
        write_workbook(tmp_path / "a.xlsx", {"Data": rows}), modality="text"
    )
    assert (one.name, one.read()) == ("a.xlsx[0]", "42")  # blank rows and columns do not count
    with pytest.raises(ValueError, match="the text is empty"):
        skipped.read()


def test_shared_texts(tmp_path: Path) -> None:
    cells = '<c r="A{0}" t="s"><v>{1}</v></c><c r="B{0}" t="s"><v>{2}</v></c>'
    places = [(0, 1), (2, 4), (3, 5), (2, 4)]
    rows = "".join(f'<row r="{i}">{cells.format(i, *p)}</row>' for i, p in enumerate(places, 1))
    texts = ["text", "label", "a < b", "c & d", "x", "y"]
    found = read_examples(write_workbook(tmp_path / "a.xlsx", {"S": rows}, texts))
    assert [one.read() for one in found.examples] == ["a < b", "c & d"]
    assert found.num_duplicates == 1


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        (row(1, "text", "label") + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', ()),
        # references may be spelt in XML's ways, or left out
        ('<row r="1"><c><v>1</v></c></row><row r="1048575"/><row><c r="&#88;FD"><v>1</v></c></row>',
         ()),
        ('<row r="1">' + '<c t="s"><v>0</v></c>' * 15_000 + "</row>", ["text " * 6_000]),
    ],
)  # fmt: skip
def test_sheets_that_unfold(tmp_path: Path, rows: str, texts: tuple[str, ...]) -> None:
    path = write_workbook(tmp_path / "a.xlsx", {"S": rows}, texts)
    with pytest.raises(SourceError, match=r"'a\.xlsx' unfolds to .* Save the cells .* as CSV"):
        read_examples(path)


def test_a_large_sheet_is_none_of_these(tmp_path: Path) -> None:
    rows = "".join(row(i, f"a text {i}", i % 2) for i in range(1, 20_000))
    check_sheet_size(write_workbook(tmp_path / "a.xlsx", {"S": rows}), "The table 'a.xlsx'")


def test_damaged_sheets(tmp_path: Path) -> None:
    data = write_workbook(tmp_path / "a.xlsx", {"Data": ROWS}).read_bytes()
    for broken in (data[: len(data) // 2], b"text,label\n", b"\xd0\xcf\x11\xe0" + bytes(600)):
        (tmp_path / "b.xlsx").write_bytes(broken)
        with pytest.raises(SourceError, match=r"'b\.xlsx' cannot be read .* save it again, as CSV"):
            read_examples(tmp_path / "b.xlsx")


def test_without_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topwork.core.extras.find_spec", lambda name: None)
    path = write_workbook(tmp_path / "a.xlsx", {"Data": ROWS})
    with pytest.raises(ExtraError, match=r"sheet of Excel.*pip install \"topwork\[excel\]\""):
        read_examples(path)
