"""Chooses between the head alone and deeper cuts, by what cross-validation says of each.

A deeper way is tried on the folds of the head, so that the two are compared example by example. It
is given up after any fold that leaves no hope, and taken where its gain is larger than the gain's
standard error. What it does not know: how a way is trained (judge.py), and who asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from topwork.errors import BackboneError, TrainingError
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.examples.example import Example
from topwork.heads.search import Labels
from topwork.training.budget import seconds_of_epoch
from topwork.training.cross_validate import Fold, Judged, OnEpoch, judge
from topwork.training.finetune import Doubles, Job, Rows
from topwork.training.selection import Choice, Tried
from topwork.training.strategy import Way

MIN_ERRORS = 5
"""Of the head, below which nothing is tried: were they all put right, the gain would be no more
than twice its standard error. 44 X-rays, 4 errors: four folds of trials, 80 s, told nothing."""

USUAL_SECONDS = 900.0
"""For all trials together, where the user gives no limit."""

LARGE = 2_000
"""Examples from which a trial's time is estimated before it begins, not after its first fold."""

Candidate = tuple[Way, Callable[[], Job]]
OnTrial = Callable[[Way, int, int], None]
"""Called with a way, how many of its folds are done, and how many there are."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What was chosen; job and judged are None where it is the head alone."""

    choice: Choice
    job: Job | None = None
    judged: Judged | None = None


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """The best way so far: what it said of every example, left out.

    Attributes:
        way: its name.
        right: whether, or how often, it was right, [N].
        seconds: it took.
    """

    way: Way
    right: Doubles
    seconds: float

    @staticmethod
    def of_head(chances: Doubles, labels: Labels, seconds: float) -> Rival:
        """Take the head's answers [repeats, N, K]."""
        right = (chances.argmax(2) == labels.classes).mean(0)
        return Rival(way=Way(kind="head"), right=right, seconds=seconds)


def choose(
    candidates: Sequence[Candidate],
    head: Rival,
    folds: Sequence[Rows],
    labels: Labels,
    *,
    limit_seconds: float | None = None,
    on_trial: OnTrial | None = None,
    on_epoch: OnEpoch | None = None,
    examples: Sequence[Example] | None = None,
    resume: bool = True,
    log: Path | None = None,
) -> Decision:
    """Try the candidates, from the shallowest cut to the deepest, as long as that pays.

    Args:
        folds: rows of the labels to leave out in turn.
        limit_seconds: for all of it, the training of what is chosen included.
        examples: that the labels are of, by which a job that could not read them all is told; None:
            jobs have them all.
        resume: take what an earlier run has kept of the same trials.
        log: folder for TensorBoard, with one in it for each way.

    A way that this backbone cannot be trained in is passed over, and said so.
    """
    deadline = time.monotonic() + (USUAL_SECONDS if limit_seconds is None else limit_seconds)
    tried = [_tried(head, labels)]
    errors = float((1 - head.right).sum())
    if errors < MIN_ERRORS:
        reason = (
            f"The head alone: of {len(head.right):,} examples left out it gets {errors:.0f} wrong, "
            "too few for any gain to be told from chance."
        )
        return Decision(choice=Choice(way="head", reason=reason, tried=tuple(tried)))
    best: Decision | None = None
    reason = "The head alone: nothing else was to be tried."
    for way, make_job in candidates:
        named = None if log is None else log / str(way).replace(":", " ")
        try:
            job = make_job()
            places = _places(job, examples, len(labels.classes))
            trial = _Trial(
                way=way, job=job, rival=head, labels=labels, places=places, resume=resume
            )
            trial.run(folds, deadline, on_trial, on_epoch, named)
        except (BackboneError, TrainingError) as error:
            tried.append(_failed(way))
            if best is None:
                reason = f"The head alone: {way} could not be trained. {error}"
            continue
        tried.append(trial.outcome())
        if trial.judged is None or not trial.pays:
            reason = reason if best is not None else f"The head alone: {trial.why()}"
            break
        reason = f"{way}: {trial.why()}"
        best = Decision(choice=Choice(way=str(way)), job=trial.job, judged=trial.judged)
        head = Rival(way=way, right=trial.right, seconds=trial.seconds)
        if not trial.complete:
            break
    if best is None:
        return Decision(choice=Choice(way="head", reason=reason, tried=tuple(tried)))
    choice = Choice(way=best.choice.way, reason=reason, tried=tuple(tried))
    return Decision(choice=choice, job=best.job, judged=best.judged)


class _Trial:
    """One candidate on the folds, until it is given up or all are done."""

    def __init__(
        self, *, way: Way, job: Job, rival: Rival, labels: Labels, places: Rows, resume: bool
    ) -> None:
        self.way, self.job, self._rival, self._labels = way, job, rival, labels
        self._places = places  # of the job's rows among the rival's
        self._resume = resume
        self.judged: Judged | None = None
        self.stopped = ""
        self.num_done = self.num_folds = 0
        self.seconds = 0.0

    def run(
        self,
        folds: Sequence[Rows],
        deadline: float,
        on_trial: OnTrial | None,
        on_epoch: OnEpoch | None,
        log: Path | None,
    ) -> None:
        """Go fold by fold."""
        started = time.monotonic()
        own = [np.flatnonzero(np.isin(self._places, fold)) for fold in folds]
        folds = [rows for rows in own if len(rows)]
        self.num_folds = len(folds)
        if len(self._rival.right) >= LARGE and not self._fits(deadline):
            self.seconds = time.monotonic() - started
            return
        done: list[Fold] = []
        if on_trial is not None:
            on_trial(self.way, 0, len(folds))
        for fold in judge(self.job, folds, on_epoch=on_epoch, resume=self._resume, log=log):
            done.append(fold)
            self.num_done = len(done)
            self.judged = Judged.of(self.job, done)
            self.seconds = time.monotonic() - started
            if on_trial is not None:
                on_trial(self.way, len(done), len(folds))
            if len(done) == len(folds):
                return
            if not self._hopeful():
                self.stopped = "no sign of a gain"
                return
            # what is left must hold one fold more, and the training on everything
            if time.monotonic() + 2.3 * self.seconds / len(done) > deadline:
                self.stopped = "the time limit"
                return

    def _fits(self, deadline: float) -> bool:
        rows = np.arange(len(self._places))
        epochs = self.job.settings.epochs or 1
        needed = 2 * epochs * seconds_of_epoch(self.job, rows)
        if time.monotonic() + needed <= deadline:
            return True
        self.stopped = f"it would take {needed / 60:.0f} minutes or more; see --time-limit"
        return False

    @property
    def right(self) -> Doubles:
        """Whether it was right, where it was tried; the rival's elsewhere."""
        right = self._rival.right.copy()
        if self.judged is not None:
            right[self._rows(self.judged)] = self._own_right(self.judged)
        return right

    @property
    def gain(self) -> tuple[float, float]:
        """How much more often it is right than the rival, and the standard error of that."""
        if self.judged is None:
            return 0.0, 0.0
        rows = self._rows(self.judged)
        more = self._own_right(self.judged) - self._rival.right[rows]
        return float(more.mean()), _standard_error(more, self._labels.take(rows).group_numbers)

    @property
    def pays(self) -> bool:
        """Whether the gain is larger than its uncertainty."""
        gain, error = self.gain
        return gain > error

    @property
    def complete(self) -> bool:
        """Whether all folds were done."""
        return self.num_done == self.num_folds

    def _rows(self, judged: Judged) -> Rows:
        """Return the rows that were judged, as the rival counts them."""
        return self._places[judged.rows]

    def _own_right(self, judged: Judged) -> Doubles:
        truth = self._labels.classes[self._rows(judged)]
        right: Doubles = (judged.probabilities.argmax(1) == truth).astype(np.float64)
        return right

    def _hopeful(self) -> bool:
        return self.gain[0] > 0

    def outcome(self) -> Tried:
        """Return what it came to."""
        gain, error = self.gain
        rows = np.empty(0, np.intp) if self.judged is None else self._rows(self.judged)
        right = self.right[rows]
        verdict = "taken" if self.judged is not None and self.pays else "not taken"
        if self.stopped:
            verdict += f": {self.stopped}"
            if self.num_done:
                verdict += f" after {self.num_done} of {self.num_folds} folds"
        return Tried(
            way=str(self.way),
            accuracy=accuracy(right, self._labels.take(rows).group_numbers),
            num_examples=len(rows),
            gain=gain if self.num_done else None,
            gain_error=error if self.num_done else None,
            seconds=self.seconds,
            verdict=verdict,
        )

    def why(self) -> str:
        """Say in a sentence why it was taken, or not."""
        if self.judged is None:
            return f"{self.way} was not tried, since {self.stopped}."
        gain, error = self.gain
        rows = self._rows(self.judged)
        own, other = self.right[rows].mean(), self._rival.right[rows].mean()
        said = (
            f"{own:.3f} against {other:.3f} for {self._rival.way} on the same {len(rows):,} "
            f"examples left out, {100 * gain:+.1f} points (standard error {100 * error:.1f})"
        )
        if self.pays:
            return f"{said}, more than chance would give."
        return f"{self.way} gave {said}, no more than chance would give."


def _places(job: Job, examples: Sequence[Example] | None, count: int) -> Rows:
    """Return where the job's examples stand among all."""
    if examples is None:
        return np.arange(count)
    place = {id(example): k for k, example in enumerate(examples)}
    return np.array([place[id(example)] for example in job.saved.examples], np.intp)


def _tried(head: Rival, labels: Labels) -> Tried:
    return Tried(
        way=str(head.way),
        accuracy=accuracy(head.right, labels.group_numbers),
        num_examples=len(head.right),
        gain=None,
        gain_error=None,
        seconds=head.seconds,
        verdict="",
    )


def _failed(way: Way) -> Tried:
    return Tried(
        way=str(way),
        accuracy=Estimate.around(0.0, 0.0, 1.0),
        num_examples=0,
        gain=None,
        gain_error=None,
        seconds=0.0,
        verdict="not taken: it could not be trained",
    )


def _standard_error(values: Doubles, groups: Rows | None) -> float:
    """Return the standard error of the mean; examples of one group are one piece of evidence."""
    away = values - values.mean()
    if groups is not None:
        away = np.bincount(groups, away)
    count = len(away)
    return float(np.sqrt((away**2).sum() * count / max(count - 1, 1)) / len(values))
