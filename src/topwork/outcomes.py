"""What a model says of an input, and what it was trained on, as values.

What it does not know: how either came about.
"""

from __future__ import annotations

from dataclasses import dataclass

from topwork.examples.example import Skipped


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model says of one input.

    Attributes:
        name: of the input: its path, or `input 3`.
        label: the most probable class; None where the input cannot be read.
        probability: of that class, 0 to 1.
        probabilities: of every class, in the order of the model's `classes`.
        error: why the input cannot be read; None where it can.
    """

    name: str
    label: str | None
    probability: float
    probabilities: dict[str, float]
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataCounts:
    """What a model was trained on, in numbers.

    Attributes:
        per_class: examples of each class that were trained on.
        num_test: examples of the source's own test part.
        num_duplicates: inputs that repeat another's content and label.
        skipped: inputs that could not be used, with the reasons.
        ignored: files or rows that are not inputs, by reason.
        typical_seconds: the median length of the sounds; None where they are not sounds.
    """

    per_class: dict[str, int]
    num_test: int
    num_duplicates: int
    skipped: tuple[Skipped, ...]
    ignored: dict[str, int]
    typical_seconds: float | None = None

    @property
    def num_train(self) -> int:
        """Examples of all classes."""
        return sum(self.per_class.values())
