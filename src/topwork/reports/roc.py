"""What each threshold of two classes would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from sklearn.metrics import roc_curve

from topwork.core.shapes import Doubles
from topwork.evaluation.binary import DecisionRule, threshold_for, with_scores
from topwork.evaluation.intervals import group_numbers
from topwork.model.predictions import Predictions

SENSITIVITIES = (0.8, 0.9, 0.95, 0.99)
"""That a threshold is shown for: what screening and triage ask for."""

EVEN = 0.5
"""Where there is no threshold, one of two classes is named from here on."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RocCurve:
    """Sensitivity by false alarms, over all thresholds.

    Attributes:
        false_alarms: the share of the other class that is taken for the positive one, [M].
        sensitivity: the share of the positive class that is found, [M].
        in_use: the threshold that the model goes by, with what it gives.
        others: thresholds for `SENSITIVITIES`, with what they give.
    """

    positive: str
    false_alarms: Doubles
    sensitivity: Doubles
    in_use: DecisionRule
    others: tuple[DecisionRule, ...]


def roc(
    answers: Predictions, classes: Sequence[str], positive: str, threshold: float | None
) -> RocCurve | None:
    """Return the curve of answers to examples left out; None where they are of one class."""
    position = list(classes).index(positive)
    probabilities, own = answers.probabilities[:, position], answers.truth == position
    if own.all() or not own.any():
        return None
    groups = group_numbers(answers.groups)

    def at(value: float) -> DecisionRule:
        rule = DecisionRule(positive=positive, threshold=value)
        return with_scores(rule, probabilities, own, groups)

    false_alarms, sensitivity, _ = roc_curve(own, probabilities)
    wanted = dict.fromkeys(threshold_for(probabilities, own, share) for share in SENSITIVITIES)
    return RocCurve(
        positive=positive,
        false_alarms=np.asarray(false_alarms, np.float64),
        sensitivity=np.asarray(sensitivity, np.float64),
        in_use=at(EVEN if threshold is None else threshold),
        others=tuple(map(at, wanted)),
    )
