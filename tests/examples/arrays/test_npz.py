"""Arrays and labels in one .npz."""

import zipfile

import numpy as np
import pytest

from topwork.errors import ColumnError, SourceError
from topwork.examples import unfolding
from topwork.examples.arrays import npz
from topwork.examples.contents import array_digest
from topwork.examples.sources import read_examples, read_inputs

X = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


class TestReading:
    @pytest.mark.parametrize("names", ["x y", "X Y", "data target", "features labels"])
    def test_names(self, tmp_path, names):
        x, y = names.split()
        found = read_examples(save(tmp_path / "a.npz", **{x: X, y: ["b", "a", "b", "a"]}))
        assert found.modality == "array"
        assert [(e.name, e.label) for e in found.examples] == [
            ("a.npz[0]", "b"), ("a.npz[1]", "a"), ("a.npz[2]", "b"), ("a.npz[3]", "a")
        ]  # fmt: skip
        assert (found.examples[2].read() == X[2]).all()
        assert found.examples[2].digest == array_digest(X[2])

    def test_groups_and_splits(self, tmp_path):
        path = save(
            tmp_path / "a.npz",
            x=X,
            y=np.array([[1], [2], [1], [2]]),
            groups=np.array([b"p", b"q", b"p", b""]),
            split=np.array(["train", "train", "test", "test"]),
        )
        found = read_examples(path)
        got = [(e.label, e.group, e.split) for e in found.examples]
        assert got == [
            ("1", "p", "train"), ("2", "q", "train"), ("1", "p", "test"), ("2", None, "test")
        ]  # fmt: skip

    def test_parts(self, tmp_path):
        parts = {"x_train": X[:2], "y_train": [0, 1], "test_x": X[2:3], "test_y": [1]}
        path = save(tmp_path / "a.npz", **parts, x_val=X[3:], y_val=[0])
        found = read_examples(path)
        assert [(e.name, e.split, e.label) for e in found.examples] == [
            ("a.npz[test_x][0]", "test", "1"),
            ("a.npz[x_train][0]", "train", "0"),
            ("a.npz[x_train][1]", "train", "1"),
            ("a.npz[x_val][0]", "validation", "0"),
        ]
        assert len(read_inputs(path, modality="array")) == 4

    def test_images(self, tmp_path):
        images = np.zeros((2, 8, 8, 3), np.uint8)
        images[1] = 9
        path = save(tmp_path / "a.npz", train_images=images, train_labels=[[0], [1]])
        assert read_examples(path, modality="image").modality == "image"
        assert len(read_inputs(path, modality="image")) == 2

    def test_which_arrays_were_taken_is_said(self, tmp_path):
        x = np.arange(8.0).reshape(4, 2)
        path = save(tmp_path / "a.npz", x=x, y=[0, 1, 0, 1], group=[1, 1, 2, 2])
        found = read_examples(path)
        assert found.decided[0] == (
            "Arrays of a.npz: input 'x', label 'y', group 'group' (--group-column \"\" for no "
            "groups)."
        )
        without = read_examples(path, group_column="")
        assert {example.group for example in without.examples} == {None}
        assert without.decided[0] == "Arrays of a.npz: input 'x', label 'y'."

    @pytest.mark.parametrize(
        ("shape", "dtype", "kind"),
        [
            ((2, 8, 9), np.uint8, "image"),
            ((2, 8, 9, 3), np.uint8, "image"),
            ((2, 8, 9, 1), np.uint8, "image"),
            ((2, 3, 128), np.uint8, "array"),
            ((2, 8, 9, 5), np.uint8, "array"),
            ((2, 128), np.uint8, "array"),
            ((2, 8, 9), np.uint16, "array"),
            ((2, 8, 9), np.float32, "array"),
        ],
    )
    def test_bytes_in_the_shape_of_pictures(self, tmp_path, shape, dtype, kind):
        x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        path = save(tmp_path / "a.npz", x=x, y=[0, 1])
        found = read_examples(path)
        assert found.modality == kind
        assert (found.examples[1].read() == x[1]).all()
        assert read_examples(path, modality="array").modality == "array"
        assert len(read_inputs(path, modality=kind)) == 2

    def test_columns_given(self, tmp_path):
        path = save(
            tmp_path / "a.npz", spectra=X, x=X[:, 0], kind=[1, 2, 1, np.nan], who=[1, 1, 2, 2]
        )
        found = read_examples(path, input_column="spectra", label_column="kind", group_column="who")
        assert [e.group for e in found.examples] == ["1", "1", "2"]
        assert found.skipped[0].reason == "no label"
        got = read_inputs(path, modality="array", input_column="spectra")
        assert [e.name for e in got] == [f"a.npz[{i}]" for i in range(4)]
        for role in ("input", "label", "group"):
            columns = {"input_column": "x", "label_column": "kind", f"{role}_column": "no"}
            with pytest.raises(ColumnError, match=f"no array 'no'.*--{role}-column"):
                read_examples(path, **columns)


class TestRefused:
    def test_names(self, tmp_path):
        with pytest.raises(ColumnError, match=r"'a', 'b'.*--input-column"):
            read_examples(save(tmp_path / "a.npz", a=X, b=[1]))
        with pytest.raises(ColumnError, match=r"no labels .* for 'x_test'"):
            read_examples(save(tmp_path / "a.npz", x_train=X, y_train=[1, 2, 1, 2], x_test=X))

    def test_shapes(self, tmp_path):
        with pytest.raises(SourceError, match=r"'y' is .*\(3,\); accepted: \(4,\)"):
            read_examples(save(tmp_path / "a.npz", x=X, y=[1, 2, 3]))
        with pytest.raises(SourceError, match=r"shape \(4, 2\).*y.argmax"):
            read_examples(save(tmp_path / "a.npz", x=X, y=np.eye(2)[[0, 1, 0, 1]]))
        with pytest.raises(SourceError, match=r"'x' .*\(2,\); accepted: numbers"):
            read_examples(save(tmp_path / "a.npz", x=[1.0, 2.0], y=[1, 2]))
        with pytest.raises(SourceError, match=r"'x' is <U1 of shape"):
            read_examples(save(tmp_path / "a.npz", x=[["a"], ["b"]], y=[1, 2]))

    def test_hostile(self, tmp_path, monkeypatch):
        path = save(tmp_path / "a.npz", x=X, y=np.array([{}, 1, 2, 3], object))
        with pytest.raises(SourceError, match="Nothing pickled is loaded"):
            read_examples(path)
        whole = save(tmp_path / "b.npz", x=X, y=[1, 2, 1, 2]).read_bytes()
        (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SourceError, match=r"'b\.npz' cannot be read: .*ends early"):
            read_examples(tmp_path / "b.npz")
        with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
            header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2), }"
            body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
            archive.writestr("x.npy", body)
            archive.writestr("y.npy", body)
        with pytest.raises(SourceError, match=r"'c.npz' cannot be read"):
            read_examples(tmp_path / "c.npz")
        monkeypatch.setattr(npz, "MAX_NPZ_BYTES", 100)
        with pytest.raises(SourceError, match="at most 100"):
            read_examples(save(tmp_path / "a.npz", x=X, y=[1, 2, 1, 2]))


def packed(path, *, version=0, flags=0, method=0):
    """An archive whose heads speak of another version, flags and method."""
    np.savez(path, x=X, y=[0, 1, 0, 1])
    data = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        start = data.find(mark)
        while start >= 0:
            for offset, value in ((0, version), (2, flags), (4, method)):
                data[start + shift + offset] = value or data[start + shift + offset]
            start = data.find(mark, start + 1)
    path.write_bytes(data)
    return path


class TestPacking:
    @pytest.mark.parametrize(
        ("how", "match"),
        [
            ({"version": 99}, "zip file version 9.9"),
            ({"flags": 1}, "encrypted"),
            ({"method": 98}, "compression method"),
        ],
    )
    def test_what_numpy_does_not_know(self, tmp_path, how, match):
        with pytest.raises(SourceError, match=f"{match}.*save it again with np.savez"):
            read_examples(packed(tmp_path / "a.npz", **how))

    def test_what_is_no_array(self, tmp_path):
        save(tmp_path / "a.npz", y=[0, 1])
        with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
            archive.writestr("x.npy", b"something else")
        with pytest.raises(SourceError, match=r"'x' is no array: it begins with b'somethin'"):
            read_examples(tmp_path / "a.npz")

    def test_a_bomb_is_refused_before_it_unfolds(self, tmp_path, monkeypatch):
        monkeypatch.setattr(unfolding, "SMALL_BYTES", 2**20)
        path = tmp_path / "a.npz"
        np.savez_compressed(path, x=np.zeros((4, 2**18)), y=[0, 1, 0, 1])
        monkeypatch.setattr(npz.np, "load", None)  # nothing is read
        match = r"arrays unfold to 8,.* from .* 500 times .*or without compression: np.savez"
        with pytest.raises(SourceError, match=match):
            read_examples(path)
