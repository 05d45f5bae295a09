"""Hidden layers: the same twice, sane, calibrated, and folded as they were trained."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads import mlp as module
from topwork.heads.base import Head
from topwork.heads.dense import DenseHead
from topwork.heads.fit import fit_head
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels
from topwork.heads.search import KernelChoice
from topwork.heads.settings import HeadSettings
from topwork.heads.softmax import log_loss

from .data import labels_of, make

MLP = HeadSettings(kind="mlp", units=(16, 8))
CHOICE = KernelChoice(
    kernel=Kernel(blocks=("middle", "late"), pools=("mean", "grid2")), penalty=1e-2
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Few steps, where how well it learns is not the question."""
    if "digits" not in request.node.name:
        monkeypatch.setattr(module, "MIN_STEPS", 60)


def fitted(num: int = 60, *, settings: HeadSettings = MLP, **changes: object) -> Head:
    table, classes = make(num, 3, noise=2)
    labels = replace(labels_of(classes), **changes)  # type: ignore[arg-type]
    return fit_head(table, np.arange(num), labels, settings=settings, choice=CHOICE)


def same(first: Head, second: Head) -> bool:
    pairs = zip(first.tensors().values(), second.tensors().values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_it_has_the_layers_that_were_asked_for() -> None:
    head = fitted()
    assert isinstance(head, DenseHead)
    assert [layer.weight.shape for layer in head.layers] == [(90, 16), (16, 8), (8, 3)]
    assert head.blocks == ("middle", "late")
    table, classes = make(60, 3, noise=2)
    assert (head.predict(table).argmax(1) == classes).mean() > 0.9


def test_the_same_seed_gives_the_same_twice_and_side_by_side() -> None:
    first = fitted()
    torch.rand(7)  # torch's own chance is not looked at
    assert same(first, fitted())
    assert not same(first, fitted(seed=1))
    before = torch.get_num_threads()
    with ThreadPoolExecutor(3) as pool:
        heads = list(pool.map(lambda _: fitted(), range(3)))
    assert all(same(first, head) for head in heads)
    assert torch.get_num_threads() == before


def test_torch_has_its_threads_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fitted()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: fitted(), range(2)))
            assert pool.submit(torch.get_num_threads).result() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_digits() -> None:
    """Scanned digits, 400 to learn from: an `mlp` is no worse than a linear head by 2 points."""
    found = {}
    digits = load_digits()
    chosen = np.random.default_rng(0).permutation(len(digits.data))
    table = ArrayTable(
        digits.data[chosen].astype(np.float32), [Segment(block="pixels", pool="mean", size=64)]
    )
    classes = digits.target[chosen]
    rows, new = np.arange(400), np.arange(400, 1400)
    for name, units in (("linear", ()), ("mlp", (64,))):
        settings = HeadSettings(kind=name, units=units)  # type: ignore[arg-type]
        head = fit_head(table, rows, labels_of(classes[rows]), settings=settings)
        probabilities = head.predict(table, new)
        found[name] = (probabilities.argmax(1) == classes[new]).mean()
        sharp = probabilities.max(1).mean()
        assert abs(sharp - found[name]) < 0.05, "it is as sure as it is right"
        assert log_loss(probabilities, np.eye(10)[classes[new]]) < 0.35
    assert found["mlp"] > found["linear"] - 0.02


def test_weights_count() -> None:
    table, classes = make(90, 3, noise=6)
    weights = np.where(classes == 0, 2.5, 0.25)
    weights /= weights.mean()
    plain, heavy = (
        fit_head(
            table, np.arange(60), replace(labels_of(classes[:60]), weights=own), settings=MLP,
            choice=CHOICE,
        ).predict(table, np.arange(60, 90))[:, 0].mean()
        for own in (None, weights[:60])
    )  # fmt: skip
    assert heavy > plain + 0.1


def test_dropout_and_smoothing_count() -> None:
    plain = fitted()
    for settings in (replace(MLP, dropout=0.5), replace(MLP, label_smoothing=0.3)):
        assert not same(plain, fitted(settings=settings))


@pytest.mark.parametrize(("num", "wide"), [(40, True), (40, False), (120, False)])
def test_components_lose_nothing(num: int, wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(num, 90)) + 3).astype(np.float32)
    if wide:
        monkeypatch.setattr(module, "MAX_COMPONENTS", 60)
    axes = module._Axes.fit(vectors, 0)
    coordinates = axes(vectors)
    assert coordinates.shape == (num, min(num - 1, 90))
    assert np.square(coordinates).mean() == pytest.approx(1, rel=1e-3)
    ratio = np.linalg.norm(vectors[1:] - vectors[0], axis=1) / np.linalg.norm(
        coordinates[1:] - coordinates[0], axis=1
    )
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_of_many_examples_of_many_numbers_a_sample_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_COMPONENTS", 30)
    head = fitted(80)
    table, classes = make(80, 3, noise=2)
    assert (head.predict(table).argmax(1) == classes).mean() > 0.8


def test_groups_stay_together_while_it_is_calibrated() -> None:
    """Copies on both sides would make it sure of what it cannot know."""
    rng = np.random.default_rng(0)
    table, _ = make(90, 3)
    table.matrix[:] = np.repeat(rng.normal(size=(30, table.matrix.shape[1])), 3, axis=0)
    labels = labels_of(np.repeat(rng.integers(3, size=30), 3))
    groups = np.repeat([f"g{i}" for i in range(30)], 3)
    sure, unsure = (
        fit_head(table, np.arange(90), each, settings=MLP, choice=CHOICE).softmax.matrix[0, 0]
        for each in (labels, replace(labels, groups=groups))
    )
    assert unsure < sure / 2


@pytest.mark.parametrize("num", [2, 3, 5])
def test_very_few_examples(num: int) -> None:
    table, _ = make(num, 2)
    labels = Labels(classes=np.arange(num) % 2, num_classes=2)
    head = fit_head(table, np.arange(num), labels, settings=MLP)
    found = head.predict(table, np.arange(num))
    assert np.isfinite(found).all()


def test_examples_that_are_all_alike() -> None:
    table, classes = make(20, 2)
    table.matrix[:] = table.matrix[0]
    found = fit_head(table, np.arange(20), labels_of(classes), settings=MLP).predict(table)
    np.testing.assert_allclose(found, 0.5, atol=0.05)
