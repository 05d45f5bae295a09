"""Scores, as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from topwork.evaluation.binary import DecisionRule
from topwork.evaluation.intervals import Estimate
from topwork.evaluation.metrics import Evaluation
from topwork.model.model import Model
from topwork.reports.parts import ClassRow, Score, ScoreRow
from topwork.reports.words import percent, span

RANKED = {True: "AUROC, mean of each class against the rest", False: "AUROC"}
"""What the ranking score is called: of more than two classes, and of two."""

SHARES = {
    "accuracy": "accuracy",
    "mean recall of the classes (balanced accuracy)": "balanced_accuracy",
    "mean F1 of the classes (macro F1)": "macro_f1",
    "baseline: always the commonest class": "baseline",
}
"""Scores that are shown in percent, by what they are called."""

BINARY = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "average precision": "average_precision",
}
"""Scores of one of two classes, by what they are called."""

OTHERS = {"log loss (0 is perfect)": "log_loss", "calibration error": "calibration_error"}


def score(estimate: Estimate | None) -> Score:
    """Return a share in percent; nothing where it is not known."""
    return Score(value=percent(estimate), interval=span(estimate))


def score_rows(
    columns: Sequence[Evaluation], decision: DecisionRule | None = None
) -> tuple[ScoreRow, ...]:
    """Return a row for every score, with a column for every evaluation.

    Args:
        decision: that the model goes by now; the scores may be older than its threshold.
    """
    many = any(len(one.classes) > 2 for one in columns)
    shares = {**SHARES, RANKED[many]: "auroc"}
    rows = [
        ScoreRow(name=title, scores=[shown(getattr(one, name)) for one in columns])
        for fields, shown in ((shares, score), (OTHERS, _plain))
        for title, name in fields.items()
    ]
    found = [one.binary for one in columns]
    positive = next((one.positive for one in found if one is not None), None)
    if positive is not None:
        threshold = None if decision is None else decision.threshold
        is_older = any(one.threshold != threshold for one in columns)
        of = f"{positive}, {'before the threshold' if is_older else ''}".rstrip(", ")
        rows += [
            ScoreRow(
                name=f"{title} ({of})",
                scores=[score(None if one is None else getattr(one, name)) for one in found],
            )
            for title, name in BINARY.items()
        ]
    return tuple(rows)


def class_rows(evaluation: Evaluation) -> tuple[ClassRow, ...]:
    """Return a row for every class, the one with the lowest F1 first."""
    return tuple(
        ClassRow(
            label=one.label,
            num_examples=f"{one.num_examples:,}",
            recall=score(one.recall),
            precision=score(one.precision),
            f1=percent(one.f1),
            bar=(
                round(100 * one.recall.low, 1),
                round(100 * one.recall.value, 1),
                round(100 * one.recall.high, 1),
            ),
        )
        for one in sorted(evaluation.per_class, key=lambda one: one.f1)
    )


def ood(model: Model) -> str:
    """Say what the model does with inputs of none of its classes."""
    if model.detector is None:
        return (
            "The model names one of its classes whatever it is given. To say `unknown`, it would "
            "have to be trained again, with this version of Topwork and enough examples to tell "
            "what is foreign to it."
        )
    message = (
        "`topwork predict --reject 0.05` says `unknown` of what is stranger than all but 5% of the "
        "model's own examples."
    )
    measured = model.ood
    if measured is None:
        return message
    accepted = measured.false_accept
    return (
        f"{message} Measured with {measured.method}: {percent(accepted)} of these "
        f"({span(accepted)}) get a class all the same, and {percent(measured.rate)} of "
        "the model's own get none."
    )


def _plain(estimate: Estimate) -> Score:
    return Score(
        value=f"{estimate.value:.3f}", interval=f"{estimate.low:.3f} to {estimate.high:.3f}"
    )
