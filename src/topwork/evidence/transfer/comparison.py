"""What transfer gave on examples left out, and the folds on which all else is compared with it.

With more examples than `MAX_COMPARED` it is done on a sample, for transfer as for its controls: a
head that learned from ten times the examples would be no fair rival.
What it does not know: what it is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.core.digests import digest_settings
from topwork.errors import TooFewError
from topwork.evaluation.crossval import cross_predict, draw_folds
from topwork.examples.example import Example
from topwork.heads.kernel import Rows
from topwork.heads.search import Labels, sample_rows
from topwork.model.model import Progress, staged
from topwork.model.predictions import Answers
from topwork.runs.head import Frozen

Doubles = npt.NDArray[np.float64]

HEAD_ALONE = "a new head"

MAX_COMPARED = 2_000
"""Examples on which transfer and its controls are compared, at most: the features of 2,000 pictures
take a random EfficientNet-Lite0 half a minute on a core."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """What one way of doing without transfer (or with it) said of examples left out.

    Attributes:
        name: of the way, in words.
        rows: the examples, positions in `Compared.labels`.
        right: how often each was answered rightly, 0 to 1, parallel to `rows`.
        seconds: it took; 0 where it was kept from before.
    """

    name: str
    rows: Rows
    right: Doubles
    seconds: float


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """The examples to compare on, and what transfer gave on them.

    Attributes:
        frozen: the head on all examples.
        places: the examples' positions in `frozen.examples`, sorted.
        labels: of these examples.
        drawn: the folds of each repeat: positions in `labels`.
        transferred: what the head on the frozen network said (or another model, where its answers
            were given).
    """

    frozen: Frozen
    places: Rows
    labels: Labels
    drawn: tuple[tuple[Rows, ...], ...]
    transferred: Answered

    @property
    def examples(self) -> tuple[Example, ...]:
        """Those that are compared on."""
        return tuple(self.frozen.examples[i] for i in self.places)

    @property
    def groups(self) -> Rows | None:
        """Number of each example's group."""
        return self.labels.group_numbers

    @property
    def is_whole(self) -> bool:
        """Whether all examples are compared on."""
        return len(self.places) == len(self.frozen.examples)

    @staticmethod
    def of(
        frozen: Frozen,
        *,
        answers: Answers | None = None,
        max_examples: int = MAX_COMPARED,
        on_progress: Progress | None = None,
    ) -> Compared:
        """Take the head's answers on all examples, or on a sample what it says anew.

        Args:
            answers: of a model on these examples, left out: they take the place of the head's,
                where all examples are compared on.

        Raises:
            TooFewError: there are too few examples for a cross-validated score.
        """
        if frozen.crossed is None:
            raise TooFewError(frozen.notes[-1] if frozen.notes else "There is no score to compare.")
        places = sample_rows(frozen.labels, max_examples)
        labels = frozen.labels.take(places)
        recipe = frozen.recipe
        drawn, _ = draw_folds(labels, num_folds=recipe.num_folds, num_repeats=recipe.num_repeats)
        whole = len(places) == len(frozen.examples)
        right = None
        if whole:
            right = (frozen.crossed.probabilities.argmax(2) == labels.classes).mean(0)
            right = _of_answers(answers, frozen.examples) if answers is not None else right
        else:
            crossed = cross_predict(
                frozen.table,
                labels,
                rows=frozen.train[places],
                features=features_key(frozen.backbone.digest, frozen, places),
                settings=recipe.head_settings(),
                num_folds=recipe.num_folds,
                num_repeats=recipe.num_repeats,
                on_progress=staged(on_progress, "cross-validate sample"),
            )
            right = (crossed.probabilities.argmax(2) == labels.classes).mean(0)
        return Compared(
            frozen=frozen,
            places=places,
            labels=labels,
            drawn=tuple(tuple(folds) for folds in drawn),
            transferred=Answered(
                name=HEAD_ALONE if answers is None else "the model",
                rows=np.arange(len(places)),
                right=right,
                seconds=frozen.seconds,
            ),
        )


def features_key(space: str, frozen: Frozen, places: Rows) -> str:
    """Return the digest under which folds on some examples' features are kept."""
    digests = [frozen.examples[i].digest for i in places]
    return digest_settings([space, list(frozen.pools), *digests])


def _of_answers(answers: Answers, examples: Sequence[Example]) -> Doubles:
    """Return whether each example was answered rightly. Raises TooFewError where one was not."""
    place = {digest: k for k, digest in enumerate(answers.digests)}
    missing = [example.name for example in examples if example.digest not in place]
    if missing:
        raise TooFewError(
            f"The answers lack {len(missing)} of {len(examples)} examples, such as {missing[0]}. "
            "Give the answers to all examples that were learned from."
        )
    rows = np.array([place[example.digest] for example in examples], np.intp)
    said: Doubles = answers.probabilities[rows].argmax(1) == answers.truth[rows]
    return said.astype(np.float64)
