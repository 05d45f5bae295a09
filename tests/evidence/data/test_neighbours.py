import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from tests.evidence.tables import blobs, one_block
from topwork.evidence.data import neighbours
from topwork.evidence.data.neighbours import (
    blocks_between,
    directions,
    distances,
    most_alike,
    positions,
)
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", 7)


@pytest.mark.usefixtures("small_chunks")
def test_most_alike_is_what_all_products_say() -> None:
    points, _ = blobs(10, 3)
    vectors = directions(one_block(points), np.arange(30), start=0, end=1, pools=("mean",))
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    others, values = most_alike(vectors, 3)
    expected = np.sort(products, axis=1)[:, ::-1][:, :3]
    assert np.sort(values, axis=1)[:, ::-1] == pytest.approx(expected, abs=1e-6)
    assert np.take_along_axis(products, others, 1) == pytest.approx(values, abs=1e-6)


def test_of_two_each_has_one_other() -> None:
    others, _ = most_alike(np.eye(2, dtype=np.float32), 3)
    assert others.tolist() == [[1], [0]]
    assert most_alike(np.eye(1, dtype=np.float32), 3)[0].shape == (1, 0)


@pytest.mark.usefixtures("small_chunks")
def test_distances_are_those_of_scikit_learn() -> None:
    points, _ = blobs(8, 3)
    vectors = positions(one_block(points), np.arange(24), start=0, end=1, pools=("mean",))
    expected = pairwise_distances(vectors)
    np.fill_diagonal(expected, np.inf)
    found = np.concatenate([part for _, part in distances(vectors)])
    assert found == pytest.approx(expected, abs=1e-4)
    assert [start for start, _ in distances(vectors)] == [0, 7, 14, 21]


def test_every_block_has_the_same_say_in_positions() -> None:
    rng = np.random.default_rng(0)
    segments = [Segment(block="a", pool="mean", size=2), Segment(block="b", pool="mean", size=50)]
    table = ArrayTable(rng.normal(0, 1, (200, 52)).astype(np.float32), segments)
    vectors = positions(table, np.arange(200), start=0, end=1, pools=("mean",))
    squares = (vectors**2).mean(0)
    assert squares[:2].sum() == pytest.approx(squares[2:].sum(), rel=1e-3)


def test_a_stretch_of_a_deep_network_is_thinned() -> None:
    segments = [Segment(block=f"b{i}", pool="mean", size=1) for i in range(41)]
    table = ArrayTable(np.zeros((1, 41), np.float32), segments)
    blocks = blocks_between(table, 0.25, 0.75)
    assert (blocks[0], blocks[-1]) == ("b10", "b30")
    assert len(blocks) == neighbours.MAX_BLOCKS
    assert blocks_between(table, 1, 1) == ("b40",)
