"""Confusion matrices and surest mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topwork.core.shapes import Doubles
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
    counts = _counts(answers, len(classes))
    pairs = _pairs(part, _most_confused(counts), classes, album)
    share = float(np.diagonal(counts).sum() / max(counts.sum(), 1))
    differs = scores is not None and abs(share - scores.accuracy.value) > SAME
    return _matrix(part.id, part.title, classes, counts, pairs, MEANS if differs else "")


def matrix_of_scores(evaluation: Evaluation, *, id: str, title: str) -> Matrix:
    """Return the matrix that the scores carry: no examples stand behind it."""
    counts = np.asarray(evaluation.confusion, np.float64)
    return _matrix(id, title, evaluation.classes, counts)


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
    counts = _counts(answers, len(classes))
    both = np.triu(counts + counts.T, 1)
    if not both.any():
        return None
    i, j = (int(k) for k in np.unravel_index(both.argmax(), both.shape))
    return classes[i], classes[j], int(both[i, j]), int(counts[i].sum() + counts[j].sum())


def _counts(answers: Predictions, num_classes: int) -> Doubles:
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (answers.truth, answers.probabilities.argmax(1)), 1)
    return counts


def _most_confused(counts: Doubles) -> list[int]:
    """The classes to show, in their order: all, or those with the most mistakes either way."""
    if len(counts) <= MAX_CLASSES:
        return list(range(len(counts)))
    wrong = counts - np.diag(np.diagonal(counts))
    order = np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")
    return sorted(int(k) for k in order[:MAX_CLASSES])


def _cell(count: float, of: float, right: bool, label: str, href: str | None = None) -> Cell:
    """A cell, coloured by its share of the row: of the few that are wrong, by the square root."""
    share = count / max(of, 1e-9)
    heat = share if right else min(2 * share, 1.0) ** 0.5
    text = f"{count:g}" if count else ""
    return Cell(text=text, heat=heat, href=href, label=f"{count:g} {label}", is_right=right)


def _pairs(
    part: PredictionPart,
    shown: Sequence[int],
    classes: Sequence[str],
    album: Album,
) -> tuple[ConfusedPair, ...]:
    answers, left, made = part.answers, MAX_BEHIND, []
    predicted = answers.probabilities.argmax(1)
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
    counts: Doubles,
    pairs: Sequence[ConfusedPair] = (),
    note: str = "",
) -> Matrix:
    shown, linked = _most_confused(counts), {pair.id for pair in pairs}
    names = [classes[k] for k in shown]
    columns, rows = list(names), []
    for i in shown:
        total = float(counts[i].sum())
        row = []
        for j in shown:
            href, label = f"{id}-{i}-{j}", f"{classes[i]} called {classes[j]}"
            row.append(_cell(counts[i, j], total, i == j, label, href if href in linked else None))
        if len(shown) < len(classes):
            row.append(_cell(total - counts[i, shown].sum(), total, False, "others"))
        rows.append(row)
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
