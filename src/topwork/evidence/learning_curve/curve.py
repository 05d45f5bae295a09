"""Learning curve and its prediction.

    fits on samples (points.py) -> curves through their means (forms.py) -> a sentence

The frozen features are there already, so a fit costs a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, final

import numpy as np

from topwork.core.digests import digest_bytes
from topwork.core.memo import key_of, memo
from topwork.core.plain import Plain
from topwork.core.shapes import Int
from topwork.errors import SettingError
from topwork.evaluation.intervals import Estimate, wilson
from topwork.evidence.learning_curve.forms import Means, fit_curves, means_of
from topwork.evidence.learning_curve.points import Points, measure, plan_settings
from topwork.features.table import FeatureTable
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadSettings
from topwork.runs.head import HeadRun

TIMES = 10
"""How far the line goes on, in times the examples. Further, the forms disagree at will."""

LINE_POINTS = 61

MIN_PAST = 3
"""Sizes up to half of the largest that a prediction needs: fewer say nothing of a bend."""

PAYS_SHARE, PAYS_POINTS = 0.1, 0.003
"""What twice the examples must bring to pay: of ten errors one less, and 0.3 points at least."""

LIKELY, UNLIKELY = 0.8, 0.2
"""Share of the curves that say so."""


@final
@dataclass(frozen=True, kw_only=True)
class Past:
    """What would have been predicted from half of the data, and what came true.

    Both are asked about the same examples, so they share the luck of these.

    Attributes:
        num_from: examples of the largest size that the prediction saw.
        num_at: examples that it was made for.
        predicted: from the sizes up to `num_from` alone.
        came_true: accuracy of the heads that learned from `num_at`.
    """

    num_from: int
    num_at: int
    predicted: Estimate
    came_true: Estimate

    def __str__(self) -> str:
        return (
            f"predicted from half of the data: {_percent(self.predicted)}, came true: "
            f"{self.came_true.value:.1%}"
        )


@final
@dataclass(frozen=True, kw_only=True)
class LearningCurve(Plain):
    """Accuracy over the number of training examples, measured and predicted.

    Attributes:
        num_examples: that there are.
        sizes: examples learned from, ascending; the largest leaves out what is tested on.
        accuracy: of each size, on examples left out.
        num_repeats: heads that were fitted, of each size.
        num_groups: where smaller samples took fewer examples of each group, and not fewer groups:
            how many groups there are; else None.
        past: how well the half would have predicted the whole; None where there are too few sizes.
        pays_probability: share of the curves on which twice the examples pay (`PAYS_SHARE`).
        line: size, accuracy, low and high, for a chart: from the smallest size to 10 times the
            examples that there are.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("sentence",)

    num_examples: int
    sizes: tuple[int, ...]
    accuracy: tuple[Estimate, ...]
    num_repeats: tuple[int, ...]
    num_groups: int | None
    past: Past | None
    pays_probability: float
    line: tuple[tuple[float, float, float, float], ...]

    def predict(self, size: int) -> Estimate:
        """Return the accuracy to expect of a head that learned from so many examples.

        The interval holds what the test examples, the fits and the forms leave open: that of a 95%
        prediction. Raises SettingError outside of the line.
        """
        first, last = self.line[0][0], self.line[-1][0]
        if not first <= size <= last:
            raise SettingError(
                f"size is {size!r}; accepted: from {first:,.0f}, the smallest size that was "
                f"measured, to {last:,.0f}, {TIMES} times the examples. Further on the curve "
                "would say nothing; label some of them, and ask again."
            )
        sizes, *values = np.array(self.line).T
        value, low, high = (float(np.interp(np.log(size), np.log(sizes), v)) for v in values)
        return Estimate.around(value, low, high)

    @property
    def now(self) -> Estimate:
        """Accuracy to expect of a head that learned from all the examples."""
        return self.predict(self.num_examples)

    @property
    def twice(self) -> Estimate:
        """Accuracy to expect with twice the examples."""
        return self.predict(2 * self.num_examples)

    @property
    def tenfold(self) -> Estimate:
        """Accuracy to expect with ten times the examples."""
        return self.predict(TIMES * self.num_examples)

    @property
    def sentence(self) -> str:
        """The outcome for a person."""
        num = self.num_examples
        advice = "whether labelling more pays, the data does not tell"
        if self.pays_probability >= LIKELY:
            advice = "labelling more pays"
        elif self.pays_probability <= UNLIKELY:
            advice = "labelling more brings little"
        same = ""
        if self.num_groups is not None:
            same = (
                f" That is for more of the same {self.num_groups:,} groups; new groups may bring "
                "more."
            )
        return (
            f"Trained on all {num:,} examples, expect {_percent(self.now)}; with twice as many "
            f"({2 * num:,}) {_percent(self.twice)}, with ten times as many ({TIMES * num:,}) "
            f"{_percent(self.tenfold)}: {advice}.{same}"
        )


def learning_curve(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    *,
    settings: HeadSettings | None = None,
    features: str | None = None,
) -> LearningCurve:
    """Measure the curve of a head on frozen features, and predict how it goes on.

    Args:
        indices: of the table, [N]; `labels` holds theirs. Groups are never split.
        settings: which head; None: a kernel.
        features: digest of the rows' features, as given to `cross_val_predict`: what that has kept
            on disk is the largest size, and costs nothing; and the curve is kept under it, so that
            whoever asks next gets the same. Without it no sample is larger than `MAX_LANDMARKS`.

    Raises:
        TooFewError: fewer than 10 examples, or no fold could teach anything about its test part.
    """

    def make() -> LearningCurve:
        return curve_of(measure(table, indices, labels, settings=settings, features=features))

    if features is None:
        return make()
    arrays = (labels.classes, labels.groups, labels.weights)
    key = key_of(
        "learning curve",
        features,
        [None if a is None else digest_bytes(str(a.dtype).encode(), a.tobytes()) for a in arrays],
        labels.seed,
        asdict(settings or HeadSettings()),
        plan_settings(),
    )
    return memo(key, make, read=LearningCurve.from_dict, write=LearningCurve.to_dict)


def head_curve(head_run: HeadRun) -> LearningCurve:
    """Return the curve of a run's own examples and head. Raises as `learning_curve` does."""
    return learning_curve(
        head_run.table,
        head_run.train,
        head_run.labels,
        settings=head_run.recipe.head_settings(),
        features=head_run.features,
    )


def curve_of(points: Points) -> LearningCurve:
    """Return the curve through points that were measured."""
    means = means_of(points)
    curves = fit_curves(means)
    num = len(points.clusters)
    accuracy = tuple(_estimate(means, i, num) for i in range(len(points.sizes)))
    marks = np.geomspace(points.sizes[0], TIMES * num, LINE_POINTS)
    marks = np.unique(np.concatenate([marks, [num, 2 * num, TIMES * num]]))
    marks = marks[marks <= TIMES * num]
    estimates = [curves.predict(float(mark)) for mark in marks]
    now, twice = curves.at(num), curves.at(2 * num)
    needed = np.maximum(PAYS_SHARE * (1 - now), PAYS_POINTS)
    num_groups = int(points.clusters.max()) + 1
    return LearningCurve(
        num_examples=num,
        sizes=points.sizes,
        accuracy=accuracy,
        num_repeats=points.num_repeats,
        num_groups=None if num_groups == num or points.thins_groups else num_groups,
        past=_past(means, accuracy[-1]),
        pays_probability=float(np.mean(twice - now >= needed)),
        line=tuple(
            (float(mark), one.value, one.low, one.high)
            for mark, one in zip(marks, estimates, strict=True)
        ),
    )


def _estimate(means: Means, position: int, num: int) -> Estimate:
    """Return a mean with the interval of as many independent examples as it is worth."""
    share = float(means.values[position])
    held = float(np.clip(share, 0.5 / num, 1 - 0.5 / num))
    return wilson(share, min(held * (1 - held) / float(means.covariance[position, position]), num))


def _past(means: Means, came_true: Estimate) -> Past | None:
    """Predict the largest size from those up to its half."""
    largest = means.sizes[-1]
    below = np.flatnonzero(means.sizes <= largest / 2 + 1)  # sizes are rounded
    if len(below) < MIN_PAST:
        return None
    return Past(
        num_from=int(means.sizes[below[-1]]),
        num_at=int(largest),
        predicted=fit_curves(means.take(below)).predict(float(largest)),
        came_true=came_true,
    )


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"
