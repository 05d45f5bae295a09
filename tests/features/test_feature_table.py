import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topwork.features.feature_table import MemoryTable, StoredTable
from topwork.features.shards import BlockLayout, ShardBuffer, ShardLayout, read_shard
from topwork.features.table import ArrayTable

LAYOUT = ShardLayout(
    blocks=(
        BlockLayout(name="a", dtype="float16", pools=(("mean", 3), ("std", 2))),
        BlockLayout(name="b", dtype="float32", pools=(("mean", 4),)),
        BlockLayout(name="c", dtype="float16", pools=(("mean", 1), ("max", 1), ("grid2", 4))),
    )
)
NUM_ROWS = 11
MATRIX = np.random.default_rng(0).integers(-99, 99, (NUM_ROWS, 15)).astype(np.float32)
EXPECTED = ArrayTable(MATRIX, LAYOUT.segments)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> StoredTable:
    """Eleven rows, dealt in a mixed order to three shards."""
    folder = tmp_path_factory.mktemp("shards")
    order = np.random.default_rng(1).permutation(NUM_ROWS)
    shards = []
    shard_of, row_of = np.zeros(NUM_ROWS, np.int32), np.zeros(NUM_ROWS, np.int32)
    for number, rows in enumerate((order[:4], order[4:5], order[5:])):
        buffer = ShardBuffer(LAYOUT, len(rows))
        for place, row in enumerate(rows):
            buffer.add(bytes([row]) * 32, MATRIX[row])
            shard_of[row], row_of[row] = number, place
        before = set(folder.iterdir())
        buffer.write(folder)
        (path,) = set(folder.iterdir()) - before
        shards.append(read_shard(path, LAYOUT)[0])
    return StoredTable(LAYOUT, shards, shard_of, row_of)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.integers(0, NUM_ROWS - 1), max_size=20),
    segments=st.lists(st.integers(0, 5), min_size=1, max_size=8),
)
def test_any_rows_and_segments_in_any_order(
    table: StoredTable, rows: list[int], segments: list[int]
) -> None:
    wanted = np.array(rows, np.intp)
    expected = EXPECTED.read(wanted, segments)
    for form in (table, table.in_memory()):
        read = form.read(wanted, segments)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, expected)


def test_memory_holds_the_types_of_the_disk_up_to_a_bound(table: StoredTable) -> None:
    assert table.size_bytes == NUM_ROWS * (5 * 2 + 4 * 4 + 6 * 2)
    memory = table.in_memory(table.size_bytes)
    assert isinstance(memory, MemoryTable)
    assert memory.segments == table.segments == LAYOUT.segments
    assert memory.blocks == ("a", "b", "c")
    assert table.in_memory(table.size_bytes - 1) is table


def test_what_is_read_is_the_readers_own(table: StoredTable) -> None:
    memory = table.in_memory()
    everything = np.arange(NUM_ROWS)
    for form in (table, memory):
        form.read(everything, [2])[:] = 0
        np.testing.assert_array_equal(form.read(everything, [2]), MATRIX[:, 5:9])


def test_a_table_without_rows() -> None:
    nothing = np.zeros(0, np.int32)
    table = StoredTable(ShardLayout(blocks=()), (), nothing, nothing)
    assert table.in_memory().read(np.arange(0), []).shape == (0, 0)
