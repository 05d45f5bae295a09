"""The head, or a deeper cut."""

from __future__ import annotations

from functools import partial

from topwork.executors.choose import resolve_device
from topwork.model.parts import ModelParts
from topwork.runs.blocks import BlocksRun
from topwork.runs.head import HeadRun
from topwork.runs.job import JobMaker
from topwork.training.candidates import Incumbent, select
from topwork.training.cross_validate import refit
from topwork.training.epoch_progress import EpochProgress
from topwork.training.hyperparameters import usual_depth
from topwork.training.selection import Selection
from topwork.training.strategy import Strategy

NEAREST = (
    "The head alone: `nearest` compares what the network gives as it is. The other heads can be "
    "trained with its last blocks."
)


def run_auto(head_run: HeadRun) -> ModelParts:
    """Return the model of the head, or one of a deeper cut where that is worth it."""
    cross_val, recipe, options = head_run.cross_val, head_run.recipe, head_run.options
    if cross_val is None:
        return head_run.parts()
    if recipe.head == "nearest":
        return head_run.parts(Selection(strategy="head", reason=NEAREST))
    maker = JobMaker(
        recipe=recipe, backbone=head_run.backbone, options=options, examples=head_run.examples
    )

    decision = select(
        [(strategy, partial(maker.make, strategy)) for strategy in _strategies(head_run)],
        Incumbent.of_head(cross_val.probabilities, head_run.labels, head_run.seconds),
        cross_val.folds,
        head_run.labels,
        options=options,
        limit_seconds=recipe.limit_seconds(),
    )
    if decision.job is None or decision.cv_result is None:
        return head_run.parts(decision.selection)
    run = BlocksRun(
        found=head_run.found,
        recipe=recipe,
        options=options,
        test=head_run.test_examples,
        classes=head_run.classes,
        num_folds=len(cross_val.folds),
        notes=head_run.notes,
        skipped=head_run.skipped,
    )
    on_epoch = EpochProgress(
        f"train {decision.selection.strategy}",
        epochs=decision.job.settings.epochs or 1,
        num_trainings=1,
    )
    outcome = refit(decision.job, decision.cv_result, options=options, on_epoch=on_epoch)
    return run.parts(outcome, decision.cv_result, decision.selection)


def _strategies(head_run: HeadRun) -> list[Strategy]:
    """Return what may be tried: on a CPU all blocks only where the user gives it time."""
    num_blocks = len({segment.block for segment in head_run.head.segments})
    strategies = []
    if num_blocks > 1:
        strategies.append(Strategy(kind="last", last_blocks=usual_depth(num_blocks)))
    on_gpu = resolve_device(head_run.options.device).startswith("cuda")
    if head_run.recipe.time_limit is not None or on_gpu:
        strategies.append(Strategy(kind="all"))
    return strategies
