"""Training of blocks.

examples -> outputs at the cut on disk -> each fold trained and judged -> all trained -> model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Indices
from topwork.errors import TooFewError
from topwork.evaluation.crossval import draw_folds
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evaluation.ood import OODSample, detect_by_answers
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.split import check_readable, divide
from topwork.features.extract import extract
from topwork.model.parts import DataCounts, ModelParts
from topwork.model.predictions import Predictions
from topwork.recipe import Recipe
from topwork.runs.job import JobMaker, count_epochs, describe
from topwork.training.budget import within
from topwork.training.cross_validate import CVResult, Refit, cross_validate, refit
from topwork.training.epoch_progress import EpochProgress
from topwork.training.finetuned_backbone import finetuned_backbone
from topwork.training.selection import Selection
from topwork.training.strategy import parse_strategy
from topwork.training.training_job import TrainingJob

SCRATCH_SECONDS = 600.0
"""For training from random weights with all its folds, where the user gives no limit."""


def run_blocks(
    found: ExampleSet,
    recipe: Recipe,
    backbone: Backbone,
    options: RunOptions,
    *,
    scored: bool = True,
) -> ModelParts:
    """Train by the strategy that the recipe names, and judge it by cross-validation.

    Args:
        scored: False leaves the cross-validation out.
    """
    wanted = divide(found)
    strategy = recipe.strategy()
    maker = JobMaker(recipe=recipe, backbone=backbone, options=options, examples=wanted.train)
    job = maker.make(strategy)
    saved = job.saved
    check_readable(wanted.train, saved.examples, saved.skipped, modality=found.modality)
    notes = list(wanted.notes)
    folds: list[Indices] = []
    if scored:
        try:
            drawn, _ = draw_folds(job.labels, num_folds=recipe.num_folds, num_repeats=1)
            folds = drawn[0]
        except TooFewError as error:
            notes.append(f"There is no cross-validated score: {error}")
    limit = recipe.limit_seconds()
    if limit is None and strategy.kind == "scratch":
        limit = SCRATCH_SECONDS
    if limit is not None:
        usual = job.settings.epochs or 1
        job = within(job, limit, len(folds) + 1, resume=options.resume)
        notes.append(_allowed(limit, job.settings.epochs or 1, usual))
    on_epoch = EpochProgress(
        f"train {strategy}", epochs=job.settings.epochs or 1, num_trainings=len(folds) + 1
    )
    done = []
    for fold in cross_validate(job, folds, options=options, on_epoch=on_epoch):
        done.append(fold)
        on_epoch.begin(len(done))
    cv_result = CVResult.of(job, done) if done else None
    outcome = refit(job, cv_result, options=options, on_epoch=on_epoch)
    run = BlocksRun(
        found=found,
        recipe=recipe,
        options=options,
        test=wanted.test,
        classes=maker.classes,
        num_folds=len(folds),
        notes=tuple(notes),
        skipped=saved.skipped,
    )
    return run.parts(outcome, cv_result, Selection(strategy=str(strategy)))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class BlocksRun:
    """What a model is made of beside what was trained."""

    found: ExampleSet
    recipe: Recipe
    options: RunOptions
    test: Sequence[Example]
    classes: tuple[str, ...]
    num_folds: int
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    def parts(self, outcome: Refit, cv_result: CVResult | None, selection: Selection) -> ModelParts:
        """Return the model that came of the training on all examples."""
        tuned, job = outcome.fine_tuned, outcome.fine_tuned.job
        strategy, cut = parse_strategy(selection.strategy), job.cut
        backbone = finetuned_backbone(tuned, outcome.alpha, strategy)
        head = cut.served(outcome.head)
        evaluation = oof_predictions = ood = None
        if cv_result is not None:
            evaluation = self._evaluate(job, cv_result)
            oof_predictions = Predictions.of(
                [job.saved.examples[row] for row in cv_result.indices],
                job.labels.classes[cv_result.indices],
                cv_result.probabilities,
            )
            sample = OODSample(
                indices=cv_result.indices,
                labels=job.labels.take(cv_result.indices),
                classes=self.classes,
                probabilities=cv_result.probabilities,
                method=evaluation.method,
            )
            ood = detect_by_answers(sample)
        skipped = _each_once(self.skipped, job.saved.skipped)
        test_examples, test = tuple(self.test), None
        if test_examples:
            extraction = extract(
                test_examples,
                backbone,
                pools=cut.pools,
                device=self.options.device,
                strict=self.options.strict,
            )
            test_examples = extraction.examples
            skipped = _each_once(skipped, extraction.skipped)
            test = Predictions.of_test(test_examples, self.classes, head.predict(extraction.table))
        return ModelParts(
            head=head,
            classes=self.classes,
            backbone=backbone,
            pools=cut.pools,
            data=DataCounts.of(self.found, job.saved.examples, test_examples, skipped),
            recipe=self.recipe,
            evaluation=evaluation,
            test=None if test is None else test.evaluate_test(self.classes),
            notes=(*self.notes, *([tuned.stopped] if tuned.stopped else [])),
            selection=replace(
                selection,
                trained=describe(job, strategy, outcome.alpha, is_chosen=outcome.is_chosen),
            ),
            oof_predictions=oof_predictions,
            test_predictions=test,
            detector=None if ood is None else ood.detector,
            ood=None if ood is None else ood.scores,
            trained_on=tuple(example.digest for example in job.saved.examples),
        )

    def _evaluate(self, job: TrainingJob, cv_result: CVResult) -> Evaluation:
        labels = job.labels.take(cv_result.indices)
        method = f"{self.num_folds}-fold cross-validation"
        if len(cv_result.indices) < len(job.labels.classes):
            method = (
                f"{len(cv_result.indices):,} examples left out in some folds of {self.num_folds}"
            )
        return evaluate(
            cv_result.probabilities,
            labels.classes,
            self.classes,
            method=method,
            groups=None if labels.groups is None else labels.groups.tolist(),
            seed=labels.seed,
        )


def _each_once(first: Sequence[Skipped], more: Sequence[Skipped]) -> tuple[Skipped, ...]:
    named = {one.name for one in first}
    return (*first, *(one for one in more if one.name not in named))


def _allowed(limit: float, epochs: int, usual: int) -> str:
    message = f"{limit:,.0f} seconds were allowed: {count_epochs(epochs)} of each training"
    return f"{message}, where {usual} would be usual." if epochs < usual else f"{message}."
