"""Shards of arrays of any shapes: what goes in comes out, and damage is seen."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from topwork.features.ragged import RaggedBuffer, read_ragged
from topwork.features.shards import DamagedShardError, read_digests

Example = dict[int, list[np.ndarray]]


def digest_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


def array(seed: int, shape: tuple[int, ...], dtype: str = "float16") -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, shape).astype(dtype)


def write(folder: Path, examples: list[Example], dtype: str = "float16") -> Path:
    buffer = RaggedBuffer(dtype, max_examples=99, max_bytes=2**20)
    for number, views in enumerate(examples):
        num = len(next(iter(views.values())))
        buffer.add(digest_of(number), (views, [1.5 * (i + 1) for i in range(num)]))
    before = set(folder.glob("*"))
    buffer.write(folder)
    (path,) = set(folder.glob("*.safetensors")) - before
    return path


TWO = [{0: [array(1, (2, 3)), array(2, (1, 3))]}, {1: [array(3, (4, 3))], 2: [array(4, (4, 3))]}]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sets(st.integers(0, 20), min_size=1, max_size=3),
            st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["float16", "float32", "uint8", "int64"]),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory,
    given_: list[tuple[set[int], list[list[int]]]],
    dtype: str,
) -> None:
    examples = [
        {v: [array(v, tuple(s), dtype) for s in shapes] for v in sorted(views)}
        for views, shapes in given_
    ]
    path = write(tmp_path_factory.mktemp("shards"), examples, dtype)
    shard = read_ragged(path, dtype)
    numbers = np.fromfile(path, np.uint8)
    expected = {(digest_of(i), v): own for i, one in enumerate(examples) for v, own in one.items()}
    assert {(digest, view): num for digest, view, _, num in shard.runs} == {
        key: len(windows) for key, windows in expected.items()
    }
    for digest, view, first, num in shard.runs:
        for i in range(num):
            wanted = expected[digest, view][i]
            assert shard.shapes[shard.shape_of[first + i]] == wanted.shape
            begin = shard.starts[first + i] * wanted.itemsize
            found = numbers[begin : begin + wanted.nbytes].view(dtype).reshape(wanted.shape)
            np.testing.assert_array_equal(found, wanted)
            assert shard.weights[first + i] == 1.5 * (i + 1)
    assert read_digests(path) == [digest_of(i) for i in range(len(examples))]


def test_any_reader_of_safetensors_can_read_it(tmp_path: Path) -> None:
    found = load_file(write(tmp_path, TWO))
    name = f"{digest_of(0).hex()}:0:1"
    np.testing.assert_array_equal(found[name], TWO[0][0][1])
    assert found["weights"].tolist() == [1.5, 3.0, 1.5, 1.5]


def test_the_same_content_has_the_same_name(tmp_path: Path) -> None:
    first = write(tmp_path, TWO)
    (tmp_path / "other").mkdir()
    assert write(tmp_path / "other", TWO).name == first.name
    assert write(tmp_path, TWO[:1]).name != first.name


def test_arrays_that_lie_otherwise_are_put_in_order(tmp_path: Path) -> None:
    whole = array(0, (3, 4), "float32")
    path = write(tmp_path, [{0: [whole.T.astype("float16", order="K")]}])
    (found,) = (v for k, v in load_file(path).items() if k.endswith(":0:0"))
    np.testing.assert_array_equal(found, whole.T.astype("float16"))


def test_it_is_full_by_number_or_size() -> None:
    few = RaggedBuffer("float16", max_examples=2, max_bytes=2**20)
    large = RaggedBuffer("float16", max_examples=99, max_bytes=100)
    for number, full in enumerate([False, True]):
        for buffer in (few, large):
            buffer.add(digest_of(number), ({0: [array(number, (30,))]}, [1.0]))
            assert buffer.is_full == full
    few.clear()
    assert (few.num_rows, few.is_full) == (0, False)


@pytest.mark.parametrize("num_bytes", [0, 5, 300, -1])
def test_a_shard_that_is_cut_off_is_damaged(tmp_path: Path, num_bytes: int) -> None:
    path = write(tmp_path, TWO)
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(DamagedShardError, match=r"is damaged: .*\. Remove it\."):
        read_ragged(path, "float16")


def rewrite(path: Path, change: str, *, rename: bool = True) -> Path:
    """Alter the header, and give the file the name that then fits."""
    from topwork.features.ragged import ragged_name

    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    old, new = change.split(" -> ")
    text = data[8 : 8 + length].decode()
    assert old in text
    text = text.replace(old, new, 1)
    others = ("__metadata__", "weights", "examples")
    names = [name for name in json.loads(text) if name not in others]
    changed = path.with_name(ragged_name(names) + ".safetensors" if rename else path.name)
    changed.write_bytes(len(text).to_bytes(8, "little") + text.encode() + data[8 + length :])
    return changed


HEX = digest_of(0).hex()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (f"{HEX}:0:0 -> odd", "a tensor is called 'odd'"),
        (f"{HEX}:0:1 -> {HEX}:0:2", f"before '{HEX}:0:2' a window is missing"),
        (f"{HEX}:0:0 -> {HEX}:1:0", f"before '{HEX}:0:1' a window is missing"),
        ('"F16", "shape": [2, 3] -> "F32", "shape": [2, 3]', r"a tensor is not F16 \[2, 3\]"),
        ('"shape": [2, 3] -> "shape": [2, 4]', r"a tensor is not F16 \[2, 4\]"),
        ('"F64", "shape": [4] -> "F64", "shape": [2, 2]', "weights are not one for each"),
        ('"weights" ->  "weights"', "a tensor is not aligned"),
        ('"weights" -> "weighty"', "is damaged: 'weights'"),
    ],
)
def test_a_shard_of_another_kind_is_damaged(tmp_path: Path, change: str, message: str) -> None:
    path = rewrite(write(tmp_path, TWO), change)
    with pytest.raises(DamagedShardError, match=message):
        read_ragged(path, "float16")


def test_a_shard_under_another_name_is_damaged(tmp_path: Path) -> None:
    path = rewrite(write(tmp_path, TWO), f"{HEX}:0 -> {HEX}:3", rename=False)
    with pytest.raises(DamagedShardError, match="name does not fit"):
        read_ragged(path, "float16")


def test_a_shard_that_is_too_long_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    size = len(path.read_bytes())
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DamagedShardError, match=f"it has {size + 1:,} bytes, not {size:,}"):
        read_ragged(path, "float16")


def test_digests_that_are_not_there_are_damage(tmp_path: Path) -> None:
    path = rewrite(write(tmp_path, TWO), '"examples" -> "exemplar"')
    with pytest.raises(DamagedShardError, match=r"is damaged: KeyError\('examples'\)"):
        read_digests(path)
