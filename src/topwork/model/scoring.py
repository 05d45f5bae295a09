"""Scores of a model on labelled examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from topwork.backbones.base import check_modality
from topwork.core.telling import warn
from topwork.errors import DataError, SettingError
from topwork.evaluation.binary import DecisionRule, check_positive
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.spellings import known_as
from topwork.features.extract import extract
from topwork.model.parts import ModelParts

TRAINED_ON_IT = "the model was trained on it"


def score(
    parts: ModelParts,
    found: ExampleSet,
    *,
    device: str = "auto",
    include_known: bool = False,
    positive: str | None = None,
) -> Evaluation:
    """Return a model's scores on labelled examples; of a set with a test part, on that alone.

    Args:
        include_known: score those, too, that the model was trained on.
        positive: of two classes, the one that is looked for; None: the model's.

    Raises:
        SettingError: the model has no such class, or more than two.
        DataError: none of them can be read, they have classes that the model does not know, or
            the model was trained on all of them.
    """
    check_modality(found, parts.backbone)
    decision = _decision(parts, positive)
    examples = [
        replace(example, label=known_as(example.label or "", parts.classes))
        for example in found.of_split("test") or found.examples
    ]
    unknown = sorted({e.label or "" for e in examples} - set(parts.classes))
    if unknown:
        raise DataError(
            f"{found.origin!r} has {len(unknown)} classes that the model does not know: "
            f"{', '.join(unknown[:10])}. It knows: {', '.join(parts.classes[:20])}. Rename "
            "or remove these, or train a model that has them."
        )
    known = () if include_known else _known(parts, examples, found.origin)
    digests = {example.digest for example in known}
    left = [example for example in examples if example.digest not in digests]
    extraction = extract(left, parts.backbone, pools=parts.pools, device=device)
    if not extraction.examples:
        raise DataError(
            f"None of the {len(left)} {found.modality}s of {found.origin!r} can be read; "
            f"the first: {extraction.skipped[0].name}: {extraction.skipped[0].reason}."
        )
    truth = np.array([parts.classes.index(e.label or "") for e in extraction.examples], np.intp)
    scores = evaluate(
        parts.head.predict(extraction.table),
        truth,
        parts.classes,
        method=_method(f"{len(truth)} examples of {found.origin}", decision),
        groups=[e.group for e in extraction.examples],
        decision=decision,
    )
    skipped = (
        *(Skipped(name=one.name, reason=TRAINED_ON_IT) for one in known),
        *found.skipped,
        *extraction.skipped,
    )
    return replace(scores, skipped=skipped)


def _decision(parts: ModelParts, positive: str | None) -> DecisionRule | None:
    """Return by what the model names one of two classes, seen from the positive one."""
    if positive is not None:
        check_positive(positive, parts.classes)
    wanted = positive or parts.positive
    if wanted is None:
        return None
    decision = parts.decision
    if decision is None or decision.threshold is None:
        return DecisionRule(positive=wanted)
    if wanted != decision.positive:
        raise SettingError(
            f"The positive class is {wanted!r}, and the model keeps a threshold for "
            f"{decision.positive!r}; accepted: that one. Take the threshold away first: topwork "
            f"threshold MODEL --positive {wanted}."
        )
    return decision


def _method(text: str, decision: DecisionRule | None) -> str:
    if decision is None or decision.threshold is None:
        return text
    return f"{text}, {decision.positive} from {decision.threshold:.3g} on"


def _known(parts: ModelParts, examples: Sequence[Example], origin: str) -> tuple[Example, ...]:
    """Those of the examples that the model was trained on. Raises DataError if all are."""
    digests = set(parts.trained_on)
    known = tuple(example for example in examples if example.digest in digests)
    if known and len(known) == len(examples):
        raise DataError(
            f"The model was trained on all {len(known):,} examples of {origin!r}: it knows their "
            "answers, and a score of them says nothing. Its cross-validated score, of examples "
            "left out, is in its report; give other examples, or say --include-known "
            "(include_known=True)."
        )
    if known:
        remark = (
            f"The model was trained on {len(known):,} of the {len(examples):,} examples of "
            f"{origin!r}: these are left out of the score. Give examples that it has not seen, or "
            "say --include-known (include_known=True)."
        )
        warn([remark])
    return known
