"""What the search may choose from, and that it chooses well."""

import numpy as np
import pytest

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads import search as module
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels
from topwork.heads.search import (
    GAMMAS,
    PENALTIES,
    KernelTrial,
    around,
    default_choice,
    neighbours,
    pool_sets,
    search,
    windows,
)

from .data import labels_of, make


def rings() -> tuple[ArrayTable, np.ndarray]:
    """Two classes that no plane tells apart: one lies around the other."""
    rng = np.random.default_rng(0)
    classes = np.arange(120) % 2
    angles, reach = rng.uniform(0, 2 * np.pi, 120), np.where(classes, 1.0, 0.2)
    points = np.stack([reach * np.cos(angles), reach * np.sin(angles), rng.normal(size=120)], 1)
    points[:, 2] = 1 + 0.05 * points[:, 2]
    return ArrayTable(
        np.repeat(points, 2, 1).astype(np.float32), [Segment(block="x", pool="mean", size=6)]
    ), classes


def test_windows_are_runs_once_each() -> None:
    assert windows([("a",)]) == [("a",)]
    runs = windows([tuple("abcdefghi")])
    assert tuple("abcdefghi") in runs
    assert ("i",) in runs
    assert len(runs) == len(set(runs))
    assert all("".join(run) in "abcdefghi" for run in runs)


def test_windows_of_several_networks_are_of_each_and_of_all_at_the_same_depth() -> None:
    networks = [tuple("abc"), tuple("vwxyz")]
    runs = windows(networks)
    assert {tuple("abc"), tuple("vwxyz"), ("c",), ("z",), ("c", "z")} <= set(runs)
    assert tuple("abcvwxyz") in runs
    assert len(runs) == len(set(runs))
    near = neighbours(networks, ("c", "y", "z"))
    assert set(runs) <= set(near)
    assert {("a", "b", "c", "y", "z"), ("c", *"vwxyz"), ("c",), ("y", "z")} <= set(near)
    assert () not in near
    assert neighbours(networks[:1], ("c",)) == windows(networks[:1])


def test_what_either_network_alone_does_not_tell_both_together_do() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(160) % 4
    one = np.where(classes % 2, 1.0, -1.0)[:, None] + 0.3 * rng.normal(size=(160, 3))
    two = np.where(classes // 2, 1.0, -1.0)[:, None] + 0.3 * rng.normal(size=(160, 3))
    segments = [Segment(block=f"{n}: x", pool="mean", size=3) for n in ("one", "two")]
    table = ArrayTable(np.concatenate([one, two], 1).astype(np.float32), segments)
    choice = search(table, np.arange(160), labels_of(classes))
    assert choice.kernel.blocks == ("one: x", "two: x")
    noise = rng.normal(size=(160, 3))
    useless = ArrayTable(np.concatenate([one + two * 2, noise], 1).astype(np.float32), segments)
    assert search(useless, np.arange(160), labels_of(classes)).kernel.blocks == ("one: x",)


def test_pool_sets_hold_what_the_table_has() -> None:
    assert pool_sets(make(5, 2)[0]) == [("mean", "grid2"), ("grid2",), ("mean",)]


def test_around_is_the_grid_near_by_and_above_the_floor() -> None:
    np.testing.assert_allclose(around(1e-2), [10**-2.5, 1e-2, 10**-1.5])
    np.testing.assert_allclose(around(1e-5), [1e-5, 10**-4.5])
    np.testing.assert_allclose(around(1e-5, 1e-4), [1e-4, 10**-3.5])
    np.testing.assert_allclose(around(100.0), [10**0.5, 10])


def test_search_is_near_the_best_of_the_whole_grid() -> None:
    table, classes = make(120, 4, noise=2.5)
    labels = labels_of(classes)
    found = search(table, np.arange(120), labels)
    trial = KernelTrial(Grams(table, np.arange(120)), labels)
    best = min(
        trial.best(Kernel(blocks=run, pools=pools, gamma=gamma), PENALTIES).loss
        for run in windows(table.networks)
        for pools in pool_sets(table)
        for gamma in (None, *GAMMAS)
    )
    assert found.loss <= best + 0.02
    assert "late" in found.kernel.blocks


def test_without_gammas_it_is_linear() -> None:
    table, classes = rings()
    rows, labels = np.arange(120), labels_of(classes)
    assert search(table, rows, labels).kernel.gamma is not None
    assert search(table, rows, labels, ()).kernel.gamma is None


def test_the_last_round_sees_more_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(120, 4, noise=2.5)
    monkeypatch.setattr(module, "LEAST_SAMPLE", 60)
    monkeypatch.setattr(module, "FULL", 100)
    sizes = []

    class Spied(KernelTrial):
        def __init__(self, grams: Grams, labels: Labels) -> None:
            sizes.append(len(labels.classes))
            super().__init__(grams, labels)

    monkeypatch.setattr(module, "KernelTrial", Spied)
    search(table, np.arange(120), labels_of(classes))
    assert sizes == [60, 100]


def test_too_few_to_compare_take_the_default() -> None:
    table, classes = make(3, 2)
    assert search(table, np.arange(3), labels_of(classes)) == default_choice(table)
    assert default_choice(table).kernel.blocks == ("middle", "late")


def test_folds_keep_groups_whole() -> None:
    rng = np.random.default_rng(0)
    groups = np.array([f"g{i}" for i in rng.integers(9, size=60)])
    labels = Labels(classes=rng.integers(3, size=60), num_classes=3, groups=groups)
    for part in (labels, labels.take(np.arange(0, 60, 2))):
        assert part.groups is not None
        folds = part.folds()
        assert sum(map(len, folds)) == len(part.classes)
        seen = [set(part.groups[fold]) for fold in folds]
        assert sum(map(len, seen)) == len(set(part.groups))


def test_one_group_cannot_be_split() -> None:
    labels = Labels(
        classes=np.arange(10) % 2, num_classes=2, groups=np.array(["a"] * 10, dtype=np.str_)
    )
    assert labels.folds() == []


def test_take_keeps_the_classes_numbers() -> None:
    weights = np.linspace(0.5, 1.5, 6)
    labels = Labels(classes=np.array([0, 1, 2, 0, 1, 2]), num_classes=3, weights=weights, seed=7)
    taken = labels.take(np.array([2, 5]))
    assert taken.num_classes == 3
    assert taken.seed == 7
    np.testing.assert_array_equal(taken.targets, [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(taken.weights, weights[[2, 5]])


def test_a_block_that_tells_nothing_is_not_taken_alone() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(80) % 2
    signal = classes[:, None] + 0.8 * rng.normal(size=(80, 6))
    noise = rng.normal(size=(80, 300))
    table = ArrayTable(
        np.concatenate([signal, noise], axis=1).astype(np.float32),
        [
            Segment(block="signal", pool="mean", size=6),
            Segment(block="noise", pool="mean", size=300),
        ],
    )
    assert "signal" in search(table, np.arange(80), labels_of(classes)).kernel.blocks
