"""What was read is told in a few lines."""

from __future__ import annotations

from topwork.examples.account import account
from topwork.examples.example import Example, ExampleSet, Split


def some(label: str, num: int, split: Split | None = None) -> list[Example]:
    return [
        Example(name=f"{label}{split}{i}", digest=f"{label}{split}{i}", read=str, label=label,
                split=split)
        for i in range(num)
    ]  # fmt: skip


def found(*examples: list[Example], decided: tuple[str, ...] = ()) -> ExampleSet:
    whole = [one for some in examples for one in some]
    return ExampleSet(examples=whole, modality="text", origin="tickets.csv", decided=decided)


def test_numbers_and_classes() -> None:
    assert account(found(some("b", 2), some("a", 1))) == [
        "tickets.csv: 3 texts of 2 classes.",
        "Classes: a 1, b 2.",
    ]


def test_parts_and_what_was_decided() -> None:
    told = account(
        found(some("a", 3, "train"), some("b", 2), some("a", 1, "test"), decided=("Columns: x.",))
    )
    assert told == [
        "tickets.csv: 6 texts of 2 classes, in parts: train 3, test 1, without a part 2.",
        "Columns: x.",
        "Classes: a 3, b 2.",
    ]


def test_of_many_classes_the_commonest_and_the_rarest() -> None:
    told = account(found(*(some(f"c{i:02}", 30 - i) for i in range(20))))[1]
    assert told.startswith("Classes: c00 30, c01 29,")
    assert "c05 25, ... (8 more), c14 16" in told
    assert told.endswith("c19 11.")
