import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from topwork.errors import StoreError
from topwork.executors.base import Segment
from topwork.features.shards import (
    BlockLayout,
    DamagedShardError,
    Shard,
    ShardBuffer,
    ShardLayout,
    count_rows,
    read_shard,
)

LAYOUT = ShardLayout(
    blocks=(
        BlockLayout(name="a", dtype="float16", pools=(("mean", 3), ("std", 2))),
        BlockLayout(name="examples", dtype="float32", pools=(("mean", 1),)),
    )
)
DIGESTS = [bytes([i]) * 32 for i in range(4)]


def write(folder: Path, vectors: np.ndarray | None = None) -> Path:
    buffer = ShardBuffer(LAYOUT, 8)
    vectors = np.arange(24, dtype=np.float32).reshape(4, 6) if vectors is None else vectors
    for digest, vector in zip(DIGESTS, vectors, strict=False):
        buffer.add(digest, vector)
    buffer.write(folder)
    (path,) = folder.glob("*.safetensors")
    return path


def rewrite(path: Path, **changes: object) -> None:
    """Change entries of the header, and leave the rest of the file as it is."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for name, change in changes.items():
        header[name] = {**header.get(name, {}), **change} if isinstance(change, dict) else change
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def test_a_shard_is_a_safetensors_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    with safe_open(path, "np") as file:
        assert set(file.keys()) == {"examples", "block.a", "block.examples"}
        assert file.get_tensor("examples").tobytes() == b"".join(DIGESTS)
        assert file.get_tensor("block.a").dtype == np.float16
        np.testing.assert_array_equal(file.get_tensor("block.examples")[:, 0], [5, 11, 17, 23])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shard, digests = read_shard(write(tmp_path), LAYOUT)
    a, b = shard.open()
    assert digests == b"".join(DIGESTS)
    assert shard.num_rows == count_rows(shard.path) == 4
    np.testing.assert_array_equal(np.hstack([a, b]), np.arange(24).reshape(4, 6))
    assert not a.flags.writeable


def test_float16_is_clipped_and_float32_is_not(tmp_path: Path) -> None:
    vectors = np.array([[1e9, -1e9, 65504, 0, 1, 1e9]], np.float32)
    a, b = read_shard(write(tmp_path, vectors), LAYOUT)[0].open()
    np.testing.assert_array_equal(a, [[65504, -65504, 65504, 0, 1]])
    assert b[0, 0] == 1e9


def test_the_name_follows_from_the_examples_and_the_mode_from_the_umask(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    assert one.name == two.name
    umask = os.umask(0o022)
    os.umask(umask)
    assert one.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_layout_survives_json() -> None:
    assert ShardLayout.from_settings(json.loads(json.dumps(LAYOUT.settings()))) == LAYOUT
    segments = (
        Segment(block="a", pool="mean", size=3),
        Segment(block="a", pool="std", size=2),
        Segment(block="examples", pool="mean", size=1),
    )
    assert LAYOUT.segments == segments
    assert ShardLayout.of(segments, {"a": "float16", "examples": "float32"}) == LAYOUT
    assert LAYOUT.row_bytes == 32 + 10 + 4


def test_a_layout_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="type 'int8'; accepted: float16, float32"):
        ShardLayout.from_settings([{"name": "a", "dtype": "int8", "pools": [["mean", 3]]}])


@pytest.mark.parametrize("keep", [0, 7, 8, 9, 40, -1])
def test_a_shard_cut_off_anywhere_is_damaged(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedShardError, match=r"is damaged: .* Remove it"):
        read_shard(path, LAYOUT)


def test_bytes_too_many_are_damage(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DamagedShardError, match="bytes instead of"):
        read_shard(path, LAYOUT)


@pytest.mark.parametrize(
    ("text", "message"), [(b"\xff{..", "its header is no JSON"), (b"[1]", "its header is no table")]
)
def test_a_header_of_another_kind_is_damage(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(DamagedShardError, match=message):
        read_shard(path, LAYOUT)
    with pytest.raises(DamagedShardError, match=message):
        count_rows(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"more": {"dtype": "F32"}}, "other tensors"),
        ({"block.a": {"dtype": "BF16"}}, "'block.a' is not F16"),
        ({"block.a": {"shape": [5, 4]}}, "'block.a' is not F16"),
        ({"block.a": {"data_offsets": [-40, 0]}}, "'block.a' is not F16"),
        ({"block.a": {"data_offsets": None}}, "is damaged"),
        ({"block.a": 3}, "is damaged"),
        ({"examples": {"shape": []}}, "is damaged"),
    ],
)
def test_a_header_that_does_not_fit_is_damage(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = write(tmp_path)
    rewrite(path, **changes)
    with pytest.raises(DamagedShardError, match=message):
        read_shard(path, LAYOUT)


def test_counting_needs_the_examples(tmp_path: Path) -> None:
    path = write(tmp_path)
    rewrite(path, examples={"shape": []})
    with pytest.raises(DamagedShardError, match="is damaged: IndexError"):
        count_rows(path)


def test_digests_that_do_not_fit_the_name_are_damage(tmp_path: Path) -> None:
    path = write(tmp_path).rename(tmp_path / f"{'0' * 64}.safetensors")
    with pytest.raises(DamagedShardError, match="name does not fit its examples"):
        read_shard(path, LAYOUT)


def test_a_shard_removed_meanwhile(tmp_path: Path) -> None:
    shard, _ = read_shard(write(tmp_path), LAYOUT)
    views = shard.open()
    shard.path.unlink()
    assert views[0][0, 1] == 1  # who reads goes on reading
    with pytest.raises(StoreError, match=r"can no longer be read.* Run again"):
        shard.open()
    assert isinstance(shard, Shard)
