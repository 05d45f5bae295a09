"""A head on frozen features.

examples -> features on disk -> cross-validation, head
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.core.options import RunOptions
from topwork.core.shapes import Indices
from topwork.errors import TooFewError
from topwork.evaluation.crossval import CrossValPredictions, cross_val_predict, one_thread
from topwork.evaluation.fold_cache import FoldCache
from topwork.evaluation.ood import OODSample, detect_by_features
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.split import check_readable, divide
from topwork.examples.texts.class_names import name_examples
from topwork.features.extract import default_pools, extract
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.fit import fit_head
from topwork.heads.labels import ClassNames, Labels
from topwork.model.parts import DataCounts, ModelParts
from topwork.model.predictions import Predictions
from topwork.recipe import Recipe
from topwork.training.selection import Selection

NAMES_UP_TO = 20
"""Examples of a class, in the mean, up to which its name is looked at: banking77 gains 4.9 points
with 3 of each, 2.3 with 5, 0.3 with 10."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HeadRun:
    """A head on frozen features, and what it was made of.

    Attributes:
        features: digest of the training examples' features.
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
    wanted = divide(found)
    names = _names(found, wanted.train)
    everything = (*wanted.train, *wanted.test, *names)
    pools = recipe.pools or default_pools(len(everything), found.modality)
    extraction = extract(
        everything, backbone, pools=pools, device=options.device, strict=options.strict
    )
    ends = np.cumsum([len(wanted.train), len(wanted.test)])
    part = np.searchsorted(ends, extraction.indices, side="right")
    train, test, named = (np.flatnonzero(part == number) for number in range(3))
    examples = tuple(extraction.examples[i] for i in train)
    check_readable(wanted.train, examples, extraction.skipped, modality=found.modality)
    classes = sort_labels({e.label or "" for e in examples})
    table = extraction.table.in_memory()
    labels = _labels(extraction.examples, train, named, classes, recipe)
    notes = list(wanted.notes)
    cross_val = None
    learned = [extraction.examples[i].digest for i in (*train, *named)]
    features = digest_settings([extraction.space, *learned])
    settings = recipe.head_settings()
    cache = FoldCache(features, labels.classes, labels.groups, labels.weights, settings=settings)
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
                    features=features,
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
        pools=pools,
        table=table,
        features=features,
        train=train,
        test=test,
        examples=examples,
        test_examples=tuple(extraction.examples[i] for i in test),
        classes=classes,
        labels=labels,
        skipped=extraction.skipped,
        head=head,
        cross_val=cross_val,
        notes=tuple(notes),
        seconds=time.monotonic() - started,
    )


def _labels(
    examples: Sequence[Example],
    train: Indices,
    named: Indices,
    classes: Sequence[str],
    recipe: Recipe,
) -> Labels:
    """Return the labels of some examples, with the names of the classes if there are any."""
    names = None
    if len(named):
        own = Labels.of([examples[i] for i in named], classes)
        names = ClassNames(rows=named, classes=own.classes)
    labels = Labels.of(
        [examples[i] for i in train], classes, class_weight=recipe.class_weight, seed=recipe.seed
    )
    return replace(labels, names=names)


def _names(found: ExampleSet, train: Sequence[Example]) -> tuple[Example, ...]:
    """Return the names of the classes, where they may say what a few texts do not."""
    classes = sort_labels({example.label or "" for example in train})
    if found.modality != "text" or len(train) > NAMES_UP_TO * len(classes):
        return ()
    return name_examples(classes)
