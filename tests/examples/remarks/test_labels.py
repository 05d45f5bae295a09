"""Labels that look like mistakes are named, and others are not."""

from __future__ import annotations

import random

import pytest

from topwork.examples.example import Example
from topwork.examples.remarks.labels import distance, label_remarks


def labelled(*counts: tuple[str, int], group: str | None = None) -> list[Example]:
    return [
        Example(name=f"{label}/{i}", digest=f"{label}{i}", read=str, label=label, group=group)
        for label, num in counts
        for i in range(num)
    ]


@pytest.mark.parametrize(
    "odd", ["Dress", "dress ", " DRESS", "dress.", "dre\u00adss", "\uff44ress", "d-ress"]
)
def test_the_same_but_for_its_writing(odd: str) -> None:
    (remark,) = label_remarks(labelled(("dress", 20), ("shirt", 20), (odd, 6)))
    assert f"'dress' (20) and {odd!r} (6)" in remark
    assert "Spell them alike" in remark


@pytest.mark.parametrize("odd", ["dres", "derss", "dreess", "drass"])
def test_a_slip_of_the_hand(odd: str) -> None:
    (remark,) = label_remarks(labelled(("dress", 9), ("shirt", 9), (odd, 1)))
    assert f"{odd!r} (1) beside 'dress' (9)" in remark


def test_two_letters_of_a_long_label() -> None:
    remark = label_remarks(
        labelled(("card_arrival_time", 6), ("lost_card", 6), ("crad_arival_time", 1))
    )[0]
    assert "'crad_arival_time' (1) beside 'card_arrival_time' (6)" in remark


@pytest.mark.parametrize("odd", ["N/A", "none", "?", "-", "null", "Unknown", "TBD", "#N/A"])
def test_labels_that_are_none(odd: str) -> None:
    (remark,) = label_remarks(labelled(("dress", 20), ("shirt", 20), (odd, 7)))
    assert f"{odd!r} (7)" in remark
    assert "take these examples out" in remark


def test_small_classes_are_named_once() -> None:
    (remark,) = label_remarks(labelled(("a", 20), ("b", 4), ("c", 1)))
    assert "2 classes have fewer than 5 examples: 'c' (1), 'b' (4)" in remark
    (remark,) = label_remarks(labelled(("a", 20), ("b", 1)))
    assert remark.startswith("1 class has")


def test_a_class_of_one_group() -> None:
    examples = [
        *labelled(("ill", 5), ("well", 5), group="ann"),
        *labelled(("well", 5), group="ben"),
    ]
    (remark,) = label_remarks(examples)
    assert "1 class has all examples in one group" in remark
    assert "'ill'" in remark
    assert "'well'" not in remark
    assert label_remarks(labelled(("ill", 5), ("well", 5))) == []  # there are no groups


@pytest.mark.parametrize(
    "clean",
    [
        [(str(digit), 5) for digit in range(10)],
        [("class_1", 20), ("class_2", 5), ("class_11", 5)],
        [("cat", 50), ("car", 5), ("bat", 5)],
        [("shirt", 60), ("skirt", 12)],  # twelve times is no slip
        [("1.5", 9), ("15", 9)],
        [("+", 9), ("-1", 9), ("1", 9)],
        [("c", 9), ("c++", 9), ("c#", 9)],
    ],
)
def test_nothing_is_said_of_clean_labels(clean: list[tuple[str, int]]) -> None:
    assert label_remarks(labelled(*clean)) == []


def test_thousands_of_classes_take_no_time_to_speak_of() -> None:
    rng = random.Random(0)
    names = ["".join(rng.choices("abcdefgh", k=14)) for _ in range(2000)]
    remarks = label_remarks(labelled(*((name, 1 + i % 9) for i, name in enumerate(names))))
    assert len(remarks) == 1
    assert "and 870 more" in remarks[0]


def reference(one: str, other: str) -> int:
    """The recursion of the definition, for short words."""
    if not one or not other:
        return len(one) + len(other)
    best = min(
        reference(one[1:], other) + 1,
        reference(one, other[1:]) + 1,
        reference(one[1:], other[1:]) + (one[0] != other[0]),
    )
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        best = min(best, reference(one[2:], other[2:]) + 1)
    return best


def test_distance_is_that_of_its_definition() -> None:
    rng = random.Random(1)
    for _ in range(200):
        one, other = ("".join(rng.choices("abc", k=rng.randrange(6))) for _ in range(2))
        assert distance(one, other) == reference(one, other)
