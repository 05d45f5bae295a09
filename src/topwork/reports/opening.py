"""Opening of the report, and transfer's worth."""

from __future__ import annotations

from pathlib import Path

from topwork.evaluation.metrics import Evaluation
from topwork.evidence.transfer.verdict import Verdict
from topwork.model.model import Model
from topwork.reports.class_tiles import class_tiles
from topwork.reports.gather import Gathered
from topwork.reports.headline import headline, mail, measured, warning
from topwork.reports.next_steps import Commands, control, more, next_steps
from topwork.reports.parts import Missing, Score
from topwork.reports.pictures import Album
from topwork.reports.sections import Opening, Worth
from topwork.reports.words import counted, points, points_span

ANSWERS = {True: "Yes.", False: "No.", None: "In part, or not known."}


def opening(gathered: Gathered, album: Album, *, folder: Path | None = None) -> Opening:
    """Return what the page begins with.

    Args:
        album: shows the example of each class.
        folder: that the model lies in, for the commands; None: it lies in memory.
    """
    model = gathered.model
    best = best_scores(model)
    commands = Commands(model, folder)
    said = headline(model, best)
    name = "" if folder is None else folder.resolve().name
    remarks = [*model.notes, gathered.remark]
    if folder is None:
        remarks.append(
            "The model lies in memory: in the commands, MODEL stands for the folder that "
            '`model.save("MODEL")` writes.'
        )
    return Opening(
        headline=said[0],
        interval=said[1],
        warning=warning(model, best),
        measured=measured(model, best),
        classes=class_tiles(model, best, album, doubted=_doubted(gathered)),
        next_steps=next_steps(gathered, best, commands),
        more=more(gathered, best),
        mail=mail(model, name, said, best),
        remarks=[one for one in remarks if one],
    )


def best_scores(model: Model) -> Evaluation | None:
    """Return the scores that the page begins with: of the test part, or out of fold."""
    return model.test or model.evaluation


def worth(gathered: Gathered, *, folder: Path | None = None) -> Worth:
    """Return what transfer was worth, beside the same network without it."""
    verdict = gathered.verdict
    if isinstance(verdict, Missing):
        return Worth(sentence="", gain=None, against=f"Not known. {verdict.why}")
    gain = verdict.worth
    return Worth(
        sentence=verdict.message,
        gain=Score(value=points(gain.value), interval=points_span(gain.low, gain.high)),
        against=_against(verdict),
        conditions=[(one.question, ANSWERS[one.answer], one.because) for one in verdict.conditions],
        control=control(gathered, Commands(gathered.model, folder)),
        notes=verdict.notes,
    )


def _doubted(gathered: Gathered) -> frozenset[str]:
    problems = gathered.problems
    if isinstance(problems, Missing):
        return frozenset()
    return frozenset(one.digest for one in problems.items)


def _against(verdict: Verdict) -> str:
    if verdict.num_examples == verdict.num_all:
        return ""
    return (
        f"Compared on {counted(verdict.num_examples, 'example')} of {verdict.num_all:,}, with "
        "heads that learned from these alone; with more, the gain tends to shrink."
    )
