"""Opening of the report, with next steps."""

from __future__ import annotations

from collections.abc import Sequence

from topwork.evaluation.metrics import ClassScore, Evaluation
from topwork.evidence.transfer.conditions import Condition
from topwork.evidence.transfer.verdict import Verdict
from topwork.reports.gather import Gathered
from topwork.reports.mistakes import most_confused_pair
from topwork.reports.parts import Missing, Opening, Score
from topwork.reports.scores import score
from topwork.reports.words import counted, percent, points, points_span, span

MAX_STEPS = 5
FEW = 20
"""Examples of a class below which its own score is anybody's guess: the interval of 18 right of 20
reaches from 70 to 97%."""

ANSWERS = {True: "Yes.", False: "No.", None: "In part, or not known."}
SURE = 0.9


def opening(gathered: Gathered) -> Opening:
    """Return what the page begins with."""
    model, verdict = gathered.model, gathered.verdict
    best = model.evaluation or model.test
    unknown = model.notes[-1] if model.notes else "there were too few examples"
    if isinstance(verdict, Missing):
        worth, worth_text = None, f"not known. {verdict.why}"
        conditions: Sequence[Condition] = ()
        more: Sequence[str] = ()
    else:
        gain = verdict.worth
        worth = Score(value=points(gain.value), interval=points_span(gain.low, gain.high))
        worth_text = _against(verdict)
        conditions, more = verdict.conditions, verdict.notes
    return Opening(
        sentence=_sentence(gathered, best),
        score=None if best is None else score(best.accuracy),
        method=unknown if best is None else best.method,
        baseline=None if best is None else score(best.baseline),
        worth=worth,
        worth_text=worth_text,
        conditions=[(one.question, ANSWERS[one.answer], one.because) for one in conditions],
        next_steps=_next_steps(gathered, best)[:MAX_STEPS],
        notes=[*model.notes, *more, *filter(None, [gathered.remark])],
    )


def _sentence(gathered: Gathered, best: Evaluation | None) -> str:
    model, verdict = gathered.model, gathered.verdict
    message = []
    if not isinstance(verdict, Missing):
        message.append(verdict.message)
    if best is None:
        message.append("How good the model is, is not known: there were too few examples to tell.")
    else:
        message.append(_compared(best, short=_is_of_all(gathered)))
        if model.test is not None and model.evaluation is not None:
            message.append(_of_test(model.evaluation, model.test))
    return " ".join(message)


def _compared(best: Evaluation, *, short: bool) -> str:
    """Set the accuracy beside the commonest class; `short` where it was just said."""
    accuracy, baseline = best.accuracy, best.baseline.value
    if accuracy.low > baseline:
        beside = f"lways naming the commonest of the {len(best.classes)} classes would score"
        if short:
            return f"A{beside} {percent(baseline)}."
        return f"The model is right {percent(accuracy)} of the time; a{beside} {percent(baseline)}."
    return (
        f"The model is right {percent(accuracy)} of the time, which is not surely better than "
        f"always naming the commonest class ({percent(baseline)}): it has not been shown to have "
        "learned anything."
    )


def _is_of_all(gathered: Gathered) -> bool:
    """Whether the verdict has just said how often this very model is right."""
    verdict = gathered.verdict
    if isinstance(verdict, Missing) or gathered.model.selection.strategy != "head":
        return False
    return verdict.num_examples == verdict.num_all


def _of_test(own: Evaluation, test: Evaluation) -> str:
    message = f"Of the test part, {percent(test.accuracy)} were right ({span(test.accuracy)})"
    if test.accuracy.high < own.accuracy.low:
        return f"{message}, clearly less: the test part is of another make than the training data."
    if test.accuracy.low > own.accuracy.high:
        return f"{message}, clearly more."
    return f"{message}."


def _against(verdict: Verdict) -> str:
    message = f"more right answers than {verdict.control_name}, on the same "
    message += counted(verdict.num_examples, "example")
    if verdict.num_examples < verdict.num_all:
        message += (
            " (with heads that learned from these alone; with more, the gain tends to shrink)"
        )
    return message


def _next_steps(gathered: Gathered, best: Evaluation | None) -> list[str]:
    """What to do now, what is quick and sure first."""
    model, steps = gathered.model, []
    problems, curve, verdict = gathered.problems, gathered.curve, gathered.verdict
    if isinstance(gathered.found, Missing):
        steps.append(
            f"{gathered.found.remedy} Then the report shows the mistakes, the learning curve and "
            "the problems of the data as well."
        )
    if not isinstance(problems, Missing) and problems.items:
        num = len(problems.items)
        steps.append(
            f"Look at what may be wrong with the data: {counted(num, 'example')}, the gravest "
            "first, below and as a table."
        )
    if not isinstance(curve, Missing):
        steps.append(curve.sentence)
    if best is not None:
        steps += _of_classes(gathered, best)
    if not isinstance(verdict, Missing) and verdict.limit_seconds is None:
        steps.append(
            "Train the same network from scratch as a control, to know what transfer was really "
            "worth: `topwork report MODEL --control 5m`."
        )
    if model.recipe.train == "head" and best is not None and best.accuracy.value < SURE:
        steps.append(
            "Only the head was trained. Let evidence decide whether training blocks too pays: "
            "`topwork train DATA --train auto`."
        )
    if best is not None and model.test is None:
        steps.append(
            "Before it is relied on, score it on inputs as they will come, labelled by hand: "
            "`topwork evaluate MODEL NEW`."
        )
    return steps


def _of_classes(gathered: Gathered, best: Evaluation) -> list[str]:
    steps, answers = [], gathered.model.oof_predictions or gathered.model.test_predictions
    per_class = gathered.model.data.per_class
    few = [name for name, count in per_class.items() if count < FEW]
    if few and len(per_class) > 1:
        least = min(per_class, key=lambda name: per_class[name])
        whose = f"{counted(len(few), 'class has', 'classes have')}"
        if len(few) == len(per_class):
            whose = "Every class has"
        steps.append(
            f"{whose} fewer than {FEW} examples (the fewest: {per_class[least]} of "
            f"{least!r}): with more of these, their scores could be believed."
        )
    worst = _weakest(best)
    if worst is not None:
        steps.append(
            f"{worst.label!r} is the weakest class: {percent(worst.recall)} of them are found "
            f"({span(worst.recall)}), against {percent(best.accuracy)} of all. See its mistakes."
        )
    pair = None if answers is None else most_confused_pair(answers, gathered.model.classes)
    if pair is not None and pair[2] > 1 and len(best.classes) > 2:
        first, second, times, of = pair
        steps.append(
            f"{first!r} and {second!r} are taken for each other most often ({times} of {of:,}): "
            "check where the line between them is drawn, or make them one class."
        )
    return steps


def _weakest(best: Evaluation) -> ClassScore | None:
    """The class whose recall is surely below that of all, if there is one."""
    there = [one for one in best.per_class if one.num_examples]
    worst = min(there, key=lambda one: one.recall.value, default=None)
    if worst is None or worst.recall.high >= best.accuracy.low:
        return None
    return worst
