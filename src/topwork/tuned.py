"""Trains blocks of the network too: the last ones, all, or all from random weights.

    examples -> outputs at the cut on disk -> each fold trained and judged -> all trained -> model

What it does not know: how a network is trained (training/), and the head alone (frozen.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from topwork.backbones.base import Backbone
from topwork.errors import TooFewError
from topwork.evaluation.crossval import draw_folds
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.parts import check_readable, divide
from topwork.executors.choose import open_executor, resolve_device
from topwork.features.activations import save_activations
from topwork.features.extract import extract
from topwork.frozen import Frozen, count, labels_of, score_test
from topwork.model import Model, Progress, staged
from topwork.recipe import Recipe
from topwork.training.budget import seconds_of_epoch
from topwork.training.finetune import Job, Rows
from topwork.training.from_scratch import scratch_settings
from topwork.training.judge import Judged, OnEpoch, finish, judge
from topwork.training.network import Cut
from topwork.training.policy import tuning_settings, usual_depth
from topwork.training.served import random_backbone, tuned_backbone
from topwork.training.strategy import Rival, choose
from topwork.training.task import Epoch
from topwork.training.tried import Choice
from topwork.training.ways import Way, block_before

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
    log: Path | None,
) -> Model:
    """Train the way that the recipe names, and judge it by cross-validation."""
    wanted = divide(found)
    way = recipe.way()
    maker = _JobMaker(
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
        job = _within(job, limit / (len(folds) + 1))
        epochs = job.settings.epochs or 1
        notes.append(f"{limit:,.0f} seconds were allowed: {epochs} epochs of each training.")
    judged = None
    done = []
    epochs_seen = _Epochs(on_progress, f"train {way}", job, len(folds) + 1)
    for fold in judge(job, folds, on_epoch=epochs_seen, log=log):
        done.append(fold)
        epochs_seen.begin(len(done))
    if done:
        judged = Judged.of(job, done)
    return _finished(
        job,
        judged,
        way=way,
        num_folds=len(folds),
        found=found,
        recipe=recipe,
        device=device,
        test=wanted.test,
        classes=maker.classes,
        choice=Choice(way=str(way)),
        notes=notes,
        skipped=saved.skipped,
        on_progress=on_progress,
        on_epoch=epochs_seen,
        log=log,
    )


def go_deeper(frozen: Frozen, *, on_progress: Progress | None, log: Path | None) -> Model:
    """Return the model of the head, or one of a deeper cut where that is worth it."""
    crossed, recipe = frozen.crossed, frozen.recipe
    if crossed is None:
        return frozen.model()
    maker = _JobMaker(
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
    )
    if decision.job is None or decision.judged is None:
        return frozen.model(decision.choice)
    way = Way(kind="all")
    for way in _ways(frozen):
        if str(way) == decision.choice.way:
            break
    return _finished(
        decision.job,
        decision.judged,
        way=way,
        num_folds=len(crossed.folds),
        found=frozen.found,
        recipe=recipe,
        device=frozen.device,
        test=frozen.test_examples,
        classes=frozen.classes,
        choice=decision.choice,
        notes=list(frozen.notes),
        skipped=frozen.skipped,
        on_progress=on_progress,
        on_epoch=epochs_seen,
        log=log,
    )


def _ways(frozen: Frozen) -> list[Way]:
    """Return what `auto` may try: on a CPU all blocks only where the user gives it time."""
    num_blocks = len({segment.block for segment in frozen.head.segments})
    ways = []
    if num_blocks > 1:
        ways.append(Way(kind="last", last_blocks=usual_depth(num_blocks)))
    if frozen.recipe.time_limit is not None or resolve_device(frozen.device).startswith("cuda"):
        ways.append(Way(kind="all"))
    return ways


class _JobMaker:
    """Makes the job of a way: saves what comes out at its cut, and fills in the settings."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        backbone: Backbone,
        device: str,
        examples: Sequence[Example],
        on_progress: Progress | None,
    ) -> None:
        self._recipe, self._backbone, self._device = recipe, backbone, device
        self._examples, self._on_progress = examples, on_progress
        self.classes = sort_labels({example.label or "" for example in examples})

    def make(self, way: Way) -> Job:
        """Return the job."""
        recipe, backbone = self._recipe, self._backbone
        network = backbone.build()
        block = block_before(tuple(network.blocks), way, name=backbone.name)
        count, given = len(self._examples), recipe.training
        device = training_device(self._device)
        fresh = None
        if way.kind == "scratch":
            backbone = random_backbone(backbone, recipe.seed)
            settings = scratch_settings(
                count, backbone.modality, given, network=network, device=device
            )
        else:
            settings = tuning_settings(count, backbone.modality, network, given)
            if recipe.fresh:
                fresh = random_backbone(backbone, recipe.seed)
        saved = save_activations(
            self._examples,
            backbone,
            block,
            device=self._device,
            augment=() if block is None else settings.augment or (),
            num_views=1 if block is None else settings.num_views or 1,
            strict=recipe.strict,
            on_progress=staged(self._on_progress, "views"),
        )
        head = recipe.head_settings()
        return Job(
            cut=Cut.of(backbone, block, fresh=fresh),
            saved=saved,
            labels=labels_of(saved.examples, self.classes, recipe),
            settings=settings,
            units=head.units,
            dropout=head.dropout,
            label_smoothing=head.label_smoothing,
            head_first=way.kind != "scratch",
            device=device,
        )


def training_device(device: str) -> str:
    """Return where to train: OpenVINO only runs networks."""
    kind = resolve_device(device)
    return "cpu" if kind in ("openvino", "torch") else kind


def _within(job: Job, seconds: float) -> Job:
    """Return the job with no more epochs than go into the time."""
    rows = np.arange(len(job.labels.classes))
    fitting = int(0.9 * seconds / seconds_of_epoch(job, rows))
    epochs = max(1, min(job.settings.epochs or 1, fitting))
    return replace(job, settings=job.settings.changed(epochs=epochs))


def _finished(
    job: Job,
    judged: Judged | None,
    *,
    way: Way,
    num_folds: int,
    found: ExampleSet,
    recipe: Recipe,
    device: str,
    test: Sequence[Example],
    classes: tuple[str, ...],
    choice: Choice,
    notes: Sequence[str],
    skipped: Sequence[Skipped],
    on_progress: Progress | None,
    on_epoch: OnEpoch,
    log: Path | None,
) -> Model:
    """Train on all examples, and make the model that serves what came of it."""
    tuned, share, head = finish(job, judged, on_epoch=on_epoch, log=log)
    backbone = tuned_backbone(tuned, share, way)
    cut = job.cut
    served = cut.served(head)
    evaluation = None if judged is None else _evaluate(job, judged, classes, num_folds)
    test_score = None
    all_skipped = tuple(skipped)
    if test:
        extraction = extract(
            test,
            backbone,
            pools=cut.pools,
            device=device,
            on_progress=staged(on_progress, "features"),
        )
        chances = served.predict(extraction.table)
        test_score = score_test(chances, extraction.examples, classes)
        test = extraction.examples
        named = {one.name for one in all_skipped}
        all_skipped += tuple(one for one in extraction.skipped if one.name not in named)
    remarks = [*notes, _said(job, share)]
    if tuned.stopped:
        remarks.append(tuned.stopped)
    return Model(
        head=served,
        classes=classes,
        backbone=backbone,
        pools=cut.pools,
        evaluation=evaluation,
        test=test_score,
        data=count(found, job.saved.examples, test, all_skipped),
        recipe=recipe,
        notes=remarks,
        choice=choice,
        open_executor=lambda: open_executor(backbone, pools=cut.pools, device=device),
        device=device,
    )


def _said(job: Job, share: float) -> str:
    settings = job.settings
    said = f"{settings.epochs} epochs of {settings.optimiser}, learning rate {settings.lr:g}"
    if share < 1:
        said += f"; the weights are {share:.0%} trained ones, the rest as they came (WiSE-FT)"
    return said + "."


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
