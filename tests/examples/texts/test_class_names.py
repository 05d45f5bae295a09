"""Names of classes, read as a person would write them."""

import pytest

from topwork.examples.texts.class_names import name_examples, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("card_arrival", "card arrival"),
        ("Hotel-Booking", "hotel booking"),
        ("cardArrival", "card arrival"),
        ("PIN blocked", "pin blocked"),
        ("größe_ändern", "größe ändern"),
        ("取消订单", "取消订单"),
        ("  spaced  ", "spaced"),
        ("__", "__"),
        ("ABBR", "abbr"),
    ],
)
def test_words(name: str, words: str) -> None:
    assert words_of(name) == words


def test_each_name_is_an_example_of_its_class() -> None:
    found = name_examples(["card_arrival", "3", "__"])
    assert [one.label for one in found] == ["card_arrival", "3", "__"]
    assert [one.digest for one in found] == [
        one.digest for one in name_examples(["card_arrival", "3", "__"])
    ]


def test_numbers_are_no_names() -> None:
    assert name_examples(["0", "1", "2"]) == ()
    assert name_examples(["1.5", "-2", "3%"]) == ()
