"""Altered views beside examples: an example and its views are never on two sides of a split."""

from dataclasses import replace

import numpy as np
import pytest

from topwork.features.table import ArrayTable
from topwork.heads import fit as module
from topwork.heads.fit import fit_head
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import Labels
from topwork.heads.restore import restore_head
from topwork.heads.settings import HeadKind, HeadSettings

from .data import SEGMENTS, labels_of

NUM_CLASSES, EACH, VIEWS, TESTED = 6, 5, 8, 300
NUM = NUM_CLASSES * EACH
TRAIN = np.arange(NUM)


def made(*, useful: bool = True) -> tuple[ArrayTable, Labels, np.ndarray, np.ndarray]:
    """Examples that vary along some directions that say nothing, and views that vary so too."""
    rng = np.random.default_rng(0)
    width = sum(segment.size for segment in SEGMENTS)
    middles = rng.normal(size=(NUM_CLASSES, width))
    nuisance = rng.normal(size=(60, width))

    def shifted(rows: np.ndarray) -> np.ndarray:
        return rows + 0.7 * rng.normal(size=(len(rows), 60)) @ nuisance

    train = np.repeat(np.arange(NUM_CLASSES), EACH)
    tested = rng.integers(NUM_CLASSES, size=TESTED)
    examples = middles[np.concatenate([train, tested])]
    examples = shifted(examples + 0.3 * rng.normal(size=examples.shape))
    views = np.repeat(examples[:NUM], VIEWS, axis=0)
    views = shifted(views) if useful else 3 * rng.normal(size=views.shape)
    table = ArrayTable(np.concatenate([examples, views]).astype(np.float16), SEGMENTS)
    rows = len(examples) + np.arange(NUM * VIEWS).reshape(NUM, VIEWS)
    return table, replace(labels_of(train), views=rows), np.arange(NUM, NUM + TESTED), tested


def share(head: object, table: ArrayTable, rows: np.ndarray, classes: np.ndarray) -> float:
    assert isinstance(head, KernelHead)
    return float((head.predict(table, rows).argmax(1) == classes).mean())


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_views_teach_what_does_not_matter(kind: HeadKind) -> None:
    table, labels, rows, classes = made()
    settings = HeadSettings(kind=kind)
    plain = fit_head(table, TRAIN, labels.alone(), settings=settings)
    head = fit_head(table, TRAIN, labels, settings=settings)
    assert isinstance(head, KernelHead)
    assert head.num_views == VIEWS
    assert f"{VIEWS} altered views of each example beside it" in head.form
    assert share(head, table, rows, classes) > share(plain, table, rows, classes) + 0.1
    again = restore_head(head.settings(), head.tensors())
    assert again.form == head.form
    np.testing.assert_array_equal(again.predict(table, rows), head.predict(table, rows))


def test_views_that_surely_mislead_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    table, labels, rows, _ = made(useful=False)
    monkeypatch.setattr(module, "SEARCH_ROWS", NUM)  # so that both know of the same kernel
    head, plain = fit_head(table, TRAIN, labels), fit_head(table, TRAIN, labels.alone())
    assert isinstance(head, KernelHead)
    assert head.num_views == 0
    np.testing.assert_array_equal(head.predict(table, rows), plain.predict(table, rows))


def test_a_view_stays_with_its_example() -> None:
    _, labels, _, _ = made()
    rows, expanded = labels.expanded(TRAIN)
    assert rows[:NUM].tolist() == TRAIN.tolist()
    of = np.tile(np.arange(NUM), VIEWS + 1)
    assert labels.views is not None
    for position in (NUM, NUM + 1, len(rows) - 1):
        assert rows[position] in labels.views[of[position]]
    np.testing.assert_array_equal(expanded.classes, labels.classes[of])
    for fold in expanded.folds():
        assert not set(of[fold]) & set(of[np.setdiff1d(np.arange(len(rows)), fold)])


def test_groups_and_weights_are_kept() -> None:
    _, labels, _, _ = made()
    groups, weights = np.array([f"p{i // 3}" for i in range(NUM)]), np.linspace(0.5, 1.5, NUM)
    rows, expanded = replace(labels, groups=groups, weights=weights).expanded(TRAIN)
    assert expanded.groups is not None
    assert expanded.weights is not None
    assert len(set(expanded.groups.tolist())) == NUM // 3
    assert expanded.weights.sum() == pytest.approx(weights.sum() * (VIEWS + 1))
    assert len(rows) == NUM * (VIEWS + 1)


def test_what_is_taken_takes_its_views() -> None:
    _, labels, _, _ = made()
    taken = labels.take(np.array([4, 2]))
    assert taken.views is not None
    assert labels.views is not None
    np.testing.assert_array_equal(taken.views, labels.views[[4, 2]])
    assert taken.with_views(3).views is not None
    assert taken.with_views(3).views.shape == (2, 3)
    assert taken.with_views(0).views is None
    assert taken.alone().views is None


def test_there_are_never_more_rows_than_landmarks() -> None:
    table, labels, rows, classes = made()
    head = fit_head(table, TRAIN, labels, max_landmarks=3 * NUM)
    assert isinstance(head, KernelHead)
    assert head.num_views == 2
    assert share(head, table, rows, classes) > 0.5
    none = fit_head(table, TRAIN, labels, max_landmarks=NUM)
    assert isinstance(none, KernelHead)
    assert none.num_views == 0


@pytest.mark.parametrize("num", [1, 3])
def test_too_few_to_leave_out_do_without(num: int) -> None:
    table, labels, _, _ = made()
    kept = np.arange(0, NUM, EACH)[:num]
    head = fit_head(table, kept, labels.take(kept))
    assert isinstance(head, KernelHead)
    assert head.num_views == 0
    assert head.predict(table, kept).argmax(1).tolist() == list(range(num))


def test_other_heads_do_without() -> None:
    table, labels, rows, _ = made()
    for settings in (HeadSettings(kind="nearest"), HeadSettings(kind="mlp", units=(8,))):
        head = fit_head(table, TRAIN, labels, settings=settings)
        plain = fit_head(table, TRAIN, labels.alone(), settings=settings)
        np.testing.assert_array_equal(head.predict(table, rows), plain.predict(table, rows))
