"""Examples and folds of a comparison.

With more examples than `MAX_COMPARED` it is done on a sample, for transfer as for its controls: a
head that learned from ten times the examples would be no fair rival.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.digests import digest_bytes, digest_settings
from topwork.core.memo import key_of
from topwork.core.progress import renamed
from topwork.core.shapes import Doubles, Indices, Int
from topwork.errors import TooFewError
from topwork.evaluation.crossval import cross_val_predict, draw_folds
from topwork.examples.example import Example
from topwork.heads.labels import Labels, sample_indices
from topwork.model.predictions import Predictions
from topwork.runs.head import HeadRun

HEAD_ALONE = "a new head"

MAX_COMPARED = 2_000
"""Examples on which transfer and its controls are compared, at most: the features of 2,000 pictures
take a random EfficientNet-Lite0 half a minute on a core."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedPredictions:
    """What one way of doing without transfer (or with it) said of examples left out.

    Attributes:
        name: of the way, in words.
        indices: the examples, positions in `Comparison.labels`.
        right: how often each was answered rightly, 0 to 1, parallel to `indices`.
        seconds: it took; 0 where it was kept from before.
    """

    name: str
    indices: Indices
    right: Doubles
    seconds: float


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """The examples to compare on, and what transfer gave on them.

    Attributes:
        head_run: the head on all examples.
        indices: the examples' positions in `head_run.examples`, sorted.
        labels: of these examples.
        drawn: the folds of each repeat: positions in `labels`.
        transferred: what the head on the frozen network said (or another model, where its answers
            were given).
    """

    head_run: HeadRun
    indices: Indices
    labels: Labels
    drawn: tuple[tuple[Indices, ...], ...]
    transferred: ComparedPredictions

    @property
    def examples(self) -> tuple[Example, ...]:
        """Those that are compared on."""
        return tuple(self.head_run.examples[i] for i in self.indices)

    @property
    def groups(self) -> Int[np.ndarray, " n"] | None:
        """Number of each example's group."""
        return self.labels.group_numbers

    @staticmethod
    def of(
        head_run: HeadRun,
        *,
        predictions: Predictions | None = None,
        max_examples: int = MAX_COMPARED,
    ) -> Comparison:
        """Take the head's answers on all examples, or on a sample what it says anew.

        Args:
            predictions: of a model on these examples, left out: they take the place of the head's,
                where all examples are compared on.

        Raises:
            TooFewError: there are too few examples for a cross-validated score.
        """
        if head_run.cross_val is None:
            raise TooFewError(
                head_run.notes[-1] if head_run.notes else "There is no score to compare."
            )
        indices = sample_indices(head_run.labels, max_examples)
        labels = head_run.labels.take(indices)
        recipe = head_run.recipe
        drawn, _ = draw_folds(labels, num_folds=recipe.num_folds, num_repeats=recipe.num_repeats)
        cross_val = head_run.cross_val
        if len(indices) < len(head_run.examples):
            with renamed("{} sample"):
                cross_val = cross_val_predict(
                    head_run.table,
                    labels,
                    indices=head_run.train[indices],
                    features=features_key(head_run.backbone.digest, head_run, indices),
                    settings=recipe.head_settings(),
                    num_folds=recipe.num_folds,
                    num_repeats=recipe.num_repeats,
                )
        right = (cross_val.probabilities.argmax(2) == labels.classes).mean(0)
        if predictions is not None and len(indices) == len(head_run.examples):
            right = _right(predictions, head_run.examples)
        return Comparison(
            head_run=head_run,
            indices=indices,
            labels=labels,
            drawn=tuple(tuple(folds) for folds in drawn),
            transferred=ComparedPredictions(
                name=HEAD_ALONE if predictions is None else "the model",
                indices=np.arange(len(indices)),
                right=right,
                seconds=head_run.seconds,
            ),
        )


def features_key(space: str, head_run: HeadRun, indices: Int[np.ndarray, " n"]) -> str:
    """Return the digest under which folds on some examples' features are kept."""
    digests = [head_run.examples[i].digest for i in indices]
    return digest_settings([space, list(head_run.pools), head_run.num_views, *digests])


def _right(predictions: Predictions, examples: Sequence[Example]) -> Doubles:
    """Return whether each example was answered rightly. Raises TooFewError where one was not."""
    place = {digest: k for k, digest in enumerate(predictions.digests)}
    missing = [example.name for example in examples if example.digest not in place]
    if missing:
        raise TooFewError(
            f"The answers lack {len(missing)} of {len(examples)} examples, such as {missing[0]}. "
            "Give the answers to all examples that were learned from."
        )
    indices = np.array([place[example.digest] for example in examples], np.intp)
    right: Doubles = predictions.probabilities[indices].argmax(1) == predictions.truth[indices]
    return right.astype(np.float64)


def measurement_key(
    head_run: HeadRun,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    drawn: Sequence[Sequence[Int[np.ndarray, " _"]]],
    *more: object,
) -> str:
    """Return the key of a measurement on some of the examples; `more` is plain data."""
    groups = b"" if labels.groups is None else "\n".join(labels.groups.tolist()).encode()
    return key_of(
        list(more),
        head_run.backbone.digest,
        head_run.backbone.input.settings(),
        [head_run.examples[i].digest for i in indices],
        digest_bytes(labels.classes.astype("<i8").tobytes(), groups),
        [labels.seed, head_run.recipe.class_weight],
        [digest_bytes(fold.astype("<i8").tobytes()) for folds in drawn for fold in folds],
    )
