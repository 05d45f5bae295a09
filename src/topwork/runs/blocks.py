"""Trains blocks of the network too: the last ones, all, or all from random weights.

    examples -> outputs at the cut on disk -> each fold trained and judged -> all trained -> model

What it does not know: how a network is trained (training/), and the head alone (frozen.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from topwork.backbones.base import Backbone
from topwork.errors import TooFewError
from topwork.evaluation.crossval import draw_folds
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evaluation.ood import Held, detect_by_answers
from topwork.examples.example import Example, ExampleSet, Skipped
from topwork.examples.split import check_readable, divide
from topwork.executors.choose import open_executor, resolve_device
from topwork.features.extract import extract
from topwork.heads.dense import DenseHead
from topwork.model.model import Model, Progress, staged
from topwork.model.predictions import Answers
from topwork.recipe import Recipe
from topwork.runs.head import Frozen, answer_test, count, score_test
from topwork.runs.job import JobMaker, count_epochs, describe, within
from topwork.training.candidates import Rival, choose
from topwork.training.cross_validate import Judged, finish, judge
from topwork.training.finetune import Job, Rows, Tuned
from topwork.training.finetuned_backbone import tuned_backbone
from topwork.training.loop.task import Epoch
from topwork.training.policy import usual_depth
from topwork.training.selection import Choice
from topwork.training.strategy import Way, parse_way

SCRATCH_SECONDS = 600.0
"""For training from random weights with all its folds, where the user gives no limit."""


def fit_tuned(
    found: ExampleSet,
    recipe: Recipe,
    *,
    backbone: Backbone,
    device: str,
    on_progress: Progress | None,
    scored: bool,
    resume: bool = True,
    log: Path | None = None,
) -> Model:
    """Train the way that the recipe names, and judge it by cross-validation.

    Args:
        resume: go on where an earlier run of the same was stopped; without it all is done anew.
        log: folder for TensorBoard.
    """
    wanted = divide(found)
    way = recipe.way()
    maker = JobMaker(
        recipe=recipe,
        backbone=backbone,
        device=device,
        examples=wanted.train,
        on_progress=on_progress,
    )
    job = maker.make(way)
    saved = job.saved
    check_readable(wanted.train, saved.examples, saved.skipped, modality=found.modality)
    notes = list(wanted.notes)
    folds: list[Rows] = []
    if scored:
        try:
            drawn, _ = draw_folds(job.labels, num_folds=recipe.num_folds, num_repeats=1)
            folds = drawn[0]
        except TooFewError as error:
            notes.append(f"There is no cross-validated score: {error}")
    limit = recipe.limit_seconds()
    if limit is None and way.kind == "scratch":
        limit = SCRATCH_SECONDS
    if limit is not None:
        usual = job.settings.epochs or 1
        job = within(job, limit, len(folds) + 1, resume=resume)
        notes.append(_allowed(limit, job.settings.epochs or 1, usual))
    judged = None
    done = []
    epochs_seen = _Epochs(on_progress, f"train {way}", job, len(folds) + 1)
    for fold in judge(job, folds, on_epoch=epochs_seen, resume=resume, log=log):
        done.append(fold)
        epochs_seen.begin(len(done))
    if done:
        judged = Judged.of(job, done)
    run = _Run(
        found=found,
        recipe=recipe,
        device=device,
        test=wanted.test,
        classes=maker.classes,
        num_folds=len(folds),
        notes=tuple(notes),
        skipped=saved.skipped,
        on_progress=on_progress,
    )
    outcome = finish(job, judged, on_epoch=epochs_seen, resume=resume, log=log)
    return run.model(job, judged, outcome, Choice(way=str(way)))


def go_deeper(
    frozen: Frozen, *, on_progress: Progress | None, resume: bool = True, log: Path | None = None
) -> Model:
    """Return the model of the head, or one of a deeper cut where that is worth it."""
    crossed, recipe = frozen.crossed, frozen.recipe
    if crossed is None:
        return frozen.model()
    maker = JobMaker(
        recipe=recipe,
        backbone=frozen.backbone,
        device=frozen.device,
        examples=frozen.examples,
        on_progress=on_progress,
    )
    epochs_seen = _Epochs(on_progress, "try", None, 1)

    def candidate(way: Way) -> tuple[Way, Callable[[], Job]]:
        def make() -> Job:
            job = maker.make(way)
            epochs_seen.of(f"try {way}", job, len(crossed.folds) + 1)
            return job

        return way, make

    decision = choose(
        [candidate(way) for way in _ways(frozen)],
        Rival.of_head(crossed.probabilities, frozen.labels, frozen.seconds),
        crossed.folds,
        frozen.labels,
        limit_seconds=recipe.limit_seconds(),
        on_trial=lambda _way, done, _total: epochs_seen.begin(done),
        on_epoch=epochs_seen,
        examples=frozen.examples,
        resume=resume,
        log=log,
    )
    if decision.job is None or decision.judged is None:
        return frozen.model(decision.choice)
    job, judged = decision.job, decision.judged
    run = _Run(
        found=frozen.found,
        recipe=recipe,
        device=frozen.device,
        test=frozen.test_examples,
        classes=frozen.classes,
        num_folds=len(crossed.folds),
        notes=frozen.notes,
        skipped=frozen.skipped,
        on_progress=on_progress,
    )
    outcome = finish(job, judged, on_epoch=epochs_seen, resume=resume, log=log)
    return run.model(job, judged, outcome, decision.choice)


def _ways(frozen: Frozen) -> list[Way]:
    """Return what `auto` may try: on a CPU all blocks only where the user gives it time."""
    num_blocks = len({segment.block for segment in frozen.head.segments})
    ways = []
    if num_blocks > 1:
        ways.append(Way(kind="last", last_blocks=usual_depth(num_blocks)))
    if frozen.recipe.time_limit is not None or resolve_device(frozen.device).startswith("cuda"):
        ways.append(Way(kind="all"))
    return ways


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """What a model is made of beside what was trained."""

    found: ExampleSet
    recipe: Recipe
    device: str
    test: Sequence[Example]
    classes: tuple[str, ...]
    num_folds: int
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    on_progress: Progress | None

    def model(
        self,
        job: Job,
        judged: Judged | None,
        outcome: tuple[Tuned, float, DenseHead],
        choice: Choice,
    ) -> Model:
        """Return the model that serves what came of the training on all examples."""
        tuned, share, head = outcome
        way, cut, recipe, device = parse_way(choice.way), job.cut, self.recipe, self.device
        backbone, served = tuned_backbone(tuned, share, way), cut.served(head)
        evaluation = left_out = foreign = None
        if judged is not None:
            evaluation = _evaluate(job, judged, self.classes, self.num_folds)
            seen = [job.saved.examples[row] for row in judged.rows]
            truth = job.labels.classes[judged.rows]
            left_out = Answers.of(seen, truth, judged.probabilities)
            held = Held(rows=judged.rows, labels=job.labels.take(judged.rows),
                        classes=self.classes, probabilities=judged.probabilities,
                        method=evaluation.method)  # fmt: skip
            foreign = detect_by_answers(held)
        skipped = _each_once(self.skipped, job.saved.skipped)
        test, tested = tuple(self.test), None
        if test:
            extraction = extract(
                test,
                backbone,
                pools=cut.pools,
                device=device,
                strict=recipe.strict,
                on_progress=staged(self.on_progress, "features"),
            )
            test, skipped = extraction.examples, _each_once(skipped, extraction.skipped)
            tested = answer_test(served.predict(extraction.table), test, self.classes)
        return Model(
            head=served,
            classes=self.classes,
            backbone=backbone,
            pools=cut.pools,
            evaluation=evaluation,
            test=score_test(tested, self.classes),
            data=count(self.found, job.saved.examples, test, skipped),
            recipe=recipe,
            notes=[*self.notes, *([tuned.stopped] if tuned.stopped else [])],
            choice=replace(choice, trained=describe(job, way, share)),
            left_out=left_out,
            tested=tested,
            detector=None if foreign is None else foreign.detector,
            foreign=None if foreign is None else foreign.scores,
            open_executor=lambda: open_executor(backbone, pools=cut.pools, device=device),
            device=device,
        )


def _each_once(first: Sequence[Skipped], more: Sequence[Skipped]) -> tuple[Skipped, ...]:
    named = {one.name for one in first}
    return (*first, *(one for one in more if one.name not in named))


def _allowed(limit: float, epochs: int, usual: int) -> str:
    said = f"{limit:,.0f} seconds were allowed: {count_epochs(epochs)} of each training"
    return f"{said}, where {usual} would be usual." if epochs < usual else f"{said}."


def _evaluate(job: Job, judged: Judged, classes: Sequence[str], num_folds: int) -> Evaluation:
    labels = job.labels.take(judged.rows)
    whole = len(judged.rows) == len(job.labels.classes)
    method = f"{num_folds}-fold cross-validation"
    if not whole:
        method = f"{len(judged.rows):,} examples left out in some folds of {num_folds}"
    return evaluate(
        judged.probabilities,
        labels.classes,
        classes,
        method=method,
        groups=None if labels.groups is None else labels.groups.tolist(),
        seed=labels.seed,
    )


class _Epochs:
    """Turns epochs into the progress of one stage."""

    def __init__(
        self, on_progress: Progress | None, stage: str, job: Job | None, num_trainings: int
    ) -> None:
        self._on_progress = on_progress
        self._done = 0
        self._stage, self._each, self._total = stage, 1, 1
        if job is not None:
            self.of(stage, job, num_trainings)

    def of(self, stage: str, job: Job, num_trainings: int) -> None:
        """Begin a stage."""
        self._stage, self._each = stage, job.settings.epochs or 1
        self._total = self._each * num_trainings
        self.begin(0)

    def begin(self, training: int) -> None:
        """Say that so many trainings are done."""
        self._done = training * self._each
        self._tell(0)

    def __call__(self, epoch: Epoch) -> None:
        """Take an epoch's end."""
        self._tell(epoch.number)

    def _tell(self, number: int) -> None:
        if self._on_progress is not None:
            self._on_progress(self._stage, self._done + number, self._total)
