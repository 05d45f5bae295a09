"""What is trained on and what is tested on."""

import pytest

from topwork.errors import DataError, TooFewError
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.split import check_readable, divide


def example(name, label="a", split=None, group=None):
    return Example(
        name=name, digest=name * 64, read=lambda: b"", label=label, group=group, split=split
    )


def source(*examples):
    return ExampleSet(examples=examples, modality="sound", origin="photos")


def two(split, group=None):
    return [example("1", "a", split, group), example("2", "b", split, group)]


def test_without_parts_all_is_trained_on():
    parts = divide(source(*two(None)))
    assert (len(parts.train), parts.test, parts.notes) == (2, (), ())


def test_validation_joins_the_training_where_there_is_a_test():
    parts = divide(source(*two("train"), *two("validation"), example("3", "a", "test")))
    assert (len(parts.train), len(parts.test)) == (4, 1)
    assert "The validation part (2 examples) was trained on too" in parts.notes[0]


def test_validation_is_tested_on_where_there_is_no_test():
    parts = divide(source(*two("train"), example("3", "a", "validation")))
    assert [e.name for e in parts.test] == ["3"]
    assert "There is no test part" in parts.notes[0]


def test_groups_on_both_sides_are_said():
    parts = divide(source(*two("train", "p1"), example("3", "a", "test", "p1")))
    assert "1 groups stand in the training part and in the test part (p1)" in parts.notes[0]


def test_what_cannot_be_learned_from():
    with pytest.raises(TooFewError, match=r"'photos' .*one class, 'a'; accepted: 2"):
        divide(source(example("1"), example("2")))
    with pytest.raises(TooFewError, match="no labelled examples"):
        divide(source(example("1", split="test")))
    with pytest.raises(DataError, match="training part lacks: c"):
        divide(source(*two("train"), example("3", "c", "test")))


def test_a_class_that_lost_all_its_examples():
    wanted = two(None)
    check_readable(wanted, wanted, [], modality="sound")
    lost = [Skipped(name="2", reason="cut off")]
    with pytest.raises(TooFewError, match=r"1 of the classes: b.*2: cut"):
        check_readable(wanted, wanted[:1], lost, modality="sound")
