"""The names of classes beside examples: taken where they surely help, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from topwork.features.table import ArrayTable
from topwork.heads.exact import NAME_WEIGHTS
from topwork.heads.fit import fit_head
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import ClassNames, Labels
from topwork.heads.restore import restore_head
from topwork.heads.settings import HeadSettings

from .data import SEGMENTS, labels_of

NUM_CLASSES, EACH = 20, 3
TRAIN = np.arange(NUM_CLASSES * EACH)


def made(noise: float = 1.3) -> tuple[ArrayTable, Labels, np.ndarray, np.ndarray]:
    """Few noisy examples of many classes, 400 to test on, and each class's own middle."""
    rng = np.random.default_rng(0)
    width = sum(segment.size for segment in SEGMENTS)
    middles = rng.normal(size=(NUM_CLASSES, width))
    classes = np.repeat(np.arange(NUM_CLASSES), EACH)
    test = rng.integers(NUM_CLASSES, size=400)
    codes = np.concatenate([classes, test])
    examples = middles[codes] + noise * 4 * rng.normal(size=(len(codes), width))
    table = ArrayTable(np.concatenate([examples, middles]).astype(np.float16), SEGMENTS)
    names = ClassNames(rows=len(codes) + np.arange(NUM_CLASSES), classes=np.arange(NUM_CLASSES))
    return table, replace(labels_of(classes), names=names), np.arange(60, 460), test


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_names_that_say_what_they_name_are_taken(kind: str) -> None:
    table, labels, rows, classes = made()
    settings = HeadSettings(kind=kind)  # type: ignore[arg-type]
    plain = fit_head(table, TRAIN, replace(labels, names=None), settings=settings)
    head = fit_head(table, TRAIN, labels, settings=settings)
    assert isinstance(head, KernelHead)
    assert head.name_weight in NAME_WEIGHTS
    assert f"the name of each class as {head.name_weight:g} of its examples" in head.form
    right = (head.predict(table, rows).argmax(1) == classes).mean()
    assert right > (plain.predict(table, rows).argmax(1) == classes).mean() + 0.1
    again = restore_head(head.settings(), head.tensors())
    assert again.form == head.form
    np.testing.assert_array_equal(again.predict(table, rows), head.predict(table, rows))


def test_names_that_say_nothing_change_nothing() -> None:
    table, labels, rows, _ = made()
    assert labels.names is not None
    other = np.random.default_rng(1).permutation(NUM_CLASSES)
    mixed = replace(labels, names=replace(labels.names, classes=other))
    head = fit_head(table, TRAIN, mixed)
    plain = fit_head(table, TRAIN, replace(labels, names=None))
    assert isinstance(head, KernelHead)
    assert head.name_weight == 0
    assert head.form == plain.form
    np.testing.assert_array_equal(head.predict(table, rows), plain.predict(table, rows))


def test_names_stay_whatever_examples_are_taken() -> None:
    table, labels, rows, classes = made()
    kept = np.flatnonzero(TRAIN % EACH)
    head = fit_head(table, kept, labels.take(kept))
    assert isinstance(head, KernelHead)
    assert head.name_weight
    plain = fit_head(table, kept, replace(labels.take(kept), names=None))
    right, before = (
        (one.predict(table, rows).argmax(1) == classes).mean() for one in (head, plain)
    )
    assert right > before + 0.1


def test_heads_of_other_kinds_and_single_examples_do_without() -> None:
    table, labels, rows, _ = made()
    for settings in (HeadSettings(kind="nearest"), HeadSettings(kind="mlp", units=(8,))):
        head = fit_head(table, TRAIN, labels, settings=settings)
        assert head.predict(table, rows).shape == (400, NUM_CLASSES)
    alone = labels.take(np.arange(0, 60, EACH))  # one of each: none could be left out
    one = fit_head(table, TRAIN[::EACH], alone)
    assert isinstance(one, KernelHead)
    assert one.name_weight == 0
