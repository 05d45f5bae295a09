"""A picture of each class: the hardest first, with its hit rate, by an example that is trusted."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.reports.made import answers, changed
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Example
from topwork.model.model import Model
from topwork.model.predictions import Predictions
from topwork.reports.class_tiles import COUNTED, FEW_TESTED, MAX_TILES, class_tiles, few_classes
from topwork.reports.pictures import Album
from topwork.reports.sections import ClassTiles


def score(told: Predictions, classes: tuple[str, ...]) -> Evaluation:
    return evaluate(told.probabilities, told.truth, classes, method="a count")


def tiles(model: Model, told: Predictions, classes: tuple[str, ...], *doubted: str) -> ClassTiles:
    examples = [Example(name=n, digest=n, read=partial(str, f"text of {n}")) for n in told.names]
    scores = score(told, classes)
    given = changed(model, classes=classes, evaluation=scores, oof_predictions=told, test=None)
    return class_tiles(given, scores, Album(examples, "text"), doubted=frozenset(doubted))


def test_the_hardest_comes_first_with_its_rate(tiny_model: Model) -> None:
    truth = [0] * 30 + [1] * 10 + [2] * 30
    told = answers(truth, [0] * 30 + [1] * 4 + [0] * 6 + [2] * 21 + [0] * 9, 3)
    found = tiles(tiny_model, told, ("a", "b", "c"))
    assert [one.label for one in found.shown] == ["b", "c", "a"]
    assert [(one.rate, one.of) for one in found.shown] == [
        ("4 of 10", "found"), ("70%", "of 30 photos found"), ("100%", "of 30 photos found"),
    ]  # fmt: skip
    assert [one.found for one in found.shown] == [40.0, 70.0, 100.0]
    assert found.folded == []
    assert found.few == ""


def test_a_right_and_trusted_example_stands_for_the_class(tiny_model: Model) -> None:
    told = answers([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], 2)  # later ones are surer
    (first, second) = tiles(tiny_model, told, ("a", "b")).shown
    assert first.shown.text == "text of example 1", "the surest of those that are right"
    assert second.shown.text == "text of example 4"
    doubted = tiles(tiny_model, told, ("a", "b"), "example 1", "example 4").shown
    assert [one.shown.text for one in doubted] == ["text of example 0", "text of example 3"]
    all_doubted = tiles(tiny_model, told, ("a", "b"), *told.digests).shown
    assert all_doubted[0].shown.text == "text of example 1"


@pytest.mark.parametrize(
    ("wrong", "rate"), [(0, "100%"), (1, ">99%"), (299, "<1%"), (300, "0%"), (2, "99%")]
)
def test_a_rate_is_never_whole_by_rounding(tiny_model: Model, wrong: int, rate: str) -> None:
    said = [1] * wrong + [0] * (300 - wrong) + [1] * 30
    found = tiles(tiny_model, answers([0] * 300 + [1] * 30, said, 2), ("a", "b"))
    assert {one.label: one.rate for one in found.shown}["a"] == rate


def test_the_mean_of_draws_is_not_all_of_them(tiny_model: Model) -> None:
    probabilities = np.eye(2)[np.array([[0] * 10 + [1] * 10, [1] + [0] * 9 + [1] * 10])]
    truth = np.array([0] * 10 + [1] * 10)
    scores = evaluate(probabilities, truth, ("a", "b"), method="two draws")
    given = changed(tiny_model, classes=("a", "b"), evaluation=scores, oof_predictions=None)
    found = class_tiles(given, scores, Album([], "text")).shown
    assert {one.label: one.rate for one in found} == {"a": "9 of 10", "b": "10 of 10"}
    assert COUNTED > 10


def test_classes_of_few_examples_stand_together(tiny_model: Model) -> None:
    sizes = [20] * MAX_TILES + [2, 3, FEW_TESTED - 1]
    truth = [k for k, size in enumerate(sizes) for _ in range(size)]
    said = [0 if k >= MAX_TILES and i % 2 else k for i, k in enumerate(truth)]
    told = answers(truth, said, len(sizes))
    names = tuple(f"class {k}" for k in range(len(sizes)))
    found = tiles(tiny_model, told, names)
    right = sum(t == s for t, s in zip(truth, said, strict=True) if t >= MAX_TILES)
    assert found.few == (
        f"3 classes of fewer than {FEW_TESTED} photos each, together: {right} of 14 found"
    )
    assert {one.label for one in found.few_tiles} == set(names[MAX_TILES:])
    assert len(found.shown) == MAX_TILES
    assert few_classes(score(told, names).per_class) == set(names[MAX_TILES:])


def test_few_classes_are_never_put_together(tiny_model: Model) -> None:
    told = answers([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 0], 3)
    scores = score(told, tiny_model.classes)
    assert few_classes(scores.per_class) == frozenset()
    all_few = answers([k for k in range(30) for _ in range(2)], [0] * 60, 30)
    names = tuple(map(str, range(30)))
    assert few_classes(score(all_few, names).per_class) == frozenset(), "all are alike"


def test_many_classes_are_folded(tiny_model: Model) -> None:
    truth = [k for k in range(MAX_TILES + 5) for _ in range(FEW_TESTED)]
    found = tiles(
        tiny_model, answers(truth, truth, MAX_TILES + 5), tuple(map(str, range(MAX_TILES + 5)))
    )
    assert (len(found.shown), len(found.folded)) == (MAX_TILES, 5)


def test_without_scores_or_examples_the_classes_are_named(tiny_model: Model) -> None:
    bare = changed(tiny_model, evaluation=None, oof_predictions=None)
    found = class_tiles(bare, None, Album([], "image")).shown
    assert [one.label for one in found] == list(tiny_model.classes)
    assert all((one.rate, one.found, one.shown.picture) == ("", None, None) for one in found)


def test_a_class_that_was_not_tested_says_so(tiny_model: Model) -> None:
    told = answers([0, 0, 1, 1], [0, 0, 1, 1], 3)
    found = tiles(tiny_model, told, ("a", "b", "c")).shown
    assert (found[-1].label, found[-1].of, found[-1].found) == ("c", "none to test on", None)


def test_the_test_part_shows_its_own_examples(tiny_model: Model) -> None:
    told = answers([0, 1, 2], [0, 1, 2], 3)
    test = replace(told, names=("x", "y", "z"), digests=("x", "y", "z"))
    scores = score(test, tiny_model.classes)
    model = changed(tiny_model, oof_predictions=told, test_predictions=test, test=scores)
    shown = class_tiles(model, scores, Album([], "image")).shown
    assert {one.shown.whole_name for one in shown} == {"x", "y", "z"}
