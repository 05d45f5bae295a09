"""What stands before the header of a table is passed over, and never the header."""

from pathlib import Path

import pytest

from topwork.errors import SourceError
from topwork.examples.sources import read_examples

ROWS = "hello;a\nthere, you;b\n"


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("text;label\n", ""),
        ("sep=;\ntext;label\n", ""),
        ("\ufeffsep=;\r\n\r\ntext;label\r\n", ""),
        ('"sep=;"\ntext;label\n', ""),
        ("\n\n  \n;\ntext;label\n", ""),
        ("\ufeff\ntext;label\n", ""),
        ("# exported 2024\ntext;label\n", "1 comment was passed over: '# exported 2024'"),
        ("# a, b, c\n\n# d\ntext;label\n", "2 comments were passed over: '# a, b, c'"),
        ("#text;label\n", ""),
        ("# of the shop\n#text;label\n", "1 comment was passed over: '# of the shop'"),
    ],
)
def test_starts(tmp_path: Path, start: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((start + ROWS).encode())
    found = read_examples(path)
    assert [(e.read(), e.label) for e in found.examples] == [("hello", "a"), ("there, you", "b")]
    comments = [one for one in found.decided if "comment" in one]
    assert comments == ([f"Before the header of 'a.csv', {said}."] if said else [])


def test_a_column_of_numbers_called_by_a_sign(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("#;text;label\n1;hello;a\n2;there;b\n")
    assert [e.read() for e in read_examples(tmp_path / "a.csv").examples] == ["hello", "there"]


def test_other_separators_and_tabs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=|\ntext|label\na, b; c|x\nd|y\n")
    assert read_examples(tmp_path / "a.csv").examples[0].read() == "a, b; c"
    (tmp_path / "a.tsv").write_text('# made by hand\ntext\tlabel\n"so" he\tx\nd\ty\n')
    found = read_examples(tmp_path / "a.tsv")
    assert found.examples[0].read() == '"so" he'
    assert len([one for one in found.decided if "made by hand" in one]) == 1


def test_lines_are_counted_from_the_files_first(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sep=,\n# x\n\ntext,label\na,b\na,b,c\n")
    with pytest.raises(SourceError, match="line 6: 3 fields"):
        read_examples(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text('# x\ntext,label\na,"b\n')
    with pytest.raises(SourceError, match="line 3: unexpected end"):
        read_examples(tmp_path / "a.csv")


def test_a_text_that_begins_with_a_sign_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\n#monday,a\nfine,b\n")
    assert read_examples(tmp_path / "a.csv").examples[0].read() == "#monday"
