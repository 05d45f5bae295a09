"""Groups of a folder's files come from a table of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from topwork.errors import ColumnError, DataError, SettingError, SourceError
from topwork.examples.example import ExampleSet
from topwork.examples.sources import read_examples

FILES = ("cat/001.txt", "cat/002.txt", "dog/001.txt", "dog/003.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"a text of {name}")
    return tmp_path / "data"


def read(folder: Path, *lines: str, name: str = "patients.csv") -> ExampleSet:
    table = folder.parent / name
    table.write_text("\n".join(lines))
    return read_examples(folder, groups=table)


def groups(found: ExampleSet) -> dict[str, str | None]:
    return {example.name: example.group for example in found.examples}


@pytest.mark.parametrize(
    "spelt",
    [
        lambda name: name,
        lambda name: f"data/{name}",
        lambda name: f"/elsewhere/data/{name}",
        lambda name: name.replace("/", "\\"),
        lambda name: name.removesuffix(".txt"),
    ],
)
def test_every_way_to_name_a_file(folder: Path, spelt: object) -> None:
    lines = [f"{spelt(name)},p{i}" for i, name in enumerate(FILES)]  # type: ignore[operator]
    found = read(folder, "file,patient", *lines)
    assert groups(found) == {name: f"p{i}" for i, name in enumerate(FILES)}
    assert found.decided == (
        "Groups of patients.csv: 4 (column 'patient') of 4 of 4 files (column 'file').",
    )
    assert found.remarks == ()


def test_names_alone_where_they_are_clear(folder: Path) -> None:
    found = read(folder, "Subject;Bild", "7;002.txt", "8;003", "9;001.txt", "9;004.txt")
    assert groups(found) == {
        "cat/001.txt": None, "cat/002.txt": "7", "dog/001.txt": None, "dog/003.txt": "8",
    }  # fmt: skip
    missing, unmatched = found.remarks
    assert "2 of 4 files have no group" in missing
    assert "cat/001.txt" in missing
    assert "2 rows of patients.csv fit no file, or several (the first: 001.txt)" in unmatched


def test_none_fits(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"none of the 4 files.*'x\.txt'"):
        read(folder, "file,patient", "x.txt,1")


def test_two_groups_of_one_file(folder: Path) -> None:
    with pytest.raises(DataError, match=r"'cat/002\.txt' two groups, '1' and '2'"):
        read(folder, "file,patient", "002.txt,1", "cat/002.txt,2")


def test_no_such_columns(folder: Path) -> None:
    with pytest.raises(ColumnError, match="Its columns: 'a', 'b'"):
        read(folder, "a,b", "1,2")


def test_no_such_table(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"no file; accepted: \.csv"):
        read_examples(folder, groups=folder / "none.csv")
    with pytest.raises(SourceError, match="no table of a known form"):
        read(folder, "file,patient", name="patients.ods")


def test_a_table_has_a_column_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na b,x\nc d,y\n")
    with pytest.raises(SettingError, match="--group-column"):
        read_examples(tmp_path / "t.csv", groups=tmp_path / "p.csv")


def test_a_list_is_no_group(folder: Path) -> None:
    row = '{"file": "cat/001.txt", "group": ["a"]}'
    with pytest.raises(DataError, match=r"'groups.jsonl': a file or group is a list; .* Correct"):
        read(folder, row, name="groups.jsonl")
