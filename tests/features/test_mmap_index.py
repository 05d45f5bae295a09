"""Windows on disk, found by example, view and window."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.features.test_ragged import TWO, array, digest_of, write
from topwork.errors import StoreError
from topwork.features.mmap_index import Located
from topwork.features.ragged import read_ragged


def locate(*paths: Path, num: int, num_views: int = 1) -> Located:
    shards = [read_ragged(path, "float16") for path in paths]
    wanted = {digest_of(i): i for i in range(num)}
    return Located(
        [(shards, range(1)), (shards, range(1, num_views))],
        wanted,
        num_views=num_views,
        dtype="float16",
    )


def test_views_that_lie_in_several_shards_are_found(tmp_path: Path) -> None:
    second = [{1: [array(5, (2, 3)), array(6, (1, 3))]}]
    found = locate(write(tmp_path, TWO), write(tmp_path, second), num=3, num_views=3)
    assert found.missing.tolist() == [[False, False, True], [True, False, False], [True] * 3]
    assert found.incomplete.tolist() == [True, True, True]
    assert (found.num_windows(0), found.num_windows(1), found.num_windows(2)) == (2, 1, 0)
    assert (found.shape(0, 0), found.shape(0, 1)) == ((2, 3), (1, 3))
    assert (found.weight(0, 0), found.weight(0, 1)) == (1.5, 3.0)
    np.testing.assert_array_equal(found.read(0, 0, 1), TWO[0][0][1])
    np.testing.assert_array_equal(found.read(1, 2, 0), TWO[1][2][0])
    np.testing.assert_array_equal(found.read(0, 1, 1), second[0][1][1])


def test_what_is_read_is_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    found = locate(write(tmp_path, TWO[:1]), num=1)
    window = found.read(0, 0, 0)
    assert (window.dtype, window.flags.owndata, window.flags.writeable) == ("float16", False, False)
    assert window.flags.c_contiguous


def test_there_is_no_window_after_the_last(tmp_path: Path) -> None:
    found = locate(write(tmp_path, TWO[:1]), num=1)
    with pytest.raises(IndexError):
        found.read(0, 0, 2)
    with pytest.raises(IndexError):
        found.read(0, 1, 0)
    with pytest.raises(IndexError):
        found.read(1, 0, 0)


def test_what_was_opened_outlives_its_file_and_what_was_not_is_explained(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    found, late = locate(path, num=1), locate(path, num=1)
    found.read(0, 0, 0)
    path.unlink()
    np.testing.assert_array_equal(found.read(0, 0, 0), TWO[0][0][0])
    with pytest.raises(StoreError, match=r"no longer be read: .* Run again"):
        late.read(0, 0, 0)


def test_another_process_is_handed_it_without_what_was_opened(tmp_path: Path) -> None:
    found = locate(write(tmp_path, TWO), num=2, num_views=3)
    found.read(0, 0, 0)
    other = pickle.loads(pickle.dumps(found))
    assert len(pickle.dumps(found)) < 10_000
    for view, window in ((0, 0), (0, 1)):
        np.testing.assert_array_equal(other.read(0, view, window), found.read(0, view, window))
        assert other.shape(0, window) == found.shape(0, window)
        assert other.weight(0, window) == found.weight(0, window)
    assert isinstance(other.weight(0, 0), float)
    assert other.missing.tolist() == found.missing.tolist()
    np.testing.assert_array_equal(found.read(0, 0, 0), TWO[0][0][0])


def test_nothing_is_located_in_nothing() -> None:
    found = locate(num=2)
    assert found.incomplete.all()
    assert locate(num=0).missing.shape == (0, 1)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="cannot count open files here")
def test_no_file_stays_open(tmp_path: Path) -> None:
    paths = []
    for number in range(20):
        (tmp_path / str(number)).mkdir()
        paths.append(write(tmp_path / str(number), [{0: [array(0, (3,))]}] * (number + 1)))
    found = locate(*paths, num=20)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for place in range(20):
        found.read(place, 0, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
