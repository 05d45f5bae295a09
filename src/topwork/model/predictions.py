"""What a model says of an input, and what it was trained on, as values.

What it does not know: how either came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.errors import DataError
from topwork.examples.example import Example, Skipped
from topwork.features.table import ArrayTable
from topwork.heads.base import Head
from topwork.heads.ood import NEITHER, Detector


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model says of one input.

    Attributes:
        name: of the input: its path, or `input 3`.
        label: the most probable class, or `neither` where the input was rejected; None where it
            cannot be read.
        probability: of that class, 0 to 1. Of `neither`: the share of the model's own examples
            that look less strange, which is no chance that the input is foreign (that depends on
            how many foreign ones there are); or, of a class `neither` that was trained on, its
            probability where that is more.
        probabilities: of every class, in the order of the model's `classes`, rejected or not.
        error: why the input cannot be read; None where it can.
        foreign: the share of the model's own examples, held out, that look at least as strange
            (a p-value, 0 to 1): small for what belongs to no class. None without a detector.
    """

    name: str
    label: str | None
    probability: float
    probabilities: dict[str, float]
    error: str | None = None
    foreign: float | None = None


def read_predictions(
    waiting: Sequence[tuple[str, npt.NDArray[np.float32] | Skipped]],
    head: Head,
    classes: Sequence[str],
    detector: Detector | None = None,
    reject: float | None = None,
) -> Iterator[Prediction]:
    """Yield what a head says of names with their features; a rate to reject needs a detector."""
    vectors = [result for _, result in waiting if not isinstance(result, Skipped)]
    told: Iterator[tuple[npt.NDArray[np.float64], float | None]] = iter(())
    if vectors:
        table = ArrayTable(np.stack(vectors), head.segments)
        chances = head.predict(table)
        shares: Sequence[float | None] = [None] * len(vectors)
        if detector is not None:
            scores = detector.score(chances, table, np.arange(len(vectors)))
            shares = detector.shares(scores).tolist()
        told = zip(chances, shares, strict=True)
    neither = None if detector is None else detector.neither
    for name, result in waiting:
        if isinstance(result, Skipped):
            yield Prediction(
                name=name, label=None, probability=0.0, probabilities={}, error=result.reason
            )
            continue
        row, share = next(told)
        best = int(row.argmax())
        label, probability = classes[best], float(row[best])
        if reject is not None and share is not None and share <= reject and best != neither:
            label, probability = NEITHER, 1 - share
            if neither is not None:
                label, probability = classes[neither], max(probability, float(row[neither]))
        yield Prediction(
            name=name,
            label=label,
            probability=probability,
            probabilities=dict(zip(classes, map(float, row), strict=True)),
            foreign=share,
        )


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What was said of examples by models that had not seen them.

    Attributes:
        names: of the examples, [N].
        digests: of their contents, [N].
        groups: [N]; None for an example that has none.
        truth: their classes, as positions in the model's `classes`, [N].
        probabilities: of every class, [N, K]; the mean, where an example was left out repeatedly.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    groups: tuple[str | None, ...]
    truth: npt.NDArray[np.intp]
    probabilities: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        num = {len(self.names), len(self.digests), len(self.groups), len(self.truth)}
        if self.probabilities.ndim != 2 or num != {len(self.probabilities)}:
            raise DataError(
                f"The answers are of {self.probabilities.shape[0]} examples, with {len(self.names)}"
                f" names and {len(self.truth)} classes. Give as many of each."
            )

    @staticmethod
    def of(
        examples: Sequence[Example],
        truth: npt.NDArray[np.intp],
        probabilities: npt.NDArray[np.float64],
    ) -> Answers:
        """Make them of examples, and probabilities [N, K] or [repeats, N, K]."""
        mean = probabilities.mean(0) if probabilities.ndim == 3 else probabilities
        return Answers(
            names=tuple(example.name for example in examples),
            digests=tuple(example.digest for example in examples),
            groups=tuple(example.group for example in examples),
            truth=truth,
            probabilities=mean,
        )
