"""Matrices and mistakes, against scikit-learn's count."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from tests.reports.made import answers
from topwork.evaluation.metrics import evaluate
from topwork.reports.mistakes import (
    MAX_CLASSES,
    MAX_IN_PAIR,
    PredictionPart,
    matrix_of,
    matrix_of_scores,
    most_confused_pair,
    no_mistakes,
    surest_mistakes,
)
from topwork.reports.parts import Matrix
from topwork.reports.pictures import Album

ALBUM = Album([], "image")


def part(truth: list[int], predicted: list[int], num_classes: int) -> PredictionPart:
    return PredictionPart(
        id="cv", title="Confusion", answers=answers(truth, predicted, num_classes)
    )


def numbers(matrix: Matrix) -> np.ndarray:
    return np.array([[float(cell.text or 0) for cell in row] for row in matrix.rows])


def test_the_counts_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 80).tolist(), rng.integers(0, 4, 80).tolist()
    found = matrix_of(part(truth, predicted, 4), "abcd", ALBUM)
    np.testing.assert_array_equal(numbers(found), confusion_matrix(truth, predicted))
    assert found.columns == ["a", "b", "c", "d"]
    assert found.note == ""


def test_every_wrong_cell_leads_to_its_examples_and_no_other_does() -> None:
    truth, predicted = [0] * 20 + [1, 2, 2], [1] * 20 + [1, 0, 2]
    found = matrix_of(part(truth, predicted, 3), ["dog", "cat", "cow"], ALBUM)
    pairs = {pair.id: pair for pair in found.pairs}
    linked = {cell.href for row in found.rows for cell in row if cell.href}
    assert linked == set(pairs) == {"cv-0-1", "cv-2-0"}
    dogs = pairs["cv-0-1"]
    assert (dogs.true, dogs.predicted, dogs.count) == ("dog", "cat", 20)
    assert len(dogs.shown) == MAX_IN_PAIR
    assert dogs.shown[0].name == "example 19", "the surest first"
    assert found.rows[0][1].label == "20 dog called cat"
    assert [cell.is_right for cell in found.rows[1]] == [False, True, False]


def test_heat_is_the_share_of_the_row() -> None:
    found = matrix_of(part([0, 0, 0, 0], [0, 0, 0, 1], 2), "ab", ALBUM)
    assert found.rows[0][0].heat == pytest.approx(0.75)
    assert found.rows[0][1].heat == pytest.approx(0.5**0.5)
    assert {cell.heat for cell in found.rows[1]} == {0.0}, "a class that does not occur"


def test_it_says_where_the_scores_are_means_over_draws() -> None:
    own = part([0, 0, 1, 1], [0, 0, 1, 0], 2)
    same = evaluate(own.answers.probabilities, own.answers.truth, "ab", method="once")
    assert matrix_of(own, "ab", ALBUM, same).note == ""
    other = own.answers.probabilities[[0, 0, 3, 3]]  # another draw, with two mistakes
    drawn = np.stack([own.answers.probabilities, other])
    means = evaluate(drawn, own.answers.truth, "ab", method="drawn 2 times")
    assert "means over the draws" in matrix_of(own, "ab", ALBUM, means).note


def test_of_many_classes_the_most_confused_are_shown() -> None:
    num = 77
    truth = [k for k in range(num) for _ in range(4)]
    predicted = list(truth)
    for k in range(0, 2 * MAX_CLASSES, 2):
        predicted[4 * k] = predicted[4 * k + 1] = (
            k + 1
        )  # even classes are taken for the next, twice
    predicted[4 * 70] = 0
    classes = [f"class {k}" for k in range(num)]
    found = matrix_of(part(truth, predicted, num), classes, ALBUM)
    assert len(found.rows) == MAX_CLASSES
    assert len(found.columns) == MAX_CLASSES + 1
    assert found.note.startswith(f"Of 77 classes, the {MAX_CLASSES} with the most mistakes")
    np.testing.assert_array_equal(numbers(found).sum(1), 4)  # nothing is lost
    assert found.classes == sorted(found.classes, key=classes.index)


def test_a_model_without_answers_has_the_matrix_of_its_scores() -> None:
    rng = np.random.default_rng(1)
    pays_probability, truth = rng.dirichlet([1, 1, 1], (2, 40)), rng.integers(0, 3, 40)
    scores = evaluate(pays_probability, truth, "abc", method="twice")
    found = matrix_of_scores(scores, id="cv", title="Confusion")
    np.testing.assert_allclose(numbers(found), scores.confusion, atol=5e-4)
    assert found.pairs == ()
    assert not any(cell.href for row in found.rows for cell in row)


def test_the_surest_mistakes_come_first() -> None:
    own = part([0, 1, 2, 0], [1, 1, 0, 2], 3)
    test = PredictionPart(id="test", title="", answers=answers([2, 2], [1, 2], 3, sure=0.94))
    found = surest_mistakes([own, test], ["a", "b", "c"], ALBUM)
    assert [(one.true, one.predicted, one.is_test) for one in found] == [
        ("c", "b", True), ("a", "c", False), ("c", "a", False), ("a", "b", False),
    ]  # fmt: skip
    assert found[0].probability == "94%"
    assert found[0].probability_of_true == "3%"
    assert len(surest_mistakes([own, test], ["a", "b", "c"], ALBUM, most=2)) == 2


def test_the_most_confused_pair_counts_both_ways() -> None:
    found = most_confused_pair(answers([0, 1, 1, 2, 0], [1, 0, 1, 0, 0], 3), ["a", "b", "c"])
    assert found == ("a", "b", 2, 4)
    assert most_confused_pair(answers([0, 1], [0, 1], 2), ["a", "b"]) is None


def test_it_says_why_there_are_none() -> None:
    assert "None of the 2 answers was wrong" in no_mistakes([part([0, 1], [0, 1], 2)]).why
    assert "no answers" in no_mistakes([]).why
