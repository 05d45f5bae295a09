"""Predictions of single inputs and of whole parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Float64, Int
from topwork.errors import DataError, ModelError
from topwork.evaluation.binary import DecisionRule, decide
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Example, Skipped
from topwork.features.table import ArrayTable
from topwork.heads.base import Head
from topwork.heads.ood import Detector


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the model says of one input.

    Attributes:
        name: of the input: its path, or `input 3`.
        label: the most probable class, or the one of the model's threshold; None where the input
            cannot be read.
        probability: of that class, 0 to 1.
        probabilities: of every class, in the order of the model's `classes`.
        error: why the input cannot be read; None where it can.
        ood: the share of the model's own examples, held out, that look at least as strange
            (a p-value, 0 to 1): small for what belongs to no class. None without a detector.
        unknown: whether the input was rejected: `ood` is no more than the rate that was asked for.
            The class and its probability are then those of what it looks most like.

    >>> import topwork
    >>> chances = {"cat": 0.9, "dog": 0.1}
    >>> topwork.Prediction(name="a.jpg", label="cat", probability=0.9, probabilities=chances).label
    'cat'
    """

    name: str
    label: str | None
    probability: float
    probabilities: dict[str, float]
    error: str | None = None
    ood: float | None = None
    unknown: bool = False


def make_predictions(
    waiting: Sequence[tuple[str, Float32[np.ndarray, " width"] | Skipped]],
    head: Head,
    classes: Sequence[str],
    detector: Detector | None = None,
    reject: float | None = None,
    decision: DecisionRule | None = None,
) -> Iterator[Prediction]:
    """Yield what a head says of names with their features; a rate to reject needs a detector.

    Raises:
        ModelError: a probability is not finite.
    """
    vectors = [result for _, result in waiting if not isinstance(result, Skipped)]
    scored: Iterator[tuple[npt.NDArray[np.float64], float | None]] = iter(())
    if vectors:
        table = ArrayTable(np.stack(vectors), head.segments)
        probabilities = head.predict(table)
        if not np.isfinite(probabilities).all():
            raise ModelError(
                "The model gives probabilities that are infinite or not numbers (NaN): its head is "
                "damaged. Copy its folder again from where it was made, or train it again."
            )
        shares: Sequence[float | None] = [None] * len(vectors)
        if detector is not None:
            scores = detector.score(probabilities, table, np.arange(len(vectors)))
            shares = detector.shares(scores).tolist()
        scored = zip(probabilities, shares, strict=True)
    for name, result in waiting:
        if isinstance(result, Skipped):
            yield Prediction(
                name=name, label=None, probability=0.0, probabilities={}, error=result.reason
            )
            continue
        row, share = next(scored)
        best = int(decide(row, classes, decision))
        yield Prediction(
            name=name,
            label=classes[best],
            probability=float(row[best]),
            probabilities=dict(zip(classes, map(float, row), strict=True)),
            ood=share,
            unknown=reject is not None and share is not None and share <= reject,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
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
        truth: Int[np.ndarray, " n"],
        probabilities: Float64[np.ndarray, "n k"] | Float64[np.ndarray, "r n k"],
    ) -> Predictions:
        """Make them of examples, and probabilities [N, K] or [repeats, N, K]."""
        mean = probabilities.mean(0) if probabilities.ndim == 3 else probabilities
        return Predictions(
            names=tuple(example.name for example in examples),
            digests=tuple(example.digest for example in examples),
            groups=tuple(example.group for example in examples),
            truth=truth,
            probabilities=mean,
        )

    @staticmethod
    def of_test(
        examples: Sequence[Example],
        classes: Sequence[str],
        probabilities: Float64[np.ndarray, "n k"],
    ) -> Predictions | None:
        """Make them of the source's own test part; None where it has none."""
        if not examples:
            return None
        position = {name: k for k, name in enumerate(classes)}
        truth = np.array([position[e.label or ""] for e in examples], np.intp)
        return Predictions.of(examples, truth, probabilities)

    def evaluate_test(self, classes: Sequence[str]) -> Evaluation:
        """Return their scores, of the source's own test part."""
        return evaluate(
            self.probabilities,
            self.truth,
            classes,
            method=f"test part, {len(self.truth):,} examples",
            groups=self.groups,
        )
