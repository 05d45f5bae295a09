"""All that a model consists of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

from topwork.backbones.base import Backbone
from topwork.evaluation.binary import DecisionRule, rarer
from topwork.evaluation.metrics import Evaluation
from topwork.evaluation.ood_scores import OODScores
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.sounds.durations import median_seconds
from topwork.heads.base import Head
from topwork.heads.ood import Detector
from topwork.model.predictions import Predictions
from topwork.recipe import Recipe
from topwork.training.selection import Selection


@dataclass(frozen=True, kw_only=True)
class DataCounts:
    """What a model was trained on, in numbers.

    Attributes:
        per_class: examples of each class that were trained on.
        num_test: examples of the source's own test part.
        num_duplicates: inputs that repeat another's content and label.
        skipped: inputs that could not be used, with the reasons.
        ignored: files or rows that are not inputs, by reason.
        typical_seconds: the median length of the sounds; None where they are not sounds.
    """

    per_class: dict[str, int]
    num_test: int
    num_duplicates: int
    skipped: tuple[Skipped, ...]
    ignored: dict[str, int]
    typical_seconds: float | None = None

    @staticmethod
    def of(
        found: ExampleSet,
        train: Sequence[Example],
        test: Sequence[Example],
        skipped: Sequence[Skipped],
    ) -> DataCounts:
        """Count what was trained and tested on; `skipped` could not be decoded."""
        per_class = Counter(example.label or "" for example in train)
        return DataCounts(
            per_class={name: per_class[name] for name in sort_labels(set(per_class))},
            num_test=len(test),
            num_duplicates=found.num_duplicates,
            skipped=(*found.skipped, *skipped),
            ignored=dict(found.ignored),
            typical_seconds=median_seconds(train) if found.modality == "sound" else None,
        )

    @property
    def num_train(self) -> int:
        """Examples of all classes."""
        return sum(self.per_class.values())


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ModelParts:
    """A trained model as a value: training makes it, a folder holds it, `Model` predicts with it.

    Attributes:
        head: what was grown in place of the output layer.
        classes: names of the labels, in the order of all probabilities.
        backbone: what was transferred.
        pools: that its features are made with.
        data: what it was trained on, in numbers.
        trained_on: digests of the examples that it was trained on.
        recipe: the settings that make it again.
        evaluation: cross-validated scores; None where there were too few examples for any.
        test: scores on the source's own test part; None where it has none.
        notes: what a person should know of the run, in sentences.
        selection: what was trained, what else was tried, and why.
        oof_predictions: of the training examples, out of fold; None without cross-validation.
        test_predictions: of the source's own test part; None where it has none.
        detector: scores how far out of distribution an input is; None where too few examples
            could be left out.
        ood: how well that works, measured; None where nothing out of distribution was at hand.
        decision: of two classes, which is looked for, and from which probability it is named;
            None: the recipe's or the rarer in training, where it is the more probable.
    """

    head: Head
    classes: tuple[str, ...]
    backbone: Backbone
    pools: tuple[str, ...]
    data: DataCounts
    recipe: Recipe
    evaluation: Evaluation | None = None
    test: Evaluation | None = None
    notes: tuple[str, ...] = ()
    selection: Selection = field(default_factory=lambda: Selection(strategy="head"))
    oof_predictions: Predictions | None = None
    test_predictions: Predictions | None = None
    detector: Detector | None = None
    ood: OODScores | None = None
    trained_on: tuple[str, ...] = ()
    decision: DecisionRule | None = None

    def __post_init__(self) -> None:
        # All scores are of one positive class, also where it is not the rarer in the test part.
        for name in ("evaluation", "test"):
            one = getattr(self, name)
            if one is not None and one.positive not in (None, self.positive):
                object.__setattr__(self, name, replace(one, positive=self.positive))

    @property
    def positive(self) -> str | None:
        """The class that is looked for, of two; None of more."""
        if self.decision is not None:
            return self.decision.positive
        if self.recipe.positive is not None:
            return self.recipe.positive
        return rarer(self.classes, self.data.per_class)

    @property
    def blocks(self) -> tuple[str, ...]:
        """All blocks of the backbone, in order; the head uses `head.blocks` of them."""
        return tuple(dict.fromkeys(segment.block for segment in self.head.segments))
