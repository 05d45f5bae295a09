"""The choice between the head and deeper cuts, with folds whose outcome is made up."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from topwork.core.progress import listening
from topwork.errors import BackboneError, TrainingError
from topwork.evaluation.intervals import wilson
from topwork.heads.labels import Labels
from topwork.training import candidates as module
from topwork.training.candidates import LARGE, Decision, select
from topwork.training.cross_validate import FoldResult
from topwork.training.incumbent import MIN_ERRORS, Incumbent
from topwork.training.loop.task import Epoch
from topwork.training.settings import Training
from topwork.training.strategy import Strategy

LAST, ALL = Strategy(kind="last", last_blocks=2), Strategy(kind="all")
PAIRS = Strategy(kind="contrast", last_blocks=2)


EPOCH = Epoch(number=1, loss=1.0, accuracy=0.5, lr=0.1, seconds=0.5, examples=80)


@dataclass(frozen=True, kw_only=True)
class Say:
    """A job's stand-in: what it would get right, row by row, and what that takes.

    Attributes:
        indices: its rows among all; None: it has all of them.
        error: raised in place of the fold of this number.
    """

    right: np.ndarray
    labels: Labels
    seconds: float = 0.0
    error: tuple[int, Exception] | None = None
    indices: np.ndarray | None = None
    settings: Training = field(default_factory=lambda: Training(epochs=4, average="auto"))
    head_first: bool = True

    @property
    def saved(self) -> Any:
        everything = np.arange(len(self.right))
        return SimpleNamespace(indices=everything if self.indices is None else self.indices)


@pytest.fixture(autouse=True)
def cv_result(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[int]]]:
    """Puts made-up folds in place of trainings; notes which were done."""
    done: list[tuple[int, list[int]]] = []

    def cross_validate(job: Say, folds: Sequence[np.ndarray], **more: Any) -> Iterator[FoldResult]:
        for number, rows in enumerate(folds):
            if job.error is not None and job.error[0] == number:
                raise job.error[1]
            time.sleep(job.seconds)
            classes = job.labels.classes[rows]
            said = np.where(job.right[rows], classes, 1 - classes)
            logits = np.repeat(5.0 * np.eye(2)[said][None], 4, axis=0)
            done.append((number, rows.tolist()))
            for epoch in range(1, 5):
                more["on_epoch"](replace(EPOCH, number=epoch))
            yield FoldResult(indices=rows, logits=logits, seconds=job.seconds)

    monkeypatch.setattr(module, "cross_validate", cross_validate)
    return done


def setting(
    num: int = 100, head_wrong: int = 30, num_folds: int = 5, groups: np.ndarray | None = None
) -> tuple[Labels, Incumbent, list[np.ndarray]]:
    """Labels of two classes, a head that is wrong so often (in every fold alike), and folds."""
    classes = np.arange(num) % 2
    labels = Labels(classes=classes, num_classes=2, groups=groups)
    right = np.ones(num)
    right[np.linspace(0, num - 1, head_wrong).astype(int)] = 0
    folds = [np.arange(num)[k::num_folds] for k in range(num_folds)]
    return labels, Incumbent(name="head", right=right, seconds=2.0), folds


def better(head: Incumbent, gained: int, lost: int = 0, seed: int = 0) -> np.ndarray:
    """Right where the head is, but for so many more, and so many fewer, spread evenly."""
    right = head.right.astype(bool).copy()
    wrong, good = np.flatnonzero(~right), np.flatnonzero(right)
    if gained:
        right[wrong[np.linspace(0, len(wrong) - 1, gained).astype(int)]] = True
    if lost:
        right[good[np.linspace(0, len(good) - 1, lost).astype(int)]] = False
    return right


def run(
    strategies: Sequence[tuple[Strategy, Any]],
    head: Incumbent,
    folds: Any,
    labels: Labels,
    **more: Any,
) -> Decision:
    return select(
        [(strategy, lambda job=job: job) for strategy, job in strategies],
        head,
        folds,
        labels,
        **more,
    )


def test_a_gain_beyond_its_standard_error_is_taken() -> None:
    labels, head, folds = setting()
    job = Say(right=better(head, gained=25), labels=labels)
    decision = run([(LAST, job)], head, folds, labels)
    assert decision.job is job
    assert decision.cv_result is not None
    assert decision.cv_result.indices.tolist() == list(range(100))
    selection = decision.selection
    assert selection.strategy == "last:2"
    # in closed form: 25 times 1, 75 times 0
    error = np.sqrt((25 * 0.75**2 + 75 * 0.25**2) / 99 / 100)
    assert selection.reason == (
        "last:2: 0.950 against 0.700 for head on the same 100 examples left out, +25.0 points "
        f"(standard error {100 * error:.1f}), more than chance would give."
    )
    first, second = selection.candidates
    assert (first.strategy, first.gain, first.verdict, first.seconds) == ("head", None, "", 2.0)
    assert first.accuracy == wilson(0.7, 100)
    assert (second.strategy, second.num_examples, second.verdict) == ("last:2", 100, "taken")
    assert second.gain == pytest.approx(0.25)
    assert second.gain_error == pytest.approx(error)
    assert second.accuracy.value == pytest.approx(0.95)
    assert (first.incumbent, second.incumbent) == (None, wilson(0.7, 100))


@pytest.mark.parametrize(
    ("gained", "lost", "taken"),
    # the error of g wins and l losses of 100 is sqrt((g + l - (g - l)^2 / 100) / 99) / 10
    [(10, 5, True), (10, 7, False), (12, 9, False), (7, 3, True), (6, 4, False)],
)
def test_a_gain_is_held_against_its_uncertainty(gained: int, lost: int, taken: bool) -> None:
    labels, head, folds = setting()
    more = gained - lost
    error = np.sqrt((gained + lost - more**2 / 100) / 99 / 100)
    assert (more / 100 > error) == taken
    job = Say(right=better(head, gained, lost), labels=labels)
    decision = run([(LAST, job)], head, folds, labels)
    assert (decision.selection.strategy == "last:2") == taken
    candidates = decision.selection.candidates[-1]
    if not taken:
        assert decision.job is None
        assert decision.cv_result is None
        assert decision.selection.reason.startswith("The head alone: last:2 gave ")
        assert candidates.verdict.startswith("not taken")
    if candidates.num_examples == 100:
        assert candidates.gain == pytest.approx(more / 100)
        assert candidates.gain_error == pytest.approx(error)


def test_the_first_fold_without_a_gain_ends_it(cv_result: list[Any]) -> None:
    labels, head, folds = setting()
    job = Say(right=head.right.astype(bool), labels=labels)
    decision = run(
        [(LAST, job), (ALL, Say(right=np.ones(100, bool), labels=labels))], head, folds, labels
    )
    assert len(cv_result) == 1
    assert decision.selection.strategy == "head"
    (candidates,) = decision.selection.candidates[1:]
    assert candidates.verdict == "not taken: no sign of a gain after 1 of 5 folds"
    assert candidates.num_examples == 20
    assert candidates.incumbent == wilson(float(head.right[folds[0]].mean()), 20)
    assert "no more than chance would give" in decision.selection.reason


def test_a_loss_is_called_one(cv_result: list[Any]) -> None:
    labels, head, folds = setting()
    job = Say(right=np.zeros(100, bool), labels=labels)
    decision = run([(LAST, job)], head, folds, labels)
    assert decision.selection.candidates[-1].verdict == "not taken: worse after 1 of 5 folds"
    assert decision.selection.reason.startswith("The head alone: last:2 is worse: 0.000 against")
    assert "chance" not in decision.selection.reason


@pytest.mark.parametrize("errors", [0, 1, MIN_ERRORS - 1, MIN_ERRORS])
def test_with_hardly_any_errors_nothing_is_tried(errors: int, cv_result: list[Any]) -> None:
    labels, head, folds = setting(head_wrong=errors)
    made: list[Say] = []

    def make() -> Say:
        made.append(Say(right=np.ones(100, bool), labels=labels))
        return made[-1]

    decision = select([(LAST, make)], head, folds, labels)  # type: ignore[list-item]
    assert bool(made) == bool(cv_result) == (errors >= MIN_ERRORS)
    if not made:
        assert decision.selection.strategy == "head"
        assert decision.selection.reason == (
            f"The head alone: of 100 examples left out it gets {errors} wrong, too few for any "
            "gain to be told from chance."
        )
        assert len(decision.selection.candidates) == 1


def test_the_next_is_compared_with_the_best_so_far() -> None:
    labels, head, folds = setting()
    first = Say(right=better(head, 20), labels=labels)
    second = Say(right=better(head, 20), labels=labels)  # better than the head, not than the first
    decision = run([(LAST, first), (ALL, second)], head, folds, labels)
    assert decision.job is first
    assert [one.verdict.partition(":")[0] for one in decision.selection.candidates] == [
        "", "taken", "not taken",
    ]  # fmt: skip
    assert decision.selection.reason.startswith("last:2: 0.900 against 0.700 for head")
    whole = Say(right=np.ones(100, bool), labels=labels)
    deeper = run([(LAST, first), (ALL, whole)], head, folds, labels)
    assert deeper.selection.strategy == "all"
    assert "1.000 against 0.900 for last:2" in deeper.selection.reason
    assert deeper.selection.candidates[-1].gain == pytest.approx(0.1)


def test_after_one_that_does_not_pay_no_deeper_one_is_tried() -> None:
    labels, head, folds = setting()
    poor = Say(right=better(head, 0, 5), labels=labels)
    good = Say(right=np.ones(100, bool), labels=labels)
    decision = run([(LAST, poor), (ALL, good)], head, folds, labels)
    assert [one.strategy for one in decision.selection.candidates] == ["head", "last:2"]


def test_pairs_that_do_not_pay_say_nothing_of_classes() -> None:
    labels, head, folds = setting()
    poor = Say(right=better(head, 0, 5), labels=labels)
    good = Say(right=better(head, 20), labels=labels)
    decision = run([(PAIRS, poor), (LAST, good)], head, folds, labels)
    assert [one.strategy for one in decision.selection.candidates] == [
        "head", "contrast:2", "last:2",
    ]  # fmt: skip
    assert decision.selection.strategy == "last:2"
    decision = run([(PAIRS, good), (LAST, good)], head, folds, labels)
    assert [one.strategy for one in decision.selection.candidates] == ["head", "contrast:2"]
    decision = run([(PAIRS, poor), (LAST, poor)], head, folds, labels)
    assert decision.selection.strategy == "head"
    assert len(decision.selection.candidates) == 3


def test_pairs_go_on_past_one_fold_of_few_examples_and_classes_do_not(
    cv_result: list[tuple[int, list[int]]],
) -> None:
    labels, head, folds = setting(num=40, head_wrong=12)
    right = np.ones(40, bool)
    right[folds[0]] = head.right[folds[0]].astype(bool)
    right[folds[0][np.flatnonzero(right[folds[0]])[:1]]] = False  # one example worse in the first
    unlucky = Say(right=right, labels=labels)
    decision = run([(LAST, unlucky)], head, folds, labels)
    assert decision.selection.candidates[-1].verdict.startswith("not taken: no sign of a gain")
    assert [number for number, _ in cv_result] == [0]
    decision = run([(PAIRS, unlucky)], head, folds, labels)
    assert decision.selection.strategy == "contrast:2"
    assert [number for number, _ in cv_result[1:]] == [0, 1, 2, 3, 4]
    cv_result.clear()
    surely_worse = Say(right=np.zeros(40, bool), labels=labels)
    run([(PAIRS, surely_worse)], head, folds, labels)
    assert [number for number, _ in cv_result] == [0]


def test_the_time_limit_ends_trials_between_folds(cv_result: list[Any]) -> None:
    labels, head, folds = setting(num_folds=10)
    slow = Say(right=better(head, 25), labels=labels, seconds=0.1)
    started = time.monotonic()
    decision = run(
        [(LAST, slow), (ALL, Say(right=np.ones(100, bool), labels=labels))],
        head, folds, labels, limit_seconds=0.5,
    )  # fmt: skip
    # so that the training on all, as long as a fold or longer, goes into the limit too
    assert time.monotonic() - started < 0.5
    assert 1 <= len(cv_result) <= 4
    candidates = decision.selection.candidates[-1]
    assert candidates.strategy == "last:2"  # an unfinished trial is the last one
    assert candidates.verdict == f"taken: the time limit after {len(cv_result)} of 10 folds"
    assert decision.cv_result is not None
    assert len(decision.cv_result.indices) == 10 * len(cv_result)
    assert candidates.seconds >= 0.1 * len(cv_result)


def test_each_trial_is_told_of_with_its_time() -> None:
    labels, head, folds = setting()
    told: list[tuple[str, float, bool]] = []

    def on_trial(strategy: Strategy, seconds: float, measured: bool) -> None:
        told.append((str(strategy), seconds, measured))

    first = Say(right=better(head, 20), labels=labels)
    whole = Say(right=np.ones(100, bool), labels=labels)
    run([(LAST, first), (ALL, whole)], head, folds, labels, limit_seconds=60, on_trial=on_trial)
    assert [(name, measured) for name, _, measured in told] == [
        ("last:2", False), ("last:2", True), ("all", False), ("all", True),
    ]  # fmt: skip
    assert told[0][1] == pytest.approx(60, abs=0.5)
    assert told[1][1] == pytest.approx(4 * 0.5 + 5 * 5 * 0.5, abs=0.2)  # epochs and scoring
    told.clear()
    run([(LAST, first)], head, folds, labels, limit_seconds=5, on_trial=on_trial)
    assert told[1][1] == pytest.approx(5, abs=0.5)  # never more than what is left


def test_of_many_examples_the_time_is_asked_before(
    cv_result: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, head, folds = setting(num=LARGE, head_wrong=300)
    asked: list[int] = []

    def seconds_of_epoch(job: Say, rows: np.ndarray) -> float:
        asked.append(len(rows))
        return 30.0

    monkeypatch.setattr(module, "seconds_of_epoch", seconds_of_epoch)
    job = Say(right=np.ones(LARGE, bool), labels=labels)
    decision = run([(LAST, job)], head, folds, labels, limit_seconds=200.0)
    assert asked == [LARGE]
    assert not cv_result
    assert decision.selection.reason == (
        "The head alone: last:2 was not tried, since it would take 4 minutes or more; see "
        "--time-limit."
    )
    candidates = decision.selection.candidates[-1]
    assert (candidates.num_examples, candidates.gain) == (0, None)
    assert candidates.verdict == "not taken: it would take 4 minutes or more; see --time-limit"
    told: list[tuple[Strategy, float, bool]] = []
    decision = run(
        [(LAST, job)], head, folds, labels, limit_seconds=300.0,
        on_trial=lambda *trial: told.append(trial),
    )  # fmt: skip
    assert decision.selection.strategy == "last:2"
    assert [(seconds, measured) for _, seconds, measured in told] == [
        (pytest.approx(300, abs=1), False),
        (pytest.approx(300, abs=1), True),  # 6 trainings of 5 epochs, 30 s each: 900
    ]


def test_examples_of_one_group_are_one_piece_of_evidence() -> None:
    groups = np.array([str(i // 25) for i in range(100)])  # four speakers
    labels, head, folds = setting(groups=groups)
    right = head.right.astype(bool).copy()
    right[:25] = True  # all that is gained is gained with one of them
    right[np.flatnonzero(head.right[50:75])[0] + 50] = False
    alone = replace(labels, groups=None)
    plain = run([(LAST, Say(right=right, labels=alone))], head, folds, alone)
    assert plain.selection.strategy == "last:2"
    grouped = run([(LAST, Say(right=right, labels=labels))], head, folds, labels)
    assert grouped.selection.strategy == "head"
    candidates = grouped.selection.candidates[-1]
    gained = right.astype(float) - head.right
    away = np.bincount(np.arange(100) // 25, gained - gained.mean())
    assert candidates.gain_error == pytest.approx(np.sqrt((away**2).sum() * 4 / 3) / 100)
    assert plain.selection.candidates[-1].accuracy.low > candidates.accuracy.low


@pytest.mark.parametrize(
    "error", [BackboneError("It cannot be cut there."), TrainingError("It blew up.")]
)
def test_what_cannot_be_trained_is_passed_over(error: Exception) -> None:
    labels, head, folds = setting()
    bad = Say(right=head.right, labels=labels, error=(0, error))
    good = Say(right=np.ones(100, bool), labels=labels)
    decision = run([(LAST, bad), (ALL, good)], head, folds, labels)
    assert decision.selection.strategy == "all"
    assert decision.selection.candidates[1].verdict == "not taken: it could not be trained"
    alone = run([(LAST, bad)], head, folds, labels)
    assert alone.selection.reason == f"The head alone: last:2 could not be trained. {error}"


def test_examples_that_a_job_could_not_read_are_left_out_on_both_sides(
    cv_result: list[Any],
) -> None:
    labels, head, folds = setting()
    lost = {3, 10, 57}
    kept = np.array([row for row in range(100) if row not in lost])
    right = better(head, 25)
    job = Say(right=right[kept], labels=labels.take(kept), indices=kept)
    decision = run([(LAST, job)], head, folds, labels)
    assert decision.selection.strategy == "last:2"
    candidates = decision.selection.candidates[-1]
    assert candidates.num_examples == 97
    assert candidates.gain == pytest.approx((right[kept] - head.right[kept]).mean())
    assert candidates.accuracy.value == pytest.approx(right[kept].mean())
    for number, rows in cv_result:
        assert set(kept[rows]) == set(folds[number]) - lost


def test_a_fold_of_which_nothing_is_left(cv_result: list[Any]) -> None:
    labels, head, folds = setting()
    kept = np.array([row for row in range(100) if row % 5 != 2])  # not one of the third fold
    job = Say(right=better(head, 25)[kept], labels=labels.take(kept), indices=kept)
    decision = run([(LAST, job)], head, folds, labels)
    assert len(cv_result) == 4
    assert decision.selection.candidates[-1].verdict == "taken"


def test_the_heads_answers_count_as_often_as_they_were_asked() -> None:
    labels = Labels(classes=np.array([0, 1, 1]), num_classes=2)
    probabilities = np.array(
        [[[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], [[0.6, 0.4], [0.2, 0.8], [0.7, 0.3]]]
    )
    head = Incumbent.of_head(probabilities, labels, 3.0)
    assert head.right.tolist() == [1.0, 0.5, 0.5]
    assert (head.name, head.seconds) == ("head", 3.0)


def test_it_is_told_how_far_it_is() -> None:
    labels, head, folds = setting()
    told: list[tuple[str, int, int]] = []
    job = Say(right=better(head, 25), labels=labels)
    with listening(lambda *step: told.append(step)):
        run([(LAST, job)], head, folds, labels)
    # in epochs, four of each of the five folds
    assert list(dict.fromkeys(told)) == [("try last:2", done, 20) for done in range(21)]


def test_nothing_to_be_tried() -> None:
    labels, head, folds = setting()
    decision = run([], head, folds, labels)
    assert decision.selection.reason == "The head alone: nothing else was to be tried."
