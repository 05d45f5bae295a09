"""Pairs of classes that are confused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.plain import Plain
from topwork.core.shapes import Float64, Indices, Int
from topwork.evaluation.intervals import Estimate, wilson

MIN_TAKEN, MIN_SHARE = 4, 0.1
"""Fewer are single mistakes; a smaller share is a pair that is told apart well."""


@final
@dataclass(frozen=True, kw_only=True)
class Confusion(Plain):
    """Two classes that are taken for one another.

    Attributes:
        first, second: their names.
        num_examples: of both.
        num_taken: of these, how many were taken for the other one of the two.
        share: `num_taken / num_examples`, with its 95% interval.
        expected: the share that would be, did the errors of each class fall on the others as often
            as these are named; None where there are two classes only, and no others.
        told_apart: of the examples of both that were called one of the two, the share called by
            their own name, with its 95% interval.
        by_chance: the same, did one always name the larger of the two.
    """

    first: str
    second: str
    num_examples: int
    num_taken: int
    share: Estimate
    expected: float | None
    told_apart: Estimate
    by_chance: float

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        text = (
            f"{self.first!r} and {self.second!r}: of {self.num_examples} examples "
            f"{self.num_taken} are taken for the other "
            f"({self.share.low:.0%} to {self.share.high:.0%})"
        )
        if self.told_apart.low <= self.by_chance:
            return f"{text}, no better than guessing between the two: consider merging them."
        return f"{text}: look at them side by side, and consider merging them."


def find_confusions(
    probabilities: Float64[np.ndarray, "n k"], truth: Int[np.ndarray, " n"], classes: Sequence[str]
) -> tuple[Confusion, ...]:
    """Return the pairs whose share is beyond chance, most confused first.

    A pair is named where at least MIN_TAKEN examples and MIN_SHARE of both classes' are taken for
    the other, and the interval's lower end is above what is expected; of two classes alone, where
    they are told apart no better than by guessing.

    Args:
        probabilities: of models that had not seen the examples, [N, K].
        truth: positions in the classes, [N].
    """
    num_classes = len(classes)
    matrix = np.zeros((num_classes, num_classes), np.intp)
    np.add.at(matrix, (truth, probabilities.argmax(1)), 1)
    found = []
    for i in range(num_classes):
        for j in range(i + 1, num_classes):
            taken = int(matrix[i, j] + matrix[j, i])
            total = int(matrix[i].sum() + matrix[j].sum())
            if taken >= MIN_TAKEN and taken >= MIN_SHARE * total:
                pair = _pair(matrix, classes, i, j)
                beyond = pair.share.low > (pair.expected or 0.0)
                guessed = pair.told_apart.low <= pair.by_chance
                if guessed if pair.expected is None else beyond:
                    found.append(pair)
    return tuple(sorted(found, key=lambda pair: -pair.share.low))


def _pair(matrix: Indices, classes: Sequence[str], i: int, j: int) -> Confusion:
    taken, own = int(matrix[i, j] + matrix[j, i]), int(matrix[i, i] + matrix[j, j])
    sizes = matrix[i].sum(), matrix[j].sum()
    total = int(sizes[0] + sizes[1])
    named = matrix.sum(0).astype(np.float64)
    expected = None
    if len(classes) > 2:
        wrong = [matrix[k].sum() - matrix[k, k] for k in (i, j)]
        towards = [
            named[there] / max(named.sum() - named[here], 1) for here, there in ((i, j), (j, i))
        ]
        expected = float(wrong[0] * towards[0] + wrong[1] * towards[1]) / max(total, 1)
    between = max(own + taken, 1)
    chance = max(matrix[i, i] + matrix[i, j], matrix[j, j] + matrix[j, i]) / between
    return Confusion(
        first=classes[i],
        second=classes[j],
        num_examples=total,
        num_taken=taken,
        share=wilson(taken / max(total, 1), total),
        expected=expected,
        told_apart=wilson(own / between, own + taken),
        by_chance=float(chance),
    )
