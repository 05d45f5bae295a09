"""Trials of deeper cuts.

head, folds -> each strategy tried on them -> the one taken, trained on everything -> model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from topwork.core.shapes import Indices
from topwork.model.parts import ModelParts
from topwork.runs.blocks import BlocksRun
from topwork.runs.head import HeadRun
from topwork.runs.job import JobMaker
from topwork.training.candidates import OnTrial, select
from topwork.training.cross_validate import refit
from topwork.training.epoch_progress import EpochProgress
from topwork.training.incumbent import Incumbent
from topwork.training.selection import Candidate, Selection
from topwork.training.strategy import Strategy


def go_deeper(
    head_run: HeadRun,
    head: Incumbent,
    strategies: Sequence[Strategy],
    folds: Sequence[Indices],
    on_trial: OnTrial,
    before: Sequence[Candidate],
    limit_seconds: float,
) -> tuple[Selection, ModelParts | None]:
    """Return what was chosen, and its model; None where that is a head alone.

    Args:
        head: the best so far.
        before: rows of what was tried before, the head's among them.
        limit_seconds: what is left for all of it.
    """
    recipe, options = head_run.recipe, head_run.options
    maker = JobMaker(
        recipe=recipe, backbone=head_run.backbone, options=options, examples=head_run.examples
    )
    decision = select(
        [(strategy, partial(maker.make, strategy)) for strategy in strategies],
        head,
        folds,
        head_run.labels,
        options=options,
        limit_seconds=limit_seconds,
        on_trial=on_trial,
    )
    rows = (*before, *decision.selection.candidates[1:])
    selection = replace(decision.selection, candidates=rows)
    if decision.job is None or decision.cv_result is None:
        return selection, None
    run = BlocksRun(
        found=head_run.found,
        recipe=recipe,
        options=options,
        test=head_run.test_examples,
        classes=head_run.classes,
        num_folds=len(folds),
        notes=head_run.notes,
        skipped=head_run.skipped,
    )
    on_epoch = EpochProgress(
        f"train {selection.strategy}",
        epochs=decision.job.settings.epochs or 1,
        num_trainings=1,
    )
    outcome = refit(decision.job, decision.cv_result, options=options, on_epoch=on_epoch)
    return selection, run.parts(outcome, decision.cv_result, selection)
