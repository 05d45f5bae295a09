"""Windows joined against the same numbers pooled over the whole at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.executors.base import Segment
from topwork.executors.join import join

C = 3
SEGMENTS = [
    Segment(block="a", pool="mean", size=C),
    Segment(block="a", pool="std", size=C),
    Segment(block="a", pool="max", size=C),
    Segment(block="a", pool="grid2", size=2 * C),
    Segment(block="a", pool="grid3", size=3 * C),
    Segment(block="a", pool="prefix", size=2 * C),
    Segment(block="a", pool="last", size=C),
    Segment(block="b", pool="mean", size=2),
]


def pooled(places: np.ndarray, prefix: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Pool a row of places [L, C], L a multiple of 6, one number after the other."""
    thirds = [
        np.stack([part.mean(0) for part in np.split(places, grid)]).T.ravel() for grid in (2, 3)
    ]
    return np.concatenate(
        [places.mean(0), places.std(0), places.max(0), *thirds, prefix, places[-1], flat]
    ).astype(np.float32)


def test_one_window_is_itself() -> None:
    vector = np.arange(5, dtype=np.float32)
    assert join([vector], [7.0], [Segment(block="a", pool="max", size=5)]) is vector


@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_joined_windows_are_the_whole(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    # each window's stretches are even within, so that no mean hides where its limits lie
    windows = [rng.normal(50, 1, (6 * n, C)) for n in sizes]
    prefixes, flats = rng.normal(size=(len(sizes), 2 * C)), rng.normal(size=(len(sizes), 2))
    vectors = [pooled(w, p, f) for w, p, f in zip(windows, prefixes, flats, strict=True)]
    share = np.array(sizes) / sum(sizes)
    whole = pooled(np.concatenate(windows), share @ prefixes, share @ flats)
    found = join(vectors, [float(n) for n in sizes], SEGMENTS)
    grids = slice(3 * C, 8 * C)
    exact = np.ones(len(whole), bool)
    exact[grids] = False
    np.testing.assert_allclose(found[exact], whole[exact], rtol=1e-5, atol=1e-5)
    # stretches whose limits fall inside a window's are shared out: exact in their mean alone
    for start, grid in ((3 * C, 2), (5 * C, 3)):
        part = found[start : start + grid * C].reshape(C, grid)
        np.testing.assert_allclose(part.mean(1), whole[:C], rtol=1e-5)


@pytest.mark.parametrize("grid", [2, 3])
def test_stretches_that_end_where_windows_do_are_exact(grid: int) -> None:
    rng = np.random.default_rng(0)
    windows = [rng.normal(size=(6, C)) for _ in range(grid)]
    segments = [Segment(block="a", pool=f"grid{grid}", size=grid * C)]
    vectors = [
        np.stack([p.mean(0) for p in np.split(w, grid)]).T.ravel().astype(np.float32)
        for w in windows
    ]
    expected = np.stack([w.mean(0) for w in windows]).T.ravel()
    np.testing.assert_allclose(join(vectors, [6.0] * grid, segments), expected, rtol=1e-5)


def test_a_spread_without_its_mean_is_that_within_the_windows() -> None:
    segments = [Segment(block="a", pool="std", size=1)]
    vectors = [np.array([3.0], np.float32), np.array([4.0], np.float32)]
    found = join(vectors, [1.0, 1.0], segments)
    np.testing.assert_allclose(found, np.sqrt([12.5]), rtol=1e-6)
