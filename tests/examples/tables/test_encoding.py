"""Tables in encodings other than UTF-8 are read, and said; what is damaged is named by its line."""

import json
from pathlib import Path

import pytest

from topwork.errors import SourceError
from topwork.examples.sources import read_examples

TEXTS = ["café au lait", "über uns", "naïve Größe", "plain"]


def table(texts: list[str]) -> str:
    return "text;label\n" + "".join(f"{text};{'ab'[i % 2]}\n" for i, text in enumerate(texts))


@pytest.mark.parametrize(
    ("encoding", "spoken"),
    [("cp1252", "Windows-1252"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"),
     ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32")],
)  # fmt: skip
def test_other_encodings(tmp_path: Path, encoding: str, spoken: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table(TEXTS).encode(encoding))
    found = read_examples(path)
    assert [e.read() for e in found.examples] == TEXTS
    assert f"The table 'a.csv' is not UTF-8; it was read as {spoken}." in found.decided


def test_tabs_and_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(table(TEXTS).replace(";", "\t").encode("cp1252"))
    rows = [json.dumps({"text": t, "label": "x"}, ensure_ascii=False) for t in TEXTS]
    (tmp_path / "a.jsonl").write_bytes("\n".join(rows).encode("utf-16"))
    for name in ("a.tsv", "a.jsonl"):
        assert [e.read() for e in read_examples(tmp_path / name).examples] == TEXTS


def test_utf_8_is_not_worth_a_word(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.csv").write_bytes(table(TEXTS).encode(encoding))
        found = read_examples(tmp_path / "a.csv")
        assert [e.read() for e in found.examples] == TEXTS
        assert not [one for one in found.decided if "UTF-8" in one]


def test_a_bad_byte_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table(TEXTS).encode().replace(b"plain", b"pl\xe4in"))
    with pytest.raises(SourceError, match=r"'a\.csv', line 5: the byte 0xE4 .*Correct the letter"):
        read_examples(path)
    path.write_bytes(table(["plain", "pla\xff\xffin"]).encode("latin-1"))
    with pytest.raises(SourceError, match="line 3: the byte 0xFF"):
        read_examples(path)
    path.write_bytes(table(["\x81\x8d", "b"]).encode("latin-1"))
    with pytest.raises(SourceError, match="line 2: the byte 0x81"):
        read_examples(path)


def test_a_mark_that_lies(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table(TEXTS).encode("utf-16") + b"\x00\xd8")
    with pytest.raises(SourceError, match=r"is not UTF-16 as it claims: .* Save it as UTF-8"):
        read_examples(tmp_path / "a.csv")
