"""Arrays come as float32 of the backbone's shape, or with the reason why not."""

import io

import numpy as np
import pytest

from topwork.errors import ExampleError, SettingError
from topwork.examples.arrays.array import decode_array
from topwork.examples.arrays.preprocessing import ArrayInput

SPEC = ArrayInput(shape=(3, 4))


def npy(array, **more):
    buffer = io.BytesIO()
    np.save(buffer, array, **more)
    return buffer.getvalue()


class TestForms:
    @pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i1", "u2", "i8", "?"])
    def test_numbers_of_every_kind(self, dtype, tmp_path):
        array = np.arange(12).reshape(3, 4).astype(dtype)
        path = tmp_path / "a.npy"
        np.save(path, array)
        for content in (array, path, str(path), npy(array), memoryview(npy(array))):
            got = decode_array(content, SPEC)
            assert got.dtype == np.float32
            assert got.flags.c_contiguous
            assert got.flags.owndata or got.base is not array
            assert np.array_equal(got, array.astype(np.float32))

    def test_order_in_memory_does_not_matter(self):
        array = np.arange(12.0).reshape(4, 3).T
        assert decode_array(array, SPEC).flags.c_contiguous
        assert np.array_equal(decode_array(npy(np.asfortranarray(array)), SPEC), array)
        assert np.array_equal(
            decode_array(np.arange(24.0).reshape(3, 8)[:, ::2], SPEC)[0], [0, 2, 4, 6]
        )

    @pytest.mark.parametrize("shape", [(1, 5), (5, 1), (5,)])
    def test_a_line(self, shape):
        got = decode_array(np.arange(5), ArrayInput(shape=shape))
        assert got.shape == shape

    def test_the_array_given_is_not_touched(self):
        array = np.zeros((3, 4), np.float32)
        decode_array(array, SPEC)[:] = 1
        assert not array.any()


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (np.zeros((4, 3)), r"\(4, 3\); .*takes \(3, 4\)"),
            (np.zeros(12), r"\(12,\); .*takes \(3, 4\)"),
            (np.zeros((1, 3, 4)), r"its shape is \(1, 3, 4\)"),
            (np.full((3, 4), np.nan), "12 of its 12 numbers"),
            (np.r_[np.zeros(11), np.inf].reshape(3, 4), "1 of its 12 numbers are NaN"),
            (np.full((3, 4), 1e300), "12 of its 12 numbers"),
            (
                np.zeros((3, 4), complex),
                "complex128; accepted: floats",
            ),
            (np.full((3, 4), None), "of type object"),
            (np.full((3, 4), "a"), "of type <U1"),
            ([[1, 2]], r"a list; accepted .*NumPy array"),
            (b"", r"empty \(0 bytes\)"),
            (b"PK\x03\x04", r"not a \.npy array.*ZIP archive"),
            (npy(np.zeros((3, 4)))[:-9], "damaged, ends early or is pickled"),
            (npy(np.full((3, 4), None), allow_pickle=True), "or is pickled"),
            (b"\x93NUMPY\x01\x00\x02\x00{}", "data is damaged"),
            (b"\x93NUMPY\x09\x00", "data is damaged"),
        ],
    )
    def test_reasons(self, content, message):
        with pytest.raises(ExampleError, match=message):
            decode_array(content, SPEC)

    def test_a_header_that_claims_anything(self):
        data = npy(np.zeros((3, 4))).replace(b"(3, 4), }            ", b"(3, 4000000000000), }")
        with pytest.raises(ExampleError, match="damaged"):
            decode_array(data, SPEC)

    def test_missing_files(self, tmp_path):
        with pytest.raises(ExampleError, match="cannot be read: No such file"):
            decode_array(tmp_path / "none.npy", SPEC)


class TestArrayInput:
    def test_settings_and_back(self):
        assert ArrayInput.from_settings(SPEC.settings()) == SPEC
        assert SPEC.weight(np.zeros(3)) == 1

    @pytest.mark.parametrize("shape", [(), (0,), (3, True), [3], (2.0,), 3])
    def test_wrong_shapes(self, shape):
        with pytest.raises(SettingError, match="array input's shape: got"):
            ArrayInput(shape=shape)

    def test_wrong_settings(self):
        with pytest.raises(SettingError, match="array input's settings are"):
            ArrayInput.from_settings({"shape": [3], "colour": 1})
