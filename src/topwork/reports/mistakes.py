"""Confusion matrices and surest mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from topwork.evaluation.metrics import Evaluation
from topwork.model.predictions import Predictions
from topwork.reports.parts import Cell, ConfusedPair, Matrix, Missing, Wrong
from topwork.reports.pictures import Album
from topwork.reports.words import whole_percent

MAX_CLASSES = 18
"""A matrix of more columns does not fit the width of a printed page."""

MAX_IN_PAIR, MAX_BEHIND = 12, 240
"""Examples shown behind one cell, and behind all cells of a matrix."""

MAX_WRONG = 20

SAME = 1e-6
MEANS = (
    "The folds were drawn several times. Here each example counts once, by the mean of its "
    "probabilities; the scores above are means over the draws, so they may differ a little."
)

OTHERS = "any other"
LEFT_OUT, TEST = "cv", "test"


@dataclass(frozen=True, kw_only=True)
class PredictionPart:
    """Answers of one kind, with what they are called; `id` begins the links to them."""

    id: str
    title: str
    answers: Predictions


def matrix_of(
    part: PredictionPart, classes: Sequence[str], album: Album, scores: Evaluation | None = None
) -> Matrix:
    """Return the confusion matrix of some answers, each wrong cell linked to its examples.

    Args:
        scores: of the same answers: where they are means over several draws of the folds, the
            matrix says that it is not.
    """
    answers = part.answers
    predicted = answers.probabilities.argmax(1)
    counts = np.zeros((len(classes), len(classes)), np.intp)
    np.add.at(counts, (answers.truth, predicted), 1)
    shown = _most_confused(counts)
    pairs = _pairs(part, predicted, shown, classes, album)
    linked = {pair.id for pair in pairs}
    rows = [
        [
            *(
                _cell(counts[i], int(counts[i, j]), classes[i], classes[j], i == j, linked,
                      f"{part.id}-{i}-{j}")
                for j in shown
            ),
            *_beyond(counts, i, shown),
        ]
        for i in shown
    ]  # fmt: skip
    share = float(np.diagonal(counts).sum() / max(counts.sum(), 1))
    note = ""
    if scores is not None and abs(share - scores.accuracy.value) > SAME:
        note = MEANS
    return _matrix(part.id, part.title, classes, shown, rows, pairs, note)


def matrix_of_scores(evaluation: Evaluation, *, id: str, title: str) -> Matrix:
    """Return the matrix that the scores carry: no examples stand behind it."""
    counts = np.asarray(evaluation.confusion, np.float64)
    classes, shown = evaluation.classes, _most_confused(counts)
    rows = [
        [
            *(_cell(counts[i], counts[i, j], classes[i], classes[j], i == j) for j in shown),
            *_beyond(counts, i, shown),
        ]
        for i in shown
    ]
    return _matrix(id, title, classes, shown, rows, ())


def surest_mistakes(
    parts: Sequence[PredictionPart], classes: Sequence[str], album: Album, *, most: int = MAX_WRONG
) -> tuple[Wrong, ...]:
    """Return the wrong answers that the model was most sure of, over all parts."""
    found = []
    for part in parts:
        answers = part.answers
        predicted = answers.probabilities.argmax(1)
        for i in np.flatnonzero(predicted != answers.truth):
            found.append(
                (float(answers.probabilities[i, predicted[i]]), part, int(i), int(predicted[i]))
            )
    found.sort(key=lambda one: -one[0])
    return tuple(
        Wrong(
            digest=part.answers.digests[i],
            shown=album.show(part.answers.digests[i], part.answers.names[i], sound=True),
            true=classes[part.answers.truth[i]],
            predicted=classes[k],
            probability=whole_percent(chance),
            probability_of_true=whole_percent(
                float(part.answers.probabilities[i, part.answers.truth[i]])
            ),
            is_test=part.id == TEST,
        )
        for chance, part, i, k in found[:most]
    )


def no_mistakes(parts: Sequence[PredictionPart]) -> Missing:
    """Say why no mistake is shown."""
    if not parts:
        return Missing(
            why="The model folder holds no answers to single examples: there were too few of "
            "them, or an earlier version of Topwork trained it.",
            remedy="Train it again with this version, and with at least two examples of a class.",
        )
    num = sum(len(part.answers.truth) for part in parts)
    return Missing(
        why=f"None of the {num:,} answers was wrong.",
        remedy="Score it on harder examples: `topwork evaluate MODEL DATA`.",
    )


def most_confused_pair(
    answers: Predictions, classes: Sequence[str]
) -> tuple[str, str, int, int] | None:
    """Return the two classes taken for each other most often: names, times, and of how many."""
    predicted = answers.probabilities.argmax(1)
    counts = np.zeros((len(classes), len(classes)), np.intp)
    np.add.at(counts, (answers.truth, predicted), 1)
    both = np.triu(counts + counts.T, 1)
    if not both.any():
        return None
    i, j = (int(k) for k in np.unravel_index(both.argmax(), both.shape))
    return classes[i], classes[j], int(both[i, j]), int(counts[i].sum() + counts[j].sum())


def _most_confused(counts: npt.NDArray[np.intp] | npt.NDArray[np.float64]) -> list[int]:
    """The classes to show, in their order: all, or those with the most mistakes either way."""
    if len(counts) <= MAX_CLASSES:
        return list(range(len(counts)))
    wrong = counts - np.diag(np.diagonal(counts))
    order = np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")
    return sorted(int(k) for k in order[:MAX_CLASSES])


def _cell(
    row: npt.NDArray[np.intp] | npt.NDArray[np.float64],
    count: float,
    true: str,
    predicted: str,
    right: bool,
    linked: frozenset[str] | set[str] = frozenset(),
    id: str = "",
) -> Cell:
    text = f"{count:g}" if count else ""
    return Cell(
        text=text,
        heat=_heat(count, float(row.sum()), right),
        href=id if id in linked else None,
        label=f"{text or 0} {true} called {predicted}",
        is_right=right,
    )


def _heat(count: float, of: float, right: bool) -> float:
    """How strongly a cell is coloured: of the few that are wrong, by the square root."""
    share = count / max(of, 1e-9)
    return share if right else min(2 * share, 1.0) ** 0.5


def _beyond(
    counts: npt.NDArray[np.intp] | npt.NDArray[np.float64], i: int, shown: Sequence[int]
) -> list[Cell]:
    """The cell of all classes that have no column, where there are such."""
    if len(shown) == len(counts):
        return []
    left = float(counts[i].sum() - counts[i, list(shown)].sum())
    heat = _heat(left, float(counts[i].sum()), False)
    return [Cell(text=f"{left:g}" if left else "", heat=heat, label=f"{left:g} others")]


def _pairs(
    part: PredictionPart,
    predicted: npt.NDArray[np.intp],
    shown: Sequence[int],
    classes: Sequence[str],
    album: Album,
) -> tuple[ConfusedPair, ...]:
    answers, left, made = part.answers, MAX_BEHIND, []
    for i in shown:
        for j in shown:
            if i == j:
                continue
            where = np.flatnonzero((answers.truth == i) & (predicted == j))
            if not len(where):
                continue
            surest = where[np.argsort(-answers.probabilities[where, j], kind="stable")]
            taken = surest[: min(MAX_IN_PAIR, max(left, 1))]
            left -= len(taken)
            made.append(
                ConfusedPair(
                    id=f"{part.id}-{i}-{j}",
                    true=classes[i],
                    predicted=classes[j],
                    count=len(where),
                    shown=[album.show(answers.digests[k], answers.names[k]) for k in taken],
                )
            )
    return tuple(made)


def _matrix(
    id: str,
    title: str,
    classes: Sequence[str],
    shown: Sequence[int],
    rows: Sequence[Sequence[Cell]],
    pairs: Sequence[ConfusedPair],
    note: str = "",
) -> Matrix:
    names = [classes[k] for k in shown]
    columns = list(names)
    if len(shown) < len(classes):
        columns.append(OTHERS)
        less = (
            f"Of {len(classes)} classes, the {len(shown)} with the most mistakes are shown; "
            "answers that name another class stand in the last column."
        )
        note = f"{less} {note}".strip()
    return Matrix(
        id=id, title=title, classes=names, columns=columns, rows=rows, pairs=pairs, note=note
    )
