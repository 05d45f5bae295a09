"""Trials of deeper cuts, fold by fold.

A deeper way is tried on the folds of the head, so that the two are compared example by example. It
is given up after any fold that leaves no hope, and taken where its gain is larger than the gain's
standard error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from topwork.core.options import RunOptions
from topwork.core.shapes import Indices, Int
from topwork.errors import BackboneError, TrainingError
from topwork.evaluation.intervals import Estimate
from topwork.heads.labels import Labels
from topwork.training.budget import seconds_of_epoch
from topwork.training.cross_validate import MIN_CHOOSING, CVResult, FoldResult, cross_validate
from topwork.training.epoch_progress import SCORING_EPOCHS, EpochProgress
from topwork.training.incumbent import USUAL_SECONDS, Challenge, Incumbent
from topwork.training.selection import Candidate, Selection
from topwork.training.strategy import Strategy
from topwork.training.training_job import TrainingJob

LARGE = 2_000
"""Examples from which a trial's time is estimated before it begins, not after its first fold."""

Proposal = tuple[Strategy, Callable[[], TrainingJob]]

OnTrial = Callable[[Strategy, float, bool], None]
"""Called with what is tried, how many seconds it takes at most, and whether that was measured."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What was chosen; `job` and `cv_result` are None where it is the head alone."""

    selection: Selection
    job: TrainingJob | None = None
    cv_result: CVResult | None = None


def select(
    proposals: Sequence[Proposal],
    head: Incumbent,
    folds: Sequence[Int[np.ndarray, " _"]],
    labels: Labels,
    *,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    limit_seconds: float | None = None,
    on_trial: OnTrial | None = None,
) -> Decision:
    """Try the proposals, from the shallowest cut to the deepest, as long as that pays.

    Training by pairs says nothing of training by classes: where it does not pay, that is tried,
    and where it does, that is not.

    A strategy that this backbone cannot be trained by is passed over, and said so.

    Args:
        proposals: strategies, and what makes their jobs of the examples that the labels are of.
        folds: rows of the labels to leave out in turn.
        limit_seconds: for all of it, the training of what is chosen included.
        on_trial: told before each trial what is left of the limit, and then what was measured.
    """
    deadline = time.monotonic() + (USUAL_SECONDS if limit_seconds is None else limit_seconds)
    on_trial = on_trial or (lambda strategy, seconds, measured: None)
    alone = "The head alone: " if head.name == "head" else ""  # what came before has its reason
    candidates = [head.candidate(labels)]
    reason = "The head alone: nothing else was to be tried."
    if (why := head.why_nothing_deeper()) is not None:
        proposals, reason = (), why
    best: _CandidateTrial | None = None
    for strategy, make_job in proposals:
        on_trial(strategy, max(deadline - time.monotonic(), 0.0), False)
        try:
            trial = _CandidateTrial(strategy, make_job(), head, labels, on_trial)
            trial.run(folds, deadline, options.logged_in(str(strategy).replace(":", " ")))
        except (BackboneError, TrainingError) as error:
            candidates.append(_failed(strategy))
            if best is None:
                reason = f"{alone}{strategy} could not be trained. {error}"
            continue
        candidates.append(trial.outcome())
        if not trial.pays:
            reason = reason if best is not None else f"{alone}{trial.why()}"
            if strategy.kind == "contrast":
                continue
            break
        reason = f"{strategy}: {trial.why()}"
        best = trial
        head = Incumbent(name=str(strategy), right=trial.challenge.all_right, seconds=trial.seconds)
        if strategy.kind == "contrast" or trial.num_done < trial.num_folds:
            break
    selection = Selection(
        strategy="head" if best is None else str(best.strategy),
        reason=reason,
        candidates=tuple(candidates),
    )
    if best is None:
        return Decision(selection=selection)
    return Decision(selection=selection, job=best.job, cv_result=best.cv_result)


class _CandidateTrial:
    """One candidate on the folds, until it is given up or all are done."""

    def __init__(
        self,
        strategy: Strategy,
        job: TrainingJob,
        incumbent: Incumbent,
        labels: Labels,
        on_trial: OnTrial,
    ) -> None:
        self.strategy, self.job, self._incumbent, self._labels = strategy, job, incumbent, labels
        self._on_trial: OnTrial | None = on_trial
        self._indices = job.saved.indices  # of the job's rows among the incumbent's
        self.cv_result: CVResult | None = None
        self._judged = np.empty(0, np.intp)  # rows that were judged, as the incumbent counts them
        self._own_right = np.empty(0)
        self.stopped = ""
        self.num_done = self.num_folds = 0
        self.seconds = 0.0

    def run(self, folds: Sequence[Indices], deadline: float, options: RunOptions) -> None:
        """Go fold by fold."""
        started = time.monotonic()
        own = [np.flatnonzero(np.isin(self._indices, fold)) for fold in folds]
        folds = [indices for indices in own if len(indices)]
        self.num_folds = len(folds)
        if len(self._incumbent.right) >= LARGE and not self._fits(deadline):
            self.seconds = time.monotonic() - started
            return
        on_epoch = EpochProgress(
            f"try {self.strategy}",
            epochs=self.job.settings.epochs or 1,
            num_trainings=len(folds),
            on_timed=lambda seconds: self._say_measured(seconds, deadline),
        )
        done: list[FoldResult] = []
        for fold in cross_validate(self.job, folds, options=options, on_epoch=on_epoch):
            done.append(fold)
            self.num_done = len(done)
            self.cv_result = result = CVResult.of(self.job, done)
            self._judged = self._indices[result.indices]
            truth = self._labels.classes[self._judged]
            self._own_right = (result.probabilities.argmax(1) == truth).astype(np.float64)
            self.seconds = time.monotonic() - started
            on_epoch.begin(len(done))
            if len(done) == len(folds):
                return
            gain, error = self.challenge.gain
            if gain < -error or (gain <= 0 and not self._is_early):
                self.stopped = "worse" if gain < -error else "no sign of a gain"
                return
            # what is left must hold one fold more, and the training on everything
            if time.monotonic() + 2.3 * self.seconds / len(done) > deadline:
                self.stopped = "the time limit"
                return

    @property
    def _is_early(self) -> bool:
        """Whether so few examples were judged that pairs, which cost little, go on all the same.

        TREC from 8 of each, one of five draws: after the first fold 4 of 10 right against 5.7, and
        over all folds 30 of 47 against 24.
        """
        return self.strategy.kind == "contrast" and len(self._judged) < MIN_CHOOSING

    def _say_measured(self, seconds: float, deadline: float) -> None:
        """Say once how long it takes at most: no longer than what is left of the limit."""
        if self._on_trial is not None:
            left = max(deadline - time.monotonic(), 0.0)
            self._on_trial(self.strategy, min(seconds, left), True)
            self._on_trial = None

    def _fits(self, deadline: float) -> bool:
        indices = np.arange(len(self._indices))
        epochs = self.job.settings.epochs or 1
        of_epoch = seconds_of_epoch(self.job, indices)
        needed = 2 * epochs * of_epoch
        if time.monotonic() + needed <= deadline:
            every = (self.num_folds + 1) * (epochs + SCORING_EPOCHS) * of_epoch
            self._say_measured(every, deadline)
            return True
        self.stopped = f"it would take {needed / 60:.0f} minutes or more; see --time-limit"
        return False

    @property
    def challenge(self) -> Challenge:
        """How it stands against the incumbent, on the folds that are done."""
        return Challenge(
            name=str(self.strategy),
            incumbent=self._incumbent,
            labels=self._labels,
            judged=self._judged,
            right=self._own_right,
        )

    @property
    def pays(self) -> bool:
        """Whether the gain is larger than its uncertainty."""
        return self.challenge.pays

    def outcome(self) -> Candidate:
        """Return what it came to."""
        verdict = "taken" if self.pays else "not taken"
        if self.stopped:
            verdict += f": {self.stopped}"
            if self.num_done:
                verdict += f" after {self.num_done} of {self.num_folds} folds"
        return self.challenge.candidate(self.seconds, verdict)

    def why(self) -> str:
        """Say in a sentence why it was taken, or not."""
        if not self.num_done:
            return f"{self.strategy} was not tried, since {self.stopped}."
        return self.challenge.why()


def _failed(strategy: Strategy) -> Candidate:
    return Candidate(
        strategy=str(strategy),
        accuracy=Estimate.around(0.0, 0.0, 1.0),
        num_examples=0,
        gain=None,
        gain_error=None,
        seconds=0.0,
        verdict="not taken: it could not be trained",
    )
