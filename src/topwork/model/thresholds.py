"""Thresholds of models of two classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from topwork.core import files
from topwork.core.plain import to_plain
from topwork.errors import SettingError
from topwork.evaluation.binary import (
    DecisionRule,
    check_positive,
    rarer,
    threshold_for,
    with_scores,
)
from topwork.evaluation.intervals import group_numbers
from topwork.model.archive import CARD, DECISION
from topwork.model.card import with_decision
from topwork.model.description import DESCRIPTION, read_description, sealed
from topwork.model.parts import ModelParts


def decided(
    parts: ModelParts,
    threshold: float | None = None,
    *,
    sensitivity: float | None = None,
    positive: str | None = None,
) -> ModelParts:
    """Return the model with another positive class or threshold; both None: no threshold.

    Args:
        threshold: a probability, above 0 and below 1.
        sensitivity: choose the threshold that finds this share of the positive examples that
            were left out of the training.
        positive: the class that is looked for; None: as before.

    Raises:
        SettingError: the model has other than two classes, or a value is not accepted.
    """
    if positive is None and parts.positive is None:
        raise SettingError(
            f"A threshold was asked for, and the model has {len(parts.classes)} classes; accepted: "
            "a model of two. Leave it out: the most probable class is named."
        )
    positive = positive or parts.positive or ""
    check_positive(positive, parts.classes)
    if threshold is not None and sensitivity is not None:
        raise SettingError(
            f"The threshold {threshold:g} and the sensitivity {sensitivity:g} were both given; "
            "accepted: one of them."
        )
    if threshold is None and sensitivity is None:
        return replace(parts, decision=without_threshold(parts, positive))
    if threshold is not None and not 0 < threshold < 1:
        raise SettingError(
            f"The threshold is {threshold:g}; accepted: a probability above 0 and below 1, such as "
            "0.3."
        )
    if sensitivity is not None and not 0 < sensitivity <= 1:
        raise SettingError(
            f"The sensitivity is {sensitivity:g}; accepted: a share above 0, up to 1, such as 95% "
            "or 0.95."
        )
    return replace(parts, decision=_chosen(parts, positive, threshold, sensitivity))


def without_threshold(parts: ModelParts, positive: str) -> DecisionRule:
    """Return the decision that names the more probable of two classes."""
    is_rarer = positive == rarer(parts.classes, parts.data.per_class)
    return DecisionRule(
        positive=positive, reason="the rarer in training" if is_rarer else "as given"
    )


def _chosen(
    parts: ModelParts, positive: str, threshold: float | None, sensitivity: float | None
) -> DecisionRule:
    """Return the decision, with what it gives on the examples left out, where these are known."""
    answers = parts.oof_predictions
    if answers is None:
        if threshold is None:
            raise SettingError(
                f"The sensitivity {sensitivity:g} is to be reached, and the model has no answers "
                "to examples that were left out of its training, to choose a threshold on. Give "
                "the threshold itself (--at 0.3), or train on more examples."
            )
        return DecisionRule(positive=positive, threshold=threshold, reason="as given")
    position = parts.classes.index(positive)
    probabilities, own = answers.probabilities[:, position], answers.truth == position
    reason = "as given"
    if sensitivity is not None:
        threshold = threshold_for(probabilities, own, sensitivity)
        reason = f"chosen to find {100 * sensitivity:.4g}% of its examples"
    decision = DecisionRule(positive=positive, threshold=threshold, reason=reason)
    return with_scores(decision, probabilities, own, group_numbers(answers.groups))


def keep_decision(folder: Path, parts: ModelParts) -> None:
    """Write a model's decision into the folder that it was read from; all else stays as it is.

    Raises:
        ModelError: the folder holds no model.
        StoreError: it cannot be written to.
    """
    description = {**read_description(folder), DECISION: to_plain(parts.decision)}
    with files.disk_errors(f"Saving the threshold to {str(folder)!r}"):
        card = folder / CARD
        if card.exists():
            old = card.read_text(encoding="utf-8")
            files.write_bytes(card, with_decision(old, parts).encode())
        files.write_bytes(folder / DESCRIPTION, sealed(description))
