"""Texts in CSV, TSV and JSON lines; and which column is the input."""

import contextlib
import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topwork.errors import ColumnError, ModalityError, SourceError
from topwork.examples.contents import text_digest
from topwork.examples.sources import read_examples, read_inputs


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def jsonl(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def texts(found):
    return [(e.name, e.read(), e.label) for e in found.examples]


class TestTexts:
    def test_csv(self, tmp_path):
        long = "word " * 200_000
        rows = [
            {"text": "hello, you", "category": "a", "user": "u1"},
            {"text": "\U0001f600\U0001f3fd \u4f60\u597d", "category": "b", "user": ""},
            {"text": "", "category": "a", "user": ""},
            {"text": " \u3000\n", "category": "a", "user": ""},
            {"text": "unlabelled", "category": "", "user": ""},
            {"text": long, "category": "b", "user": ""},
            {"text": "cat.png", "category": "b", "user": ""},
        ]
        limit = csv.field_size_limit()
        found = read_examples(table(tmp_path / "train.csv", rows))
        assert csv.field_size_limit() == limit
        assert found.modality == "text"
        assert texts(found) == [
            ("train.csv[0]", "hello, you", "a"),
            ("train.csv[1]", rows[1]["text"], "b"),
            ("train.csv[5]", long, "b"),
            ("train.csv[6]", "cat.png", "b"),
        ]
        assert found.examples[0].group == "u1"
        assert found.examples[0].digest == text_digest("hello, you")
        assert [(s.name, s.reason) for s in found.skipped] == [
            ("train.csv[2]", "the text is empty"),
            ("train.csv[3]", "the text is empty"),
            ("train.csv[4]", "no label"),
        ]

    def test_tsv_without_quoting(self, tmp_path):
        path = tmp_path / "a.tsv"
        path.write_text('text\tlabel\n"so" he said\tx\n"never closed\ty\n')
        assert [e.read() for e in read_examples(path).examples] == [
            '"so" he said', '"never closed'
        ]  # fmt: skip
        path.write_text('text\tlabel\n"two\nlines"\tx\n')
        assert [e.read() for e in read_examples(path).examples] == ["two\nlines"]
        path.write_text('text\tlabel\n"so" x\ty\tz\n')
        with pytest.raises(SourceError, match="line 2: '\t' expected after"):
            read_examples(path)

    def test_jsonl(self, tmp_path):
        rows = [
            {"label": 1, "text": "half \ud83d"},
            {"label": 2, "text": 404},
            {"text": None, "label": 1},
            {"label": 1},
            {"label": 2, "text": "ok", "extra": {"deep": [1]}},
        ]
        found = read_examples(jsonl(tmp_path / "a.jsonl", rows))
        assert texts(found) == [("a.jsonl[0]", "half \ud83d", "1"), ("a.jsonl[4]", "ok", "2")]
        assert [s.reason for s in found.skipped] == [
            "its text is 404, not text", "the text is empty", "the text is empty"
        ]  # fmt: skip

    def test_repeats_and_conflicts(self, tmp_path):
        rows = [{"text": t, "label": y} for t, y in ("xa", "ya", "xa", "za", "zb", "wb")]
        found = read_examples(table(tmp_path / "a.csv", rows))
        assert texts(found) == [
            ("a.csv[0]", "x", "a"), ("a.csv[1]", "y", "a"), ("a.csv[5]", "w", "b")
        ]  # fmt: skip
        assert found.num_duplicates == 1
        assert [s.name for s in found.skipped] == ["a.csv[3]", "a.csv[4]"]
        assert "but a.csv[4] has the same content" in found.skipped[0].reason

    def test_a_folder_of_tables(self, tmp_path):
        for name, text in (("train", "a"), ("test", "b"), ("valid", "c"), ("notes", "d")):
            table(tmp_path / f"{name}.csv", [{"text": text, "label": "x"}])
        found = read_examples(tmp_path)
        assert [(e.name, e.split) for e in found.examples] == [
            ("test.csv[0]", "test"), ("train.csv[0]", "train"), ("valid.csv[0]", "validation")
        ]  # fmt: skip
        assert found.ignored == {"table of no known split": 1}
        (tmp_path / "a.wav").write_bytes(b"RIFF")
        table(tmp_path / "test.csv", [{"file": "a.wav", "label": "x"}])
        with pytest.raises(ModalityError, match=r"several kinds .*'test.csv': 1 sound"):
            read_examples(tmp_path)
        (tmp_path / "cat").mkdir()
        with pytest.raises(SourceError, match="Give the table itself"):
            read_examples(tmp_path)

    def test_a_split_column_of_lists_is_none(self, tmp_path):
        rows = [{"text": "a", "label": "x", "split": ["train"]}, {"text": "b", "label": "x"}]
        found = read_examples(jsonl(tmp_path / "a.jsonl", rows))
        assert {e.split for e in found.examples} == {None}

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.lists(st.text(min_size=1).filter(lambda t: not t.isspace()), min_size=1, unique=True))
    def test_any_text_comes_back(self, tmp_path, values):
        rows = [{"text": value, "label": "x"} for value in values]
        found = read_examples(jsonl(tmp_path / "a.jsonl", rows), modality="text")
        assert [e.read() for e in found.examples] == values
        clean = [row for row in rows if "\r" not in row["text"] and "\0" not in row["text"]]
        if clean:
            found = read_examples(table(tmp_path / "a.csv", clean), modality="text")
            assert [e.read() for e in found.examples] == [row["text"] for row in clean]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, tmp_path, data):
        for name in ("a.csv", "a.tsv", "a.jsonl"):
            (tmp_path / name).write_bytes(b"text,label\n" + data)
            with contextlib.suppress(SourceError, ColumnError, ModalityError):
                read_examples(tmp_path / name)


class TestWhichColumn:
    def test_texts_beside_files(self, tmp_path):
        (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        rows = [{"image": "1.png", "text": "a caption", "label": "x"}]
        path = table(tmp_path / "a.csv", rows)
        assert read_examples(path).modality == "image"
        assert read_examples(path, modality="image").modality == "image"
        assert read_examples(path, modality="text").modality == "text"
        assert read_examples(path, input_column="text").modality == "text"
        # A column named like files that names none gives way to the texts.
        rows = [{"path": "ticket/7", "text": "it broke", "label": "x"}]
        found = read_examples(table(tmp_path / "b.csv", rows))
        assert texts(found) == [("b.csv[0]", "it broke", "x")]

    def test_texts_with_attachments(self, tmp_path):
        (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        for values in (["1.png", "", ""], ["http://x/1.png"] * 3):
            rows = [
                {"image": v, "text": f"it broke {i}", "label": "x"} for i, v in enumerate(values)
            ]
            path = table(tmp_path / "a.csv", rows)
            assert read_examples(path).modality == "text"

            if values[0] == "1.png":
                assert read_examples(path, input_column="image").modality == "image"
        with pytest.raises(SourceError, match="web address; only files on disk"):
            read_examples(path, input_column="image")

    def test_text_files_by_name(self, tmp_path):
        (tmp_path / "1.txt").write_text("one")
        (tmp_path / "empty.txt").write_text("")
        rows = [{"document": "1.txt", "label": "x"}, {"document": "empty.txt", "label": "x"}]
        found = read_examples(table(tmp_path / "a.csv", rows))
        assert texts(found) == [("1.txt", "one", "x")]
        assert [s.reason for s in found.skipped] == ["the text is empty"]
        rows = [{"document": f"see {i}.txt", "label": "x"} for i in range(3)]
        assert len(read_examples(table(tmp_path / "a.csv", rows))) == 3

    def test_given_column(self, tmp_path):
        rows = [{"said": "hello", "where": "gone.wav", "label": "x"}]
        path = table(tmp_path / "a.csv", rows)
        assert texts(read_examples(path, input_column="SAID")) == [("a.csv[0]", "hello", "x")]
        with pytest.raises(SourceError, match=r"'where' names, none is there"):
            read_examples(path, input_column="where")
        with pytest.raises(ColumnError, match=r"no column 'file'.*--input-column"):
            read_examples(path, input_column="file")
        rows = [{"said": "word" * 2000, "label": "x"}, {"said": "nul\0", "label": "x"}]
        assert len(read_examples(jsonl(tmp_path / "b.jsonl", rows), input_column="said")) == 2

    def test_a_table_of_texts_where_arrays_are_meant(self, tmp_path):
        path = table(tmp_path / "a.csv", [{"text": "hello", "label": "x"}])
        assert read_examples(path, modality="array").modality == "text"


class TestToPredict:
    def test_rows(self, tmp_path):
        path = jsonl(tmp_path / "new.jsonl", [{"text": "a"}, {"text": ""}, {"text": "a"}])
        got = read_inputs([path, "a.csv"], modality="text")
        assert [e.name for e in got] == ["new.jsonl[0]", "new.jsonl[1]", "new.jsonl[2]", "input 3"]
        assert got[0].digest == got[2].digest
        assert got[3].read() == "a.csv"
        with pytest.raises(ValueError, match="the text is empty"):
            got[1].read()
