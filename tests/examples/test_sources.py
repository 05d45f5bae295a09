"""Labelled images are found wherever users keep them, and what is left out is said."""

import csv
import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.small import DATA
from topwork.core.digests import digest_file
from topwork.core.progress import listening
from topwork.errors import ColumnError, DataError, ExampleError, SettingError, SourceError
from topwork.examples.images.decode import ImageInput, decode_image
from topwork.examples.sources import examples_from, read_examples, read_inputs
from topwork.examples.tables import parquet_cells as cells

SHARED = DATA


def png(number):
    """A small image, different for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (3, 3), (number % 256, number // 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def put(root, **files):
    """Write images: `put(root, **{"cat/1.png": 1})`; bytes are written as they are."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else png(content))
    return root


def refuse(monkeypatch, method, name):
    """Deny permission for one path, as the system would to anyone but root."""
    real = getattr(Path, method)

    def denied(self, *args, **more):
        if self.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return real(self, *args, **more)

    monkeypatch.setattr(Path, method, denied)


def names(found):
    return [example.name for example in found.examples]


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


class TestFolders:
    def test_folder_per_class(self, tmp_path):
        put(tmp_path, **{"dog/b.PNG": 1, "dog/deep/er/a.jpg": 2, "cat/1.png": 3})
        found = read_examples(tmp_path)
        assert names(found) == ["cat/1.png", "dog/b.PNG", "dog/deep/er/a.jpg"]
        assert found.classes == ("cat", "dog")
        assert [e.label for e in found.examples] == ["cat", "dog", "dog"]
        assert found.examples[0].digest == digest_file(tmp_path / "cat/1.png")
        assert found.examples[0].read() == png(3)
        assert {e.split for e in found.examples} == {None}
        assert found.origin == str(tmp_path)

    @pytest.mark.parametrize("valid", ["val", "Valid", "validation", "dev"])
    def test_splits(self, tmp_path, valid):
        put(tmp_path, **{"Train/a/1.png": 1, f"{valid}/a/2.png": 2, "test/b/3.png": 3})
        found = read_examples(tmp_path)
        by_split = {e.split: e.label for e in found.examples}
        assert by_split == {"train": "a", "validation": "a", "test": "b"}

    def test_split_names_that_are_classes(self, tmp_path):
        put(tmp_path, **{"test/1.png": 1, "val/2.png": 2})
        assert read_examples(tmp_path).classes == ("test", "val")
        put(tmp_path, **{"train/x/1.png": 3, "other/1.png": 4})
        assert read_examples(tmp_path).classes == ("other", "test", "train", "val")

    def test_strays_are_counted(self, tmp_path):
        put(
            tmp_path,
            **{
                "cat/1.png": 1,
                "cat/.hidden.png": 2,
                "cat/._1.png": 3,
                "cat/Thumbs.db": b"x",
                "cat/notes.txt": b"x",
                "cat/image_without_suffix": 4,
                "cat/no_image": b"hello",
                ".ipynb_checkpoints/1.png": 5,
                "__MACOSX/cat/1.png": 6,
                "loose.png": 7,
                "desktop.ini": b"x",
                "README": b"x",
            },
        )
        (tmp_path / "empty").mkdir()
        found = read_examples(tmp_path)
        assert names(found) == ["cat/1.png", "cat/image_without_suffix"]
        assert found.classes == ("cat",)
        assert found.ignored == {
            "hidden file": 2,
            "hidden folder": 1,
            "system file": 2,
            "system folder": 1,
            "empty folder": 1,
            "image outside the class folders": 1,
            "not an image (.txt)": 1,
            "not an image (no suffix)": 2,
        }

    def test_broken_files_are_skipped_with_a_reason(self, tmp_path):
        put(tmp_path, **{"cat/1.png": 1, "cat/empty.png": b""})
        (tmp_path / "cat/gone.png").symlink_to("nowhere.png")
        os.mkfifo(tmp_path / "cat/pipe.png")
        found = read_examples(tmp_path)
        assert names(found) == ["cat/1.png"]
        assert {s.name: s.reason for s in found.skipped} == {
            "cat/empty.png": "the file is empty (0 bytes)",
            "cat/gone.png": "a link to a file that is not there",
        }
        assert found.ignored["not a regular file"] == 1

    def test_no_permission(self, tmp_path, monkeypatch):
        put(tmp_path, **{"cat/1.png": 1, "cat/2.png": 2, "dog/3.png": 3})
        refuse(monkeypatch, "open", "2.png")
        refuse(monkeypatch, "iterdir", "dog")
        found = read_examples(tmp_path)
        assert {s.name: s.reason for s in found.skipped} == {
            "cat/2.png": "the file cannot be read: Permission denied",
            "dog": "no permission to read it",
        }

    def test_links(self, tmp_path):
        root = put(tmp_path / "root", **{"cat/1.png": 1})
        outside = put(tmp_path / "outside", **{"2.png": 2, "deep/3.png": 3})
        (root / "cat/loop").symlink_to(root)
        (root / "cat/self").symlink_to(root / "cat")
        (root / "dog").symlink_to(outside)
        (root / "wolf").symlink_to(outside)
        (root / "cat/file.png").symlink_to(outside / "../outside/2.png")
        (root / ".cache").mkdir()
        put(root / ".cache", **{"x/9.png": 9})
        (root / "fox").symlink_to(root / ".cache/x")
        found = read_examples(root)
        assert names(found) == ["cat/1.png", "dog/deep/3.png", "fox/9.png"]
        # 2.png is in cat by a link, and in dog: a conflict, and both are named.
        assert [s.name for s in found.skipped] == ["cat/file.png", "dog/2.png"]
        assert found.ignored["link to a folder already read"] == 2  # cat/self, and wolf
        assert found.ignored["link to a folder above"] == 1

    def test_odd_names(self, tmp_path):
        put(tmp_path, **{"caf\u00e9/\u96ea \U0001f431.png": 1, "cafe\u0301 x/1.png": 2})
        os.mkdir(os.fsencode(tmp_path) + b"/\xff")
        with open(os.fsencode(tmp_path) + b"/\xff/\xfe.png", "wb") as file:
            file.write(png(3))
        found = read_examples(tmp_path)
        assert found.classes == ("\\xff", "caf\u00e9", "caf\u00e9 x")
        assert "\\xff/\\xfe.png" in names(found)
        json.dumps(names(found)).encode()
        assert [decode_image(e.read(), TINY).shape for e in found.examples] == [(2, 2, 3)] * 3

    def test_order_is_by_name(self, tmp_path):
        for i in (5, 3, 9, 1):
            put(tmp_path, **{f"a/{i}.png": i, f"b/{i}.png": i + 10})
        assert names(read_examples(tmp_path)) == sorted(
            f"{c}/{i}.png" for c in "ab" for i in "1359"
        )

    def test_nothing_usable(self, tmp_path):
        with pytest.raises(SourceError, match=r"no folder or file .*Accepted: a folder"):
            read_examples(tmp_path / "none")
        with pytest.raises(SourceError, match=r"no images, .*found: nothing.*Accepted"):
            read_examples(tmp_path)
        put(tmp_path, **{"1.png": 1})
        with pytest.raises(SourceError, match=r"1 image directly, .*folder per class"):
            read_examples(tmp_path)
        put(tmp_path, **{"labels.csv": b"file,label\n1.png,cat\n"})
        with pytest.raises(SourceError, match=r"Give the table itself: .*labels\.csv"):
            read_examples(tmp_path)
        only_table = put(tmp_path / "t", **{"a.csv": b"x"})
        with pytest.raises(SourceError, match="but a table"):
            read_examples(only_table)
        with pytest.raises(SourceError, match="not a table of a known form"):
            read_examples(tmp_path / "1.png")
        empty = put(tmp_path / "e", **{"cat/1.png": b"", "cat/2.png": b""})
        with pytest.raises(SourceError, match=r"None of the 2 inputs.*cat/1\.png: "):
            read_examples(empty)

    def test_closed_folder(self, tmp_path, monkeypatch):
        refuse(monkeypatch, "iterdir", tmp_path.name)
        with pytest.raises(SourceError, match="cannot be read: Permission denied"):
            read_examples(tmp_path)

    def test_progress(self, tmp_path):
        put(tmp_path, **{f"a/{i}.png": i for i in range(5)})
        seen = []
        with listening(lambda *step: seen.append(step)):
            read_examples(tmp_path)
        assert seen[-1] == ("read", 5, 5)
        assert seen == sorted(seen)


TINY = ImageInput(size=2, mean=(0, 0, 0), std=(1, 1, 1))


class TestTables:
    def test_progress_is_of_the_files_that_it_names(self, tmp_path):
        put(tmp_path, **{"1.png": 1, "2.png": 2, "t.csv": b"file,label\n1.png,a\n2.png,b\n"})
        seen = []
        with listening(lambda *step: seen.append(step)):
            read_examples(tmp_path / "t.csv")
        assert seen == [("read", 2, 2)]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_csv(self, tmp_path, delimiter):
        put(tmp_path, **{"im/1.png": 1, "im/2.png": 2})
        rows = 'Image_Path,note,Diagnosis,Patient_ID\nim/1.png,"a\nb",ill,p1\n\nim/2.png,x,well,\n'
        text = "\ufeff" + rows.replace(",", delimiter)
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode("utf-8"))
        found = read_examples(path)
        got = [(e.name, e.label, e.group, e.split) for e in found.examples]
        assert got == [("im/1.png", "ill", "p1", None), ("im/2.png", "well", None, None)]
        assert found.examples[1].read() == png(2)

    def test_tsv_and_jsonl(self, tmp_path):
        put(tmp_path, **{"1.png": 1, "2.png": 2, "3.png": 3})
        (tmp_path / "a.tsv").write_text("file\tlabel\n1.png\ta,b\n")
        assert read_examples(tmp_path / "a.tsv").classes == ("a,b",)
        rows = [
            {"file": "1.png", "label": 3.0},
            {"file": "2.png", "label": True},
            {"file": "3.png", "label": 10, "split": ""},
        ]
        (tmp_path / "a.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
        assert [e.label for e in read_examples(tmp_path / "a.jsonl").examples] == [
            "3",
            "true",
            "10",
        ]

    def test_split_column(self, tmp_path):
        put(tmp_path, **{"1.png": 1, "2.png": 2, "3.png": 3})
        rows = [
            {"file": "1.png", "label": "a", "set": "Train"},
            {"file": "2.png", "label": "a", "set": "valid"},
            {"file": "3.png", "label": "a", "set": ""},
        ]
        found = read_examples(table(tmp_path / "a.csv", rows))
        assert [e.split for e in found.examples] == ["train", "validation", None]
        rows[0]["set"] = "Lego 42"  # a column of that name, but not a split
        found = read_examples(table(tmp_path / "a.csv", rows))
        assert [e.split for e in found.examples] == [None] * 3

    def test_columns_given(self, tmp_path):
        put(tmp_path, **{"1.png": 1})
        rows = [{"file": "no.png", "real": "1.png", "label": "x", "Kind": "y", "who": "z"}]
        found = read_examples(
            table(tmp_path / "a.csv", rows),
            input_column="real",
            label_column="kind",
            group_column="who",
        )
        assert [(e.label, e.group) for e in found.examples] == [("y", "z")]

    def test_columns_missing(self, tmp_path):
        path = table(tmp_path / "a.csv", [{"file": "1.png", "kind": "x"}])
        with pytest.raises(ColumnError, match=r"'file', 'kind'.*--label-column"):
            read_examples(path)
        with pytest.raises(ColumnError, match=r"no column 'who'.*--group-column"):
            read_examples(path, label_column="kind", group_column="who")
        path = table(tmp_path / "b.csv", [{"a": "1.png", "label": "x"}])
        with pytest.raises(ColumnError, match=r"'a', 'label'.*--input-column"):
            read_examples(path)
        (tmp_path / "empty.csv").write_text("")
        with pytest.raises(ColumnError, match="columns: none"):
            read_examples(tmp_path / "empty.csv")

    def test_first_usual_name_wins(self, tmp_path):
        put(tmp_path, **{"1.png": 1})
        rows = [{"target": "t", "label": "l", "path": "no.png", "file": "1.png"}]
        assert read_examples(table(tmp_path / "a.csv", rows)).classes == ("l",)

    def test_rows_that_cannot_be_used(self, tmp_path):
        put(tmp_path, **{"1.png": 1, "2.png": 2, "empty.png": b"", "dir/x.png": 3})
        rows = [
            {"file": "1.png", "label": "a"},
            {"file": "2.png", "label": "NaN"},
            {"file": "none.png", "label": "a"},
            {"file": "empty.png", "label": "a"},
            {"file": "", "label": "a"},
            {"file": "dir", "label": "a"},
            {"file": "http://x/1.png", "label": "a"},
            {"file": "dir\\x.png", "label": "a"},
            {"file": "nul\0.png", "label": "a"},
            {"file": 3, "label": "a"},
            {"file": "4.png", "label": ["a", "b"]},
        ]
        (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        found = read_examples(tmp_path / "a.jsonl")
        assert names(found) == ["1.png", "dir\\x.png"]
        reasons = {s.name: s.reason for s in found.skipped}
        assert reasons["2.png"] == "no label"
        assert reasons["none.png"] == "there is no such file"
        assert reasons["empty.png"] == "the file is empty (0 bytes)"
        assert reasons["a.jsonl[4]"] == "no file name"
        assert reasons["dir"] == "it is not a file"
        assert "a web address" in reasons["http://x/1.png"]
        assert "null" in reasons["nul\0.png"]
        assert reasons["a.jsonl[9]"] == "its file name is 3, not text"
        assert "a list; one text or number" in reasons["4.png"]

    def test_bad_tables(self, tmp_path):
        path = tmp_path / "a.jsonl"
        path.write_text('{"file": "1.png", "label": 1}\n{"file": \n')
        with pytest.raises(SourceError, match=r"'a.jsonl', line 2: not JSON"):
            read_examples(path)
        path.write_text("[1, 2]\n")
        with pytest.raises(SourceError, match="line 1: a list, not an object"):
            read_examples(path)
        path = tmp_path / "a.csv"
        path.write_text("file,label\n1.png,a,b\n")
        with pytest.raises(SourceError, match=r"line 2: 3 fields, .*\b2\b"):
            read_examples(path)
        path.write_text('file,label\n1.png,"a\n2.png,b\n')
        with pytest.raises(SourceError, match="line 3: unexpected end"):
            read_examples(path)
        path.write_text("file,label\nno/1.png,a\nno/2.png,b\n")
        with pytest.raises(SourceError, match=r"'file' names, none .*'no/1\.png'"):
            read_examples(path)

    def test_closed_table(self, tmp_path, monkeypatch):
        (tmp_path / "a.csv").touch()
        refuse(monkeypatch, "open", "a.csv")
        with pytest.raises(SourceError, match="cannot be read: Permission denied"):
            read_examples(tmp_path / "a.csv")

    def test_metadata_in_folders(self, tmp_path):
        one = put(tmp_path / "one", **{"1.png": 1, "sub/2.png": 2})
        rows = [{"file_name": "1.png", "label": "a"}, {"file_name": "sub/2.png", "label": "b"}]
        table(one / "metadata.csv", rows)
        assert names(read_examples(one)) == ["1.png", "sub/2.png"]
        two = put(tmp_path / "two", **{"train/1.png": 1, "test/1.png": 2})
        for part in ("train", "test"):
            line = json.dumps({"file_name": "1.png", "label": "a"})
            (two / part / "metadata.jsonl").write_text(line)
        found = read_examples(two)
        assert [(e.name, e.split) for e in found.examples] == [
            ("test/1.png", "test"),
            ("train/1.png", "train"),
        ]
        assert found.examples[0].read() == png(2)


def hub_table(path, images, labels, *, class_names=None, rows=2, **columns):
    """A Parquet file as the Hugging Face hub has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    struct = [i if i is None else {"bytes": i, "path": None} for i in images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    data = pa.table({"image": pa.array(struct, kind), "label": labels, **columns})
    if class_names:
        label = {"names": class_names, "_type": "ClassLabel"}
        features = {"image": {"_type": "Image"}, "label": label}
        about = json.dumps({"info": {"features": features}})
        data = data.replace_schema_metadata({"huggingface": about})
    pq.write_table(data, path, row_group_size=rows)
    return path


class TestParquet:
    def test_images_within(self, tmp_path):
        images = [png(i) for i in range(11)]
        labels = [i % 3 for i in range(11)]
        path = hub_table(tmp_path / "a.parquet", images, labels, class_names=["x", "y", "z"])
        found = read_examples(path)
        assert names(found) == [f"a.parquet[{i}]" for i in range(11)]
        assert [e.label for e in found.examples] == [("x", "y", "z")[i % 3] for i in range(11)]
        order = np.random.default_rng(0).permutation(11)
        assert all(found.examples[i].read() == images[i] for i in order)
        assert cells._row_group.cache_info().currsize <= 4

    def test_hub_layouts(self, tmp_path):
        one = tmp_path / "one"
        hub_table(one / "data/train-00000-of-00002.parquet", [png(1)], ["a"])
        hub_table(one / "data/train-00001-of-00002.parquet", [png(2)], ["b"])
        hub_table(one / "data/test-00000-of-00001.parquet", [png(3)], ["b"])
        hub_table(one / "data/extra-00000-of-00001.parquet", [png(4)], ["b"])
        found = read_examples(one)
        assert [e.split for e in found.examples] == ["test", "train", "train"]
        assert found.ignored == {"Parquet file of no known split": 1}
        two = tmp_path / "two"
        hub_table(two / "default/train/0000.parquet", [png(1)], ["a"])
        hub_table(two / "default/validation/0000.parquet", [png(2)], ["a"])
        assert {e.split for e in read_examples(two).examples} == {"train", "validation"}
        three = tmp_path / "three"
        hub_table(three / "photos.parquet", [png(1), png(2)], ["a", "b"])
        assert len(read_examples(three)) == 2
        put(tmp_path / "four", **{"cat/1.png": 1})
        hub_table(tmp_path / "four/features.parquet", [png(1)], ["a"])
        assert names(read_examples(tmp_path / "four")) == ["cat/1.png"]

    def test_binary_paths_and_more_columns(self, tmp_path):
        path = tmp_path / "a.parquet"
        columns = {"img": [png(1), png(2)], "label": [1.0, 2.0], "patient": ["p", None]}
        pq.write_table(pa.table({**columns, "split": ["train", "test"]}), path)
        found = read_examples(path)
        got = [(e.label, e.group, e.split) for e in found.examples]
        assert got == [("1", "p", "train"), ("2", None, "test")]
        put(tmp_path, **{"1.png": 1})
        rows = {"file": ["1.png", "no.png", None], "label": ["a", "a", "a"]}
        pq.write_table(pa.table(rows), path)
        found = read_examples(path)
        assert names(found) == ["1.png"]
        assert found.examples[0].read() == png(1)
        assert [s.name for s in found.skipped] == ["a.parquet[2]", "no.png"]

    def test_rows_that_cannot_be_used(self, tmp_path):
        images = [png(1), None, b"", png(2), png(3)]
        labels = [0, 0, 0, -1, None]
        path = hub_table(tmp_path / "a.parquet", images, labels, class_names=["x"])
        found = read_examples(path)
        assert names(found) == ["a.parquet[0]"]
        assert {s.name: s.reason for s in found.skipped} == {
            "a.parquet[1]": "no image in this row",
            "a.parquet[2]": "the image is empty (0 bytes)",
            "a.parquet[3]": "no label",
            "a.parquet[4]": "no label",
        }

    def test_refused(self, tmp_path):
        path = hub_table(tmp_path / "a.parquet", [png(1)], [["a", "b"]])
        with pytest.raises(DataError, match="a list; one text or number"):
            read_examples(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SourceError, match=r"'a\.parquet' cannot be read as Parquet"):
            read_examples(path)
        pq.write_table(pa.table({"image": [1, 2], "label": ["a", "b"]}), path)
        with pytest.raises(ColumnError, match=r"'image' .*int64\. Accepted.*--input-column"):
            read_examples(path)

    def test_declared_image_column(self, tmp_path):
        data = pa.table({"file": ["x"], "scan": [png(1)], "label": ["a"]})
        about = json.dumps({"info": {"features": {"scan": {"_type": "Image"}}}})
        pq.write_table(data.replace_schema_metadata({"huggingface": about}), tmp_path / "a.parquet")
        assert read_examples(tmp_path / "a.parquet").examples[0].read() == png(1)

    def test_damaged_metadata_is_no_obstacle(self, tmp_path):
        data = pa.table({"image": [png(1)], "label": ["a"]})
        pq.write_table(data.replace_schema_metadata({"huggingface": "{"}), tmp_path / "a.parquet")
        assert len(read_examples(tmp_path / "a.parquet")) == 1

    def test_a_table_written_anew_is_read_anew(self, tmp_path):
        for number in (1, 2):
            path = hub_table(tmp_path / "a.parquet", [png(number)], ["a"])
            os.utime(path, ns=(number, number))  # some disks tell times apart by seconds only
            assert read_examples(path).examples[0].read() == png(number)

    def test_progress_and_loss(self, tmp_path):
        path = hub_table(tmp_path / "a.parquet", [png(i) for i in range(70)], ["a"] * 70)
        seen = []
        with listening(lambda *step: seen.append(step)):
            found = read_examples(path)
        assert seen[-1] == ("read", 70, 70)
        path.unlink()
        with pytest.raises(ExampleError, match="cannot be read any more"):
            found.examples[69].read()


class TestIdentity:
    def test_repeats_and_conflicts(self, tmp_path):
        put(tmp_path, **{"a/1.png": 1, "a/2.png": 1, "a/3.png": 2, "b/4.png": 2, "b/5.png": 3})
        found = read_examples(tmp_path)
        assert names(found) == ["a/1.png", "b/5.png"]
        assert found.num_duplicates == 1
        first, second = found.skipped
        assert first.name == "a/3.png"
        assert "labelled 'a', but b/4.png has the same content" in first.reason
        assert "labelled 'b', but a/3.png" in second.reason

    def test_leaks_leave_train(self, tmp_path):
        put(
            tmp_path,
            **{
                "train/a/1.png": 1,
                "train/a/2.png": 2,
                "train/a/3.png": 3,
                "validation/a/2.png": 2,
                "validation/a/1.png": 1,
                "test/a/x.png": 1,
                "test/a/y.png": 1,
            },
        )
        found = read_examples(tmp_path)
        assert names(found) == ["test/a/x.png", "train/a/3.png", "validation/a/2.png"]
        assert found.num_duplicates == 1
        reasons = {s.name: s.reason for s in found.skipped}
        assert set(reasons) == {"train/a/1.png", "train/a/2.png", "validation/a/1.png"}
        assert "test/a/x.png, which is in test; left out of train" in reasons["train/a/1.png"]
        assert "left out of validation" in reasons["validation/a/1.png"]

    def test_two_groups(self):
        found = examples_from([png(1), png(1), png(2)], ["a", "a", "b"], ["p", "q", "p"])
        assert [e.group for e in found.examples] == ["p", "p"]
        assert found.skipped[0].name == "input 1"
        assert "but in group 'q' instead of 'p'" in found.skipped[0].reason

    def test_every_input_is_accounted_for(self):
        rng = np.random.default_rng(0)
        inputs = [png(int(i)) for i in rng.integers(0, 30, 100)]
        found = examples_from(inputs, rng.integers(0, 2, 100), rng.integers(0, 9, 100))
        assert len(found) + len(found.skipped) + found.num_duplicates == 100
        assert len({e.digest for e in found.examples}) == len(found)


class TestObjects:
    def test_all_forms(self, tmp_path):
        put(tmp_path, **{"1.png": 1})
        image = Image.new("L", (2, 2), 5)
        array = np.zeros((2, 2, 3), np.uint8)
        things = [tmp_path / "1.png", str(tmp_path / "1.png"), png(2), image, array]
        found = examples_from(things, ["a", "a", 1, np.int64(2), True])
        got = [(e.name, e.label) for e in found.examples]
        path = str(tmp_path / "1.png")
        assert got == [(path, "a"), ("input 2", "1"), ("input 3", "2"), ("input 4", "true")]
        assert found.num_duplicates == 1
        assert found.examples[3].read() is array

    def test_digests_tell_apart(self):
        palette = Image.new("P", (2, 2), 1)
        other = palette.copy()
        palette.putpalette([0, 0, 0, 1, 2, 3])
        other.putpalette([0, 0, 0, 3, 2, 1])
        arrays = [np.zeros((2, 3, 3)), np.zeros((3, 2, 3)), np.zeros((2, 3, 3), np.uint8)]
        examples = images([palette, other, *arrays, palette.copy()])
        assert len({e.digest for e in examples}) == 5
        assert examples[0].digest == examples[5].digest

    def test_many_rows(self):
        found = examples_from([png(i) for i in range(12)], range(12))
        assert names(found) == [f"input {i}" for i in range(12)]

    def test_refused(self, tmp_path):
        with pytest.raises(SettingError, match="2 inputs came with 1 labels"):
            examples_from([png(1), png(2)], ["a"])
        with pytest.raises(SettingError, match="1 inputs came with 2 groups"):
            examples_from([png(1)], ["a"], ["p", "q"])
        with pytest.raises(DataError, match=r"labels are lists \(the first: \['a'\]\)"):
            examples_from([png(1)], [["a"]])
        with pytest.raises(SettingError, match=r"label or group of input 0: .* a list"):
            examples_from([png(1)], ["a"], [["p"]])
        with pytest.raises(SettingError, match="Input 0 is a int; accepted: a path"):
            examples_from([3], ["a"])
        with pytest.raises(SettingError, match="Input 0 is an array of object"):
            examples_from([np.array([["x"]], object)], ["a"])
        with pytest.raises(SourceError, match=r"None of the 2 inputs.*input 0: no label"):
            examples_from([png(1), tmp_path / "none.png"], [None, "a"])
        with pytest.raises(SourceError, match="holds no examples"):
            examples_from([], [])

    def test_lazy_images_that_are_broken(self, tmp_path):
        image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8))
        image.save(tmp_path / "a.png")
        whole = (tmp_path / "a.png").read_bytes()
        broken = Image.open(io.BytesIO(whole[: len(whole) // 2]))
        found = examples_from([broken, png(1), png(2)], ["a", "b", "a"])
        assert [s.name for s in found.skipped] == ["input 0"]
        assert "damaged or ends early" in found.skipped[0].reason


def images(inputs, **more):
    return read_inputs(inputs, modality="image", **more)


class TestInputs:
    def test_order_and_repeats(self, tmp_path):
        put(tmp_path, **{"b.png": 1, "a.png": 1})
        paths = [tmp_path / "b.png", str(tmp_path / "a.png"), tmp_path / "b.png"]
        examples = images(paths)
        assert [e.name for e in examples] == [str(p) for p in paths]
        assert {e.label for e in examples} == {None}
        assert len({e.digest for e in examples}) == 1

    def test_single_ones_work_unwrapped(self, tmp_path):
        put(tmp_path, **{"a.png": 1})
        image = Image.new("L", (2, 2))
        for one in (
            tmp_path / "a.png",
            str(tmp_path / "a.png"),
            png(1),
            image,
            np.zeros((4, 4, 3)),
        ):
            assert len(images(one)) == 1
        assert len(images(np.zeros((5, 4, 4, 3)))) == 5
        assert images([]) == []
        assert len(images(png(i) for i in range(3))) == 3

    def test_folders(self, tmp_path):
        put(tmp_path, **{"b/2.png": 1, "a.png": 1, ".x/1.png": 2, "b/no.txt": b"x", "z.png": 4})
        got = [Path(e.name).relative_to(tmp_path).as_posix() for e in images(tmp_path)]
        assert got == ["a.png", "b/2.png", "z.png"]
        (tmp_path / "none").mkdir()
        with pytest.raises(SourceError, match="no image in or below"):
            images(tmp_path / "none")

    def test_refused(self, tmp_path):
        with pytest.raises(SourceError, match=r"none\.png': .*: No such file"):
            images([tmp_path / "none.png"])
        with pytest.raises(SettingError, match="The inputs are a int; accepted: a path"):
            images(3)
        with pytest.raises(SettingError, match="Input 0 is a NoneType"):
            images([None])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
class TestRealData:
    def test_scans(self):
        found = read_examples(SHARED / "chest-xray/labels.csv")
        assert len(found) == 44
        assert all(e.group for e in found.examples)

    def test_hub_table(self):
        found = read_examples(SHARED / "cifar10/test.parquet")
        assert len(found) == 2000
        assert decode_image(found.examples[-1].read(), TINY).shape == (2, 2, 3)
