"""A head on frozen features.

examples -> features on disk -> cross-validation, head
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Indices
from topwork.errors import TooFewError
from topwork.evaluation.crossval import CrossValPredictions, cross_val_predict, one_thread
from topwork.evaluation.fold_cache import FoldCache
from topwork.evaluation.ood import OODSample, detect_by_features
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.fit import fit_head
from topwork.heads.labels import Labels
from topwork.model.parts import DataCounts, ModelParts
from topwork.model.predictions import Predictions
from topwork.recipe import Recipe
from topwork.runs.head_features import head_features
from topwork.training.selection import Selection


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HeadRun:
    """A head on frozen features, and what it was made of.

    Attributes:
        features: digest of the training examples' features.
        augment: how views of them were altered; `num_views` of each, the example itself among them.
        train: rows of the table that were learned from, with their `examples` and `labels`.
        test: rows of the source's own test part, with their `test_examples`.
        cross_val: predictions of examples out of fold; None where there were too few.
        seconds: that all of it took.
    """

    found: ExampleSet
    recipe: Recipe
    backbone: Backbone
    options: RunOptions
    pools: tuple[str, ...]
    table: FeatureTable
    features: str
    augment: tuple[str, ...]
    num_views: int
    train: Indices
    test: Indices
    examples: tuple[Example, ...]
    test_examples: tuple[Example, ...]
    classes: tuple[str, ...]
    labels: Labels
    skipped: tuple[Skipped, ...]
    head: Head
    cross_val: CrossValPredictions | None
    notes: tuple[str, ...]
    seconds: float

    def parts(self, selection: Selection | None = None) -> ModelParts:
        """Return the model with this head."""
        evaluation = oof_predictions = ood = None
        if self.cross_val is not None:
            evaluation = self.cross_val.evaluate(self.labels, self.classes)
            oof_predictions = Predictions.of(
                self.examples, self.labels.classes, self.cross_val.probabilities
            )
            ood = detect_by_features(
                self.table,
                self._ood_sample(self.cross_val),
                self.head,
                settings=self.recipe.head_settings(),
                features=self.features,
            )
        test = Predictions.of_test(
            self.test_examples, self.classes, self.head.predict(self.table, self.test)
        )
        return ModelParts(
            head=self.head,
            classes=self.classes,
            backbone=self.backbone,
            pools=self.pools,
            data=DataCounts.of(self.found, self.examples, self.test_examples, self.skipped),
            recipe=self.recipe,
            evaluation=evaluation,
            test=None if test is None else test.evaluate_test(self.classes),
            notes=self.notes,
            selection=selection or Selection(strategy="head"),
            oof_predictions=oof_predictions,
            test_predictions=test,
            detector=None if ood is None else ood.detector,
            ood=None if ood is None else ood.scores,
            trained_on=tuple(example.digest for example in self.examples),
        )

    def _ood_sample(self, cross_val: CrossValPredictions) -> OODSample:
        return OODSample(
            indices=self.train,
            labels=self.labels,
            classes=self.classes,
            probabilities=cross_val.probabilities[0],
            folds=cross_val.folds,
            method=cross_val.method.partition(", drawn")[0],
        )


def run_head(
    found: ExampleSet,
    recipe: Recipe,
    backbone: Backbone,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    *,
    scored: bool = True,
    head: Head | None = None,
) -> HeadRun:
    """Compute the features, cross-validate heads on them, and fit one on all.

    Args:
        scored: False leaves the cross-validation out.
        head: is taken, where one is given, and none is fitted.
    """
    started = time.monotonic()
    data = head_features(found, recipe, backbone, options)
    table, train, labels = data.table.in_memory(), data.train, data.labels
    notes = list(data.notes)
    cross_val = None
    settings = recipe.head_settings()
    cache = FoldCache(data.digest, labels.classes, labels.groups, labels.weights, settings=settings)
    with one_thread(), ThreadPoolExecutor(1) as pool:
        if head is None:
            fitted = pool.submit(
                fit_head, table, train, labels, settings=settings, choose=cache.choose
            )
        try:
            if scored:
                cross_val = cross_val_predict(
                    table,
                    labels,
                    indices=train,
                    features=data.digest,
                    settings=settings,
                    num_folds=recipe.num_folds,
                    num_repeats=recipe.num_repeats,
                )
        except TooFewError as error:
            notes.append(f"There is no cross-validated score: {error}")
        head = head or fitted.result()
    return HeadRun(
        found=found,
        recipe=recipe,
        backbone=backbone,
        options=options,
        pools=data.pools,
        table=table,
        features=data.digest,
        augment=data.augment,
        num_views=data.num_views,
        train=train,
        test=data.test,
        examples=data.examples,
        test_examples=data.test_examples,
        classes=data.classes,
        labels=labels,
        skipped=data.skipped,
        head=head,
        cross_val=cross_val,
        notes=tuple(notes),
        seconds=time.monotonic() - started,
    )
