"""Scores with 95% intervals.

Shares of right answers have closed-form intervals; the rest are bootstrapped over what is
independent (examples, or groups where there are any). The intervals say how far the score may be
off because these examples and no others were drawn to test on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from topwork.core.plain import Plain
from topwork.core.shapes import Doubles, Float64, Indices, Int
from topwork.evaluation.binary import BinaryScores, DecisionRule, decide, rarer
from topwork.evaluation.intervals import Estimate, effective_share, group_numbers, mean_of, wilson
from topwork.evaluation.ranking import Rankings, rank_classes
from topwork.examples.example import Skipped

NUM_RESAMPLES = 1000
NUM_BINS = 15
"""Bins of equal count for the calibration error, fewer where there are few examples."""


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How a class fares: `recall` of its own examples, `precision` of the answers naming it.

    `auroc` and `average_precision` are those of the class against the rest; None where there is
    nothing to compare, and in scores from before these were measured.
    """

    label: str
    num_examples: int
    recall: Estimate
    precision: Estimate
    f1: float
    auroc: Estimate | None = None
    average_precision: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation(Plain):
    """Scores of a model on labelled examples that it was not trained on.

    Attributes:
        method: how the predictions were come by, in words.
        accuracy: share of right answers.
        balanced_accuracy: mean of the classes' recalls, over the classes that occur.
        macro_f1: mean of the classes' F1, over the classes that occur.
        log_loss: mean of -ln p(true class); 0 is perfect, ln K is guessing.
        calibration_error: mean distance between confidence and accuracy, over bins of confidence.
        baseline: the accuracy of always naming the commonest class.
        num_examples: how many were tested, and in how many groups, where there are any.
        per_class: in the order of `classes`.
        confusion: [true class][answer], in the order of `classes`; with repeated
            cross-validation, means over the repeats.
        skipped: inputs that were to be tested on and could not be used.
        auroc: mean over the classes of each one's AUROC against the rest; None where there is only
            one, and in scores from before it was measured.
        positive: of two classes the one that is looked for; None of more.
        threshold: the probability from which it is named; None: where it is the more probable.

    >>> import numpy as np
    >>> from topwork.evaluation.metrics import evaluate
    >>> probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> scores = evaluate(probabilities, np.array([0, 1, 1]), ["cat", "dog"], method="three")
    >>> print(scores.accuracy)
    0.667 (0.208 to 0.939)
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("binary",)

    method: str
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate
    calibration_error: Estimate
    baseline: Estimate
    num_examples: int
    num_groups: int | None
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[float, ...], ...]
    skipped: tuple[Skipped, ...] = ()
    auroc: Estimate | None = None
    positive: str | None = None
    threshold: float | None = None

    @property
    def binary(self) -> BinaryScores | None:
        """Of two classes: sensitivity, specificity, AUROC, average precision; None of more."""
        if self.positive not in self.classes or len(self.classes) != 2:
            return None
        position = self.classes.index(self.positive)
        own, other = self.per_class[position], self.per_class[1 - position]
        return BinaryScores(
            positive=self.positive,
            threshold=self.threshold,
            sensitivity=own.recall,
            specificity=other.recall,
            auroc=own.auroc,
            average_precision=own.average_precision,
        )


def evaluate(
    probabilities: Float64[np.ndarray, "n k"] | Float64[np.ndarray, "r n k"],
    truth: Int[np.ndarray, " n"],
    classes: Sequence[str],
    *,
    method: str,
    groups: Sequence[str | None] | None = None,
    decision: DecisionRule | None = None,
    seed: int = 0,
) -> Evaluation:
    """Score predictions.

    Args:
        probabilities: [N, K], or [R, N, K] where the same N were predicted R times.
        truth: positions in `classes`, [N], N >= 1.
        groups: [N]; intervals then treat each group as one draw. None within: its own group.
        decision: which of two classes is positive, and from which probability it is named; None:
            the rarer, where it is the more probable.
        seed: of the resampling.
    """
    runs = probabilities[None] if probabilities.ndim == 2 else probabilities
    num, num_classes = len(truth), len(classes)
    answers = decide(runs, classes, decision)
    right = (answers == truth).mean(0)
    codes = group_numbers(groups)
    share = effective_share(right, codes)
    there = np.bincount(truth, minlength=num_classes)
    present = np.flatnonzero(there)

    confusion = np.zeros((num_classes, num_classes))
    for run in answers:
        np.add.at(confusion, (truth, run), 1 / len(runs))
    rankings = rank_classes(runs, truth, codes)
    per_class = _score_classes(confusion, there, classes, share, rankings)
    accuracy = wilson(float(right.mean()), num * share)
    balanced = mean_of([per_class[k].recall for k in present])
    resampled = _Resampled(runs, answers, truth, present, codes, seed)
    macro = resampled.macro_f1()
    # With few errors there is little to resample, and the bootstrap claims too much; the closed
    # forms of the sister scores know how far it may be off.
    spread = (balanced.value - balanced.low, balanced.high - balanced.value)
    missed = max(resampled.lowest_accuracy() - accuracy.low, 0.0)
    loss, calibration = resampled.log_loss(), resampled.calibration_error()
    common = float(there.max() / num)
    return Evaluation(
        method=method,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        macro_f1=Estimate.around(
            macro.value,
            max(min(macro.low, macro.value - spread[0]), 0.0),
            min(max(macro.high, macro.value + spread[1]), 1.0),
        ),
        log_loss=Estimate.around(
            loss.value, loss.low, loss.high + missed * _loss_of_an_error(runs)
        ),
        calibration_error=Estimate.around(
            calibration.value,
            max(calibration.low - missed, 0.0),
            min(calibration.high + missed, 1.0),
        ),
        baseline=wilson(common, num * share),
        num_examples=num,
        num_groups=None if codes is None else int(codes.max()) + 1,
        classes=tuple(classes),
        per_class=per_class,
        confusion=tuple(tuple(round(float(v), 3) for v in row) for row in confusion),
        auroc=rankings.auroc,
        positive=rarer(classes, dict(zip(classes, there.tolist(), strict=True)))
        if decision is None
        else decision.positive,
        threshold=None if decision is None else decision.threshold,
    )


def _loss_of_an_error(runs: Doubles) -> float:
    """Return how much more log loss a wrong answer costs than a right one, as the model sees it.

    The mean over all answers, each by its own probability of being wrong.
    """
    confidence = np.clip(runs.max(2), None, 1 - 1e-12)
    wrong = 1 - confidence
    extra = np.log(confidence) - np.log(wrong / max(runs.shape[2] - 1, 1))
    return float((wrong * np.maximum(extra, 0)).sum() / wrong.sum())


def _score_classes(
    confusion: Doubles,
    there: Indices,
    classes: Sequence[str],
    share: float,
    rankings: Rankings,
) -> tuple[ClassScore, ...]:
    named, hits = confusion.sum(0), np.diagonal(confusion)
    f1 = 2 * hits / np.maximum(there + named, 1e-9)
    return tuple(
        ClassScore(
            label=label,
            num_examples=int(there[k]),
            recall=wilson(hits[k] / max(there[k], 1), there[k] * share),
            precision=wilson(hits[k] / max(named[k], 1e-9), named[k] * share),
            f1=float(f1[k]),
            auroc=None if ranking is None else ranking.auroc,
            average_precision=None if ranking is None else ranking.average_precision,
        )
        for k, (label, ranking) in enumerate(zip(classes, rankings.by_class, strict=True))
    )


class _Resampled:
    """Scores that are sums over examples, under many draws of the examples (or groups) anew."""

    def __init__(
        self,
        runs: Doubles,
        answers: Indices,
        truth: Indices,
        present: Indices,
        codes: Indices | None,
        seed: int,
    ) -> None:
        num = len(truth)
        codes = np.arange(num) if codes is None else codes
        likeliest, confidence = runs.argmax(2), runs.max(2)  # calibration knows no threshold
        losses = -np.log(np.maximum(runs[:, np.arange(num), truth], 1e-15)).mean(0)
        is_true = truth[:, None] == present
        is_named = (answers[..., None] == present).mean(0)
        is_hit = ((answers == truth)[..., None] & is_true).mean(0)
        gaps = self._binned(confidence, (likeliest == truth) - confidence)
        columns = [np.ones((num, 1)), losses[:, None], is_true, is_named, is_hit, gaps]
        ends = np.cumsum([column.shape[1] for column in columns])
        units = int(codes.max()) + 1
        sums = np.zeros((units, ends[-1]))
        np.add.at(sums, codes, np.concatenate(columns, axis=1))
        rng = np.random.default_rng(seed)
        draws = max(1, min(NUM_RESAMPLES, 2 * 10**8 // max(units, 1)))
        drawn = np.concatenate(
            [rng.multinomial(units, np.full(units, 1 / units), size=10) @ sums
             for _ in range(-(-draws // 10))]
        )  # fmt: skip
        self._whole = np.split(sums.sum(0, keepdims=True), ends[:-1], axis=1)
        self._draws = np.split(drawn, ends[:-1], axis=1)

    def _binned(self, confidence: Doubles, gaps: Doubles) -> Doubles:
        """Each example's gap in the column of its bin of confidence, mean over the runs."""
        num_runs, num = confidence.shape
        num_bins = min(NUM_BINS, max(num // 10, 1))
        order = np.argsort(confidence, axis=None, kind="stable")
        bins = np.empty(confidence.size, np.intp)
        bins[order] = np.arange(confidence.size) * num_bins // confidence.size
        out = np.zeros((num, num_bins))
        np.add.at(out, (np.tile(np.arange(num), num_runs), bins), gaps.ravel() / num_runs)
        return out

    def lowest_accuracy(self) -> float:
        """The lower bound that resampling gives, which is too high where errors are few."""
        count, *_, hit, _ = self._draws
        return float(np.quantile(hit.sum(1) / count[:, 0], 0.025))

    def log_loss(self) -> Estimate:
        return self._percentiles(lambda count, loss, *_: loss[:, 0] / count[:, 0])

    def macro_f1(self) -> Estimate:
        def score(
            _count: Doubles, _loss: Doubles, true: Doubles, named: Doubles, hit: Doubles, _: Doubles
        ) -> Doubles:
            f1 = 2 * hit / np.maximum(true + named, 1e-9)
            occurs = true > 0
            mean: Doubles = (f1 * occurs).sum(1) / np.maximum(occurs.sum(1), 1)
            return mean

        return self._percentiles(score)

    def calibration_error(self) -> Estimate:
        """The basic bootstrap: resampling adds noise, which always raises this score."""
        whole, draws = (
            np.abs(gaps).sum(1) / count[:, 0] for count, *_, gaps in (self._whole, self._draws)
        )
        value = float(whole[0])
        low, high = 2 * value - np.quantile(draws, [0.975, 0.025])
        return Estimate.around(value, max(float(low), 0.0), min(float(high), 1.0))

    def _percentiles(self, score: Callable[..., Doubles]) -> Estimate:
        low, high = np.quantile(score(*self._draws), [0.025, 0.975])
        return Estimate.around(float(score(*self._whole)[0]), float(low), float(high))
