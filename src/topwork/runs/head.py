"""Trains a head on the frozen network's features: the way that every run begins with.

    examples -> features on disk -> cross-validation, head

What it does not know: deeper cuts (tuned.py), and what the model is made for.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.errors import TooFewError
from topwork.evaluation.crossval import Crossed, cross_predict, one_thread
from topwork.evaluation.fold_cache import KeptFolds
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evaluation.ood import Foreign, Held, detect_by_features
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.sounds.durations import median_seconds
from topwork.examples.split import Parts, check_readable, divide
from topwork.executors.choose import open_executor
from topwork.features.extract import Extraction, default_pools, extract
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.fit import fit_head
from topwork.heads.search import Labels
from topwork.model.model import Model, Progress, staged
from topwork.model.predictions import Answers, DataCounts
from topwork.recipe import Recipe
from topwork.training.selection import Choice

Rows = npt.NDArray[np.intp]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Frozen:
    """A head on frozen features, and what it was made of.

    Attributes:
        features: digest of the training examples' features.
        train: rows of the table that were learned from, with their `examples` and `labels`.
        test: rows of the source's own test part, with their `test_examples`.
        crossed: what heads said of examples left out; None where that could not be asked.
        seconds: that all of it took.
    """

    found: ExampleSet
    recipe: Recipe
    backbone: Backbone
    device: str
    pools: tuple[str, ...]
    table: FeatureTable
    features: str
    train: Rows
    test: Rows
    examples: tuple[Example, ...]
    test_examples: tuple[Example, ...]
    classes: tuple[str, ...]
    labels: Labels
    skipped: tuple[Skipped, ...]
    head: Head
    crossed: Crossed | None
    notes: tuple[str, ...]
    seconds: float

    def model(self, choice: Choice | None = None) -> Model:
        """Return the model with this head."""
        evaluation = left_out = foreign = None
        if self.crossed is not None:
            evaluation = self.crossed.evaluate(self.labels, self.classes)
            crossed = self.crossed.probabilities
            left_out = Answers.of(self.examples, self.labels.classes, crossed)
            foreign = self.detect(self.crossed)
        tested = answer_test(
            self.head.predict(self.table, self.test), self.test_examples, self.classes
        )
        backbone, pools, device = self.backbone, self.pools, self.device
        return Model(
            head=self.head,
            classes=self.classes,
            backbone=backbone,
            pools=pools,
            evaluation=evaluation,
            test=score_test(tested, self.classes),
            data=count(self.found, self.examples, self.test_examples, self.skipped),
            recipe=self.recipe,
            notes=self.notes,
            choice=choice or Choice(way="head"),
            left_out=left_out,
            tested=tested,
            detector=None if foreign is None else foreign.detector,
            foreign=None if foreign is None else foreign.scores,
            open_executor=lambda: open_executor(backbone, pools=pools, device=device),
            device=device,
        )

    def detect(self, crossed: Crossed) -> Foreign | None:
        """Return what tells inputs of no class, measured; None where there are too few examples."""
        held = Held(
            rows=self.train,
            labels=self.labels,
            classes=self.classes,
            probabilities=crossed.probabilities[0],
            folds=crossed.folds,
            method=crossed.method.partition(", drawn")[0],
        )
        settings = self.recipe.head_settings()
        return detect_by_features(
            self.table, held, self.head, settings=settings, features=self.features
        )


def fit_frozen(
    found: ExampleSet,
    recipe: Recipe,
    *,
    backbone: Backbone,
    device: str,
    on_progress: Progress | None,
    scored: bool = True,
    head: Head | None = None,
) -> Frozen:
    """Compute the features, cross-validate heads on them, and fit one on all, if none is given."""
    started = time.monotonic()
    wanted = divide(found)
    everything = (*wanted.train, *wanted.test)
    pools = recipe.pools or default_pools(len(everything), found.modality)
    extraction = extract(
        everything,
        backbone,
        pools=pools,
        device=device,
        strict=recipe.strict,
        on_progress=staged(on_progress, "features"),
    )
    parts = _Rows.of(extraction, wanted)
    check_readable(wanted.train, parts.train_examples, extraction.skipped, modality=found.modality)
    classes = sort_labels({e.label or "" for e in parts.train_examples})
    table = extraction.table.in_memory()
    labels = labels_of(parts.train_examples, classes, recipe)
    notes = list(wanted.notes)

    crossed = None
    features = digest_settings([extraction.space, *(e.digest for e in parts.train_examples)])
    settings = recipe.head_settings()
    kept = KeptFolds(features, labels.classes, labels.groups, labels.weights, settings=settings)
    with one_thread(), ThreadPoolExecutor(1) as pool:
        if head is None:
            fitted = pool.submit(
                fit_head, table, parts.train, labels, settings=settings, choose=kept.choose
            )
        try:
            if scored:
                crossed = cross_predict(
                    table,
                    labels,
                    rows=parts.train,
                    features=features,
                    settings=settings,
                    num_folds=recipe.num_folds,
                    num_repeats=recipe.num_repeats,
                    on_progress=staged(on_progress, "cross-validate"),
                )
        except TooFewError as error:
            notes.append(f"There is no cross-validated score: {error}")
        head = head or fitted.result()
    return Frozen(
        found=found,
        recipe=recipe,
        backbone=backbone,
        device=device,
        pools=pools,
        table=table,
        features=features,
        train=parts.train,
        test=parts.test,
        examples=parts.train_examples,
        test_examples=parts.test_examples,
        classes=classes,
        labels=labels,
        skipped=extraction.skipped,
        head=head,
        crossed=crossed,
        notes=tuple(notes),
        seconds=time.monotonic() - started,
    )


def count(
    found: ExampleSet,
    train: Sequence[Example],
    test: Sequence[Example],
    skipped: Sequence[Skipped],
) -> DataCounts:
    """Return what was trained on, in numbers."""
    per_class = Counter(example.label or "" for example in train)
    return DataCounts(
        per_class={name: per_class[name] for name in sort_labels(set(per_class))},
        num_test=len(test),
        num_duplicates=found.num_duplicates,
        skipped=(*found.skipped, *skipped),
        ignored=dict(found.ignored),
        typical_seconds=median_seconds(train) if found.modality == "sound" else None,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Rows of the extraction's table, by part, with their examples."""

    train: Rows
    test: Rows
    train_examples: tuple[Example, ...]
    test_examples: tuple[Example, ...]

    @staticmethod
    def of(extraction: Extraction, parts: Parts) -> _Rows:
        in_test = {id(example) for example in parts.test}
        is_test = np.array([id(e) in in_test for e in extraction.examples], bool)
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        return _Rows(
            train=train,
            test=test,
            train_examples=tuple(extraction.examples[i] for i in train),
            test_examples=tuple(extraction.examples[i] for i in test),
        )


def labels_of(examples: Sequence[Example], classes: Sequence[str], recipe: Recipe) -> Labels:
    """Return the examples' labels as positions in the classes, with groups and weights."""
    position = {name: k for k, name in enumerate(classes)}
    codes = np.array([position[e.label or ""] for e in examples], np.intp)
    counts = np.bincount(codes, minlength=len(classes))
    groups = None
    if any(e.group is not None for e in examples):
        # a name of its own for each that has none; "\0" cannot stand in a table's group
        groups = np.array(
            [f"\0{i}" if e.group is None else e.group for i, e in enumerate(examples)]
        )
    weights = None
    if recipe.class_weight == "balanced":
        weights = len(codes) / (len(classes) * counts[codes])
    return Labels(
        classes=codes,
        num_classes=len(classes),
        groups=groups,
        weights=weights,
        seed=recipe.seed,
    )


def answer_test(
    probabilities: npt.NDArray[np.float64], examples: Sequence[Example], classes: Sequence[str]
) -> Answers | None:
    """Return the answers to the source's own test part; None where it has none."""
    if not examples:
        return None
    position = {name: k for k, name in enumerate(classes)}
    truth = np.array([position[e.label or ""] for e in examples], np.intp)
    return Answers.of(examples, truth, probabilities)


def score_test(answers: Answers | None, classes: Sequence[str]) -> Evaluation | None:
    """Return the scores on the source's own test part; None where it has none."""
    if answers is None:
        return None
    return evaluate(
        answers.probabilities,
        answers.truth,
        classes,
        method=f"test part, {len(answers.truth):,} examples",
        groups=answers.groups,
    )
