import numpy as np
import pytest

from tests.evidence.tables import one_block
from topwork.evaluation.intervals import wilson
from topwork.evidence.data.duplicates import (
    DuplicatePair,
    Leaks,
    families,
    find_candidates,
    score_leaks,
    verify,
)
from topwork.evidence.data.thumbnails import Look, TextLook


def test_candidates_are_the_most_alike_first() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (60, 40))
    points[50] = points[3] + rng.normal(0, 0.05, 40)
    points[51] = points[7] + rng.normal(0, 0.4, 40)
    found = find_candidates(one_block(points), np.arange(60))
    assert [(pair.first, pair.second) for pair in found] == [(3, 50), (7, 51)]
    assert found[0].alike > found[1].alike
    assert find_candidates(one_block(points), np.arange(1)) == ()


def test_only_what_was_looked_at_and_is_the_same_stays() -> None:
    texts = ("a card is lost", "A card is lost!", "a card was found", "a card is lost")
    looks: dict[int, Look] = {i: TextLook(text=text) for i, text in enumerate(texts[:3])}
    candidates = [DuplicatePair(first=a, second=b, alike=0.9) for a, b in ((0, 1), (1, 2), (0, 3))]
    assert verify(candidates, looks) == (DuplicatePair(first=0, second=1, alike=1.0),)


def test_copies_of_copies_are_one_family() -> None:
    pairs = [DuplicatePair(first=a, second=b, alike=1) for a, b in ((0, 2), (2, 5), (1, 4))]
    numbers = families(pairs, 6)
    assert numbers[0] == numbers[2] == numbers[5]
    assert numbers[1] == numbers[4]
    assert len(set(numbers.tolist())) == 3
    assert len(set(families([], 4).tolist())) == 4


def test_the_score_is_given_with_and_without_leaks() -> None:
    right = np.array([1.0] * 80 + [0.0] * 20)
    leaked = np.arange(100) < 40
    found = score_leaks(right, leaked, part="test")
    assert found is not None
    assert found.score == wilson(0.8, 100)
    assert found.without == wilson(40 / 60, 60)
    assert "40 of the 100 test examples" in found.sentence
    assert Leaks.from_dict(found.to_dict()) == found


def test_groups_widen_the_intervals() -> None:
    rng = np.random.default_rng(0)
    right = np.repeat(rng.integers(0, 2, 20), 10).astype(float)
    leaked = np.arange(200) < 10
    alone = score_leaks(right, leaked, part="cross-validation")
    grouped = score_leaks(
        right, leaked, part="cross-validation", groups=[str(i // 10) for i in range(200)]
    )
    assert alone is not None
    assert grouped is not None
    assert grouped.without.value == pytest.approx(alone.without.value)
    assert grouped.without.low < alone.without.low


def test_no_leaks_give_no_second_score() -> None:
    assert score_leaks(np.ones(5), np.zeros(5, bool), part="test") is None
    assert score_leaks(np.ones(5), np.ones(5, bool), part="test") is None
