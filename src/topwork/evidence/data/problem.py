"""One problem of the data, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from topwork.core.shapes import Float64, Int
from topwork.evidence.data.duplicates import DuplicatePair, families
from topwork.evidence.data.label_errors import find_label_errors
from topwork.evidence.data.odd_inputs import find_odd
from topwork.evidence.data.outliers import THRESHOLD, Outliers
from topwork.evidence.data.thumbnails import Look
from topwork.examples.example import Example

Kind = Literal["label", "duplicate", "leak", "outlier", "odd"]

KINDS: dict[Kind, tuple[str, str]] = {
    "leak": ("copy of a training example in the test part",
             "copies of training examples in the test part"),
    "label": ("label that is likely wrong", "labels that are likely wrong"),
    "duplicate": ("copy within a part", "copies within a part"),
    "odd": ("odd input", "odd inputs"),
    "outlier": ("outlier", "outliers"),
}  # fmt: skip
"""What one and several are called, in the order in which equally severe ones are named."""

FADING = 0.97
"""What a problem's severity is multiplied by for each one of its kind before it, so that fifty of
one kind do not hide the first of another."""

UNDER_TWO_LABELS, LEAK, COPY, FAR_OUT = 1.0, 0.9, 0.5, 0.6
"""Severities. One input under two labels is wrong for certain; a copy within a part costs little,
and is often wanted. A wrong label's is how much surer another class is; an odd input's its own."""


@final
@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that may be wrong with one example.

    Attributes:
        kind: what kind of thing.
        name: of the example.
        digest: of its content.
        label: that it has.
        suggestion: what may be right, or what it is.
        other: name of the other one of a pair; None where it is not of a pair.
        severity: 0 to 1.
        reason: a sentence.
    """

    kind: Kind
    name: str
    digest: str
    label: str
    suggestion: str
    other: str | None
    severity: float
    reason: str


def of_labels(
    oof_predictions: Float64[np.ndarray, "n k"],
    truth: Int[np.ndarray, " n"],
    examples: Sequence[Example],
    classes: Sequence[str],
) -> list[Problem]:
    """Return the labels that are likely wrong."""
    found = find_label_errors(oof_predictions, truth)
    problems = []
    for i in found.likely.tolist():
        other, own = float(oof_predictions[i, found.suggested[i]]), float(found.scores[i])
        better = classes[int(found.suggested[i])]
        problems.append(
            _problem(
                "label",
                examples[i],
                suggestion=f"may be {better!r}",
                severity=other - own,
                reason=(
                    f"Models that had not seen it give {better!r} {other:.0%} and its own label "
                    f"{classes[int(truth[i])]!r} {own:.0%}."
                ),
            )
        )
    return problems


def of_copies(
    copies: Sequence[DuplicatePair], everything: Sequence[Example], num_train: int
) -> list[Problem]:
    """Return each copy once: of a family, all but the first are copies of it.

    A test example with a copy among the first `num_train` examples is a leak.
    """
    family = families(copies, len(everything))
    first: dict[int, int] = {}
    partners: dict[int, list[tuple[float, int]]] = {}
    for i, number in enumerate(family.tolist()):
        first.setdefault(number, i)
    for pair in copies:
        partners.setdefault(pair.first, []).append((pair.alike, pair.second))
        partners.setdefault(pair.second, []).append((pair.alike, pair.first))
    problems = []
    for i, number in enumerate(family.tolist()):
        source = first[number]
        if source == i:
            continue
        leaks = i >= num_train > source
        # The nearest one itself, where copies of copies have drifted away from the first.
        direct = [(v, -j) for v, j in partners[i] if (j < num_train) == (leaks or i < num_train)]
        other = -max(direct)[1] if direct else source
        problems.append(_copy(everything[i], everything[other], leaks))
    return problems


def _copy(example: Example, other: Example, leaks: bool) -> Problem:
    same = example.label == other.label
    severity = (LEAK if leaks else COPY) if same else UNDER_TWO_LABELS
    reason = f"It is the same as {other.name}, but for small changes"
    if leaks:
        reason += ", which is learned from: the test score is too high by such examples"
    if not same:
        reason += f"; that one is labelled {other.label!r}, this one {example.label!r}"
    return _problem(
        "leak" if leaks else "duplicate",
        example,
        suggestion=f"the same as {other.name}",
        other=other.name,
        severity=severity,
        reason=f"{reason}.",
    )


def of_odd(looks: Mapping[int, Look], everything: Sequence[Example]) -> list[Problem]:
    """Return the odd ones among the inputs that were looked at."""
    return [
        _problem(
            "odd",
            everything[odd.position],
            suggestion=odd.trait,
            severity=odd.severity,
            reason=f"{odd.reason[0].upper()}{odd.reason[1:]}.",
        )
        for odd in find_odd(looks)
    ]


def of_outliers(outliers: Outliers, examples: Sequence[Example]) -> list[Problem]:
    """Return the examples that are far out."""
    return [
        _problem(
            "outlier",
            examples[i],
            suggestion="look whether it belongs here",
            severity=min(FAR_OUT * score / THRESHOLD / 1.5, 0.95),
            reason=f"It is far from its class and from all others: {score:.1f} robust standard "
            f"deviations; {THRESHOLD} is named.",
        )
        for i, score in zip(outliers.indices, outliers.scores[outliers.indices], strict=True)
    ]


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the worst first; each next one of a kind fades."""
    order = list(KINDS)
    keyed = []
    for kind in order:
        own = [problem for problem in problems if problem.kind == kind]
        own.sort(key=lambda problem: (-problem.severity, problem.name))
        keyed += [(-p.severity * FADING**n, order.index(kind), n, p) for n, p in enumerate(own)]
    return tuple(problem for *_, problem in sorted(keyed, key=lambda entry: entry[:3]))


def _problem(
    kind: Kind,
    example: Example,
    *,
    suggestion: str,
    severity: float,
    reason: str,
    other: str | None = None,
) -> Problem:
    return Problem(
        kind=kind,
        name=example.name,
        digest=example.digest,
        label=example.label or "",
        suggestion=suggestion,
        other=other,
        severity=float(np.clip(severity, 0, 1)),
        reason=reason,
    )
