"""A model in one line."""

from __future__ import annotations

from topwork.model.parts import ModelParts

MAX_NAMED = 5
"""Classes that are named, before `and 72 more`."""


def in_a_line(parts: ModelParts) -> str:
    """Return kind, classes, backbone, accuracy with its interval, and number of examples."""
    named = ", ".join(parts.classes[:MAX_NAMED])
    if len(parts.classes) > MAX_NAMED:
        named += f" and {len(parts.classes) - MAX_NAMED} more"
    return (
        f"<topwork.Model of {parts.backbone.modality}s: {len(parts.classes)} classes ({named}) "
        f"from {parts.data.num_train:,} examples, on {parts.backbone.name}; {_score(parts)}>"
    )


def _score(parts: ModelParts) -> str:
    """Return the score of its own test part, or else the cross-validated one."""
    one = parts.test or parts.evaluation
    text = "not scored" if one is None else f"accuracy {one.accuracy}, {one.method}"
    if parts.decision is None or parts.decision.threshold is None:
        return text
    return f"{text}; {parts.decision.positive} from {parts.decision.threshold:.3g} on"
