"""Outcomes of folds on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from topwork.core import files
from topwork.core.memo import memo_folder
from topwork.evaluation import fold_cache
from topwork.evaluation.fold_cache import FoldCache
from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadSettings

FOLD = np.array([1, 4, 7])
VALUES = np.random.default_rng(0).random((3, 2))


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path))
    return tmp_path


def get(folds: FoldCache, seed: int = 0, fold: np.ndarray = FOLD) -> np.ndarray | None:
    return folds.get(seed, fold, (3, 2))


def test_what_is_put_comes_back() -> None:
    classes = np.arange(9) % 2
    FoldCache("features", classes, None).put(0, FOLD, VALUES)
    found = get(FoldCache("features", classes, None))
    assert found is not None
    np.testing.assert_array_equal(found, VALUES)


def test_everything_counts() -> None:
    classes = np.arange(9) % 2
    folds = FoldCache("features", classes, None)
    folds.put(0, FOLD, VALUES)
    assert get(folds, seed=1) is None
    assert get(folds, fold=np.array([1, 4, 8])) is None
    for other in (
        FoldCache("others", classes, None),
        FoldCache("features", np.roll(classes, 1), None),
        FoldCache("features", classes.astype(np.int8), None),
        FoldCache("features", classes, np.array(["a"] * 9)),
        FoldCache("features", None, classes),
        FoldCache("features", classes.reshape(3, 3), None),
        FoldCache("features", classes, None, settings=HeadSettings(kind="linear")),
        FoldCache("features", classes, None, settings=HeadSettings(dropout=0.1)),
    ):
        assert get(other) is None


def test_other_code_computes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    FoldCache("features").put(0, FOLD, VALUES)
    monkeypatch.setattr(fold_cache, "code_version", lambda: "other")
    assert get(FoldCache("features")) is None


def test_without_a_digest_nothing_is_kept() -> None:
    folds = FoldCache(None, np.arange(9))
    folds.put(0, FOLD, VALUES)
    assert get(folds) is None
    assert not memo_folder().exists()


def test_another_shape_is_not_taken() -> None:
    folds = FoldCache("features")
    folds.put(0, FOLD, VALUES[:, :1])
    assert get(folds) is None


def test_a_disk_that_refuses_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replacing", full)
    folds = FoldCache("features")
    folds.put(0, FOLD, VALUES)
    assert "No space left on device" in caplog.text
    assert get(folds) is None
    assert not memo_folder().exists()


def test_a_search_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(40) % 2
    matrix = rng.normal(size=(40, 6)).astype(np.float32) + classes[:, None]
    segments = [Segment(block=b, pool="mean", size=3) for b in ("one", "two")]
    table, indices = ArrayTable(matrix, segments), np.arange(40)
    labels = Labels(classes=classes, num_classes=2)
    searched = fold_cache.choose_space(table, indices, labels, "kernel")
    found = FoldCache("a table", classes).choose(table, indices, labels)
    assert found == searched
    (path,) = memo_folder().iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(fold_cache, "choose_space", lambda *_a: pytest.fail("searched again"))
        again = FoldCache("a table", classes).choose(table, indices, labels)
        assert (again, again.loss) == (found, found.loss)
    path.write_text("{damaged")
    assert FoldCache("a table", classes).choose(table, indices, labels) == found
    with monkeypatch.context() as patch:
        calls: list[int] = []
        patch.setattr(fold_cache, "choose_space", lambda *_a: calls.append(1) or found)
        FoldCache("a table", classes).choose(table, indices, replace(labels, seed=1))
        FoldCache("another table", classes).choose(table, indices, labels)
        FoldCache(None, classes).choose(table, indices, labels)
        FoldCache("a table", classes).choose(table, indices, labels, "linear")
        FoldCache("a table", classes).choose(table, indices, labels, "linear")
    assert len(calls) == 4
