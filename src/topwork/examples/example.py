"""One labelled input, and sets of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "validation", "test"]
Modality = Literal["image", "sound", "text", "array"]
MODALITIES: tuple[Modality, ...] = ("image", "sound", "text", "array")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One input and what is known of it.

    Attributes:
        name: how a person finds it again: a path, `table.parquet[17]`, or `input 3`.
        digest: SHA-256 of its content. Two inputs with the same digest are one example.
        read: gives the content. May be called more than once, from any thread. Of an image:
            encoded bytes, a PIL image or an array; of a sound: a `Sound` or a `SoundFile`; of a
            text: a str; of an array: a NumPy array.
        label: the class's name; None where it is not known (an input to predict).
        group: examples of one group (patient, speaker) never stand on both sides of a split.
        split: the part of a data set that its author put it in; None where there is none.
    """

    name: str
    digest: str
    read: Callable[[], object] = field(repr=False, compare=False)
    label: str | None = None
    group: str | None = None
    split: Split | None = None


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """An input that is not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ExampleSet:
    """Examples in a fixed order (sorted by name), each content once, and what was passed over.

    Attributes:
        examples: all splits together.
        modality: what kind of input they all are.
        origin: what the user gave, for messages and the recipe.
        skipped: inputs that were meant but cannot be used: broken, in conflict, repeated in test.
        ignored: how many files or rows were not inputs at all, by reason ("hidden file": 3).
        num_duplicates: how many inputs repeat the content and label of another.
        decided: what reading settled by itself, a sentence each: which columns were taken.
        remarks: what looks like a mistake of the data, in sentences, each with the next step.
    """

    examples: Sequence[Example]
    modality: Modality
    origin: str
    skipped: Sequence[Skipped] = ()
    ignored: Counter[str] = field(default_factory=Counter)
    num_duplicates: int = 0
    decided: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted: digits by value, everything else by name."""
        return sort_labels({e.label for e in self.examples if e.label is not None})

    def of_split(self, *splits: Split | None) -> tuple[Example, ...]:
        """The examples of the named splits, in order; None names those that have none."""
        return tuple(e for e in self.examples if e.split in splits)


def sort_labels(labels: set[str]) -> tuple[str, ...]:
    """Sort by value where every label is a whole number (2 before 10), else by name."""
    if labels and all(label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))
