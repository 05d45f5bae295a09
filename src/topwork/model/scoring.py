"""Scores of a model on labelled examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from topwork.backbones.base import check_modality
from topwork.core.telling import warn
from topwork.errors import DataError
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.spellings import known_as
from topwork.features.extract import extract
from topwork.model.parts import ModelParts

TRAINED_ON_IT = "the model was trained on it"


def score(
    parts: ModelParts, found: ExampleSet, *, device: str = "auto", include_known: bool = False
) -> Evaluation:
    """Return a model's scores on labelled examples; of a set with a test part, on that alone.

    Args:
        include_known: score those, too, that the model was trained on.

    Raises:
        DataError: none of them can be read, they have classes that the model does not know, or
            the model was trained on all of them.
    """
    check_modality(found, parts.backbone)
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
    return evaluate(
        parts.head.predict(extraction.table),
        truth,
        parts.classes,
        method=f"{len(truth)} examples of {found.origin}",
        groups=[e.group for e in extraction.examples],
        skipped=(
            *(Skipped(name=one.name, reason=TRAINED_ON_IT) for one in known),
            *found.skipped,
            *extraction.skipped,
        ),
    )


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
