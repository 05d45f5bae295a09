import numpy as np
import pytest

from topwork.evaluation.intervals import wilson
from topwork.evidence.data.confusions import Confusion, find_confusions

NAMES = ("hat", "shirt", "skirt", "t-shirt")


def answers(matrix: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot probabilities and truth that give this confusion matrix."""
    truth, named = [], []
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            truth += [i] * count
            named += [j] * count
    return np.eye(len(matrix))[named], np.array(truth)


def test_a_confused_pair_is_named_with_its_numbers() -> None:
    matrix = [[40, 0, 0, 0], [0, 24, 0, 16], [0, 1, 39, 0], [0, 15, 0, 25]]
    (pair,) = find_confusions(*answers(matrix), NAMES)
    assert (pair.first, pair.second) == ("shirt", "t-shirt")
    assert (pair.num_taken, pair.num_examples) == (31, 80)
    assert pair.share == wilson(31 / 80, 80)
    assert pair.told_apart == wilson(49 / 80, 80)
    assert pair.by_chance == 0.5
    assert pair.expected is not None
    # 16 errors of shirts, and 40 of the other 119 answers name t-shirts; and the other way round.
    named = np.array(matrix).sum(0)
    others = 160 - named
    by_hand = (16 * named[3] / others[1] + 15 * named[1] / others[3]) / 80
    assert pair.expected == pytest.approx(by_hand)
    assert "of 80 examples 31 are taken for the other" in pair.sentence
    assert "look at them" in pair.sentence


def test_what_is_guessed_is_to_be_merged() -> None:
    matrix = [[40, 0, 0], [0, 20, 20], [0, 20, 20]]
    (pair,) = find_confusions(*answers(matrix), NAMES[:3])
    assert "no better than guessing" in pair.sentence


def test_errors_that_spread_evenly_name_no_pair() -> None:
    matrix = [[20, 7, 7, 6], [7, 20, 6, 7], [6, 7, 20, 7], [7, 6, 7, 20]]
    assert find_confusions(*answers(matrix), NAMES) == ()


def test_two_classes_are_named_only_where_they_are_guessed() -> None:
    assert find_confusions(*answers([[35, 5], [5, 35]]), NAMES[:2]) == ()
    (pair,) = find_confusions(*answers([[21, 19], [19, 21]]), NAMES[:2])
    assert pair.expected is None


def test_few_errors_name_no_pair() -> None:
    assert find_confusions(*answers([[10, 0, 0], [0, 8, 2], [0, 1, 9]]), NAMES[:3]) == ()


def test_a_confusion_comes_back_from_plain_data() -> None:
    (pair,) = find_confusions(*answers([[40, 0, 0], [0, 20, 20], [0, 20, 20]]), NAMES[:3])
    assert Confusion.from_dict(pair.to_dict()) == pair
