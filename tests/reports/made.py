"""Models and pages for the tests of the report."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.model.model import Model
from topwork.model.predictions import Predictions
from topwork.reports.gather import Gathered
from topwork.reports.parts import (
    Cell,
    Chart,
    ClassRow,
    ConfusedPair,
    Fact,
    Figure,
    Finding,
    Gallery,
    Large,
    Marked,
    Matrix,
    Missing,
    ReportTable,
    Score,
    ScoreRow,
    Shown,
    Wrong,
)
from topwork.reports.sections import (
    ClassTile,
    ClassTiles,
    DataProblems,
    Mistakes,
    Opening,
    Page,
    Provenance,
    Scores,
    Step,
    Worth,
)

GONE = Missing(why="It is gone.", remedy="Say where it is.")


def changed(model: Model, **changes: Any) -> Model:
    """The same model with something else in its place."""
    return Model(replace(model.parts, **changes), device=model.device)


def answers(
    truth: Sequence[int], said: Sequence[int], num_classes: int, sure: float = 0.8
) -> Predictions:
    """Answers of this certainty, the rest shared evenly; the later ones are a little surer."""
    probabilities = np.full((len(truth), num_classes), (1 - sure) / max(num_classes - 1, 1))
    probabilities[np.arange(len(truth)), list(said)] = sure + 0.0001 * np.arange(len(truth))
    probabilities /= probabilities.sum(1, keepdims=True)
    names = tuple(f"example {i}" for i in range(len(truth)))
    return Predictions(
        names=names, digests=names, groups=(None,) * len(names), truth=np.array(truth, np.intp),
        probabilities=probabilities,
    )  # fmt: skip


def scored(right: int, num: int, common: int = 10) -> Evaluation:
    """Scores of this many right answers; `common` of the examples are of the first class."""
    truth = np.array([0] * common + [1 + k % 2 for k in range(num - common)])
    said = np.where(np.arange(num) < right, truth, (truth + 1) % 3)
    return evaluate(np.eye(3)[said] * 0.9 + 0.03, truth, ("one", "two", "zero"), method="a count")


def gathered(model: Model, **parts: Any) -> Gathered:
    """What is known of a model of which nothing else is, but for these parts."""
    gone = dict.fromkeys(("found", "head_run", "curve", "depth", "verdict", "problems"), GONE)
    return Gathered(model=model, **{**gone, "remark": "", "seconds": 1.0, **parts})


def page(word: str = "word") -> Page:
    """A page with everything on it, and one word wherever a user's word may stand."""
    table = ReportTable(header=("size", word), rows=[("1", word)])
    chart = Chart(svg='<svg class="chart"></svg>', title=word, caption=word, table=table)
    shown = Shown(name=word, whole_name=word, text=word)
    score = Score(value="90.0%", interval="80.0 to 95.0%")
    picture = "data:image/webp;base64,AAAA"
    seen = Shown(name=word, whole_name=word, picture=picture, width=9, height=9, large="large-0")
    tile = ClassTile(label=word, rate=word, of=word, found=50.0, shown=shown)
    joined = "".join(word.split())  # a command has an element for each of its words
    step = Step(why=f"{word}: `topwork {word}`", command=f"topwork {joined}", href="problems")
    pair = ConfusedPair(id="cv-0-1", true=word, predicted=word, count=3, shown=[seen])
    cells = [Cell(text="1", heat=0.5, href="cv-0-1", label=word), Cell(text="", heat=0)]
    matrix = Matrix(
        id="cv", title=word, classes=[word], columns=[word, word], rows=[cells], pairs=[pair],
        note=word,
    )  # fmt: skip
    wrong = Wrong(
        digest="d", shown=shown, true=word, predicted=word, probability="90%",
        probability_of_true="1%", is_test=False,
    )  # fmt: skip
    row = ClassRow(label=word, num_examples="3", recall=score, precision=score, f1="90.0%",
                   bar=(10.0, 50.0, 90.0))  # fmt: skip
    finding = Finding(kind=word, reason=word, label=word, suggestion=word, shown=shown, other=shown)
    gallery = Gallery(
        text=word,
        figures=[Figure(picture=picture, width=9, height=9, alt=word, caption=word)],
        marked=[Marked(title=word, parts=[(word, 0.5, 2), (word, -0.5, -4), (word, 0.0, 0)])],
    )
    return Page(
        name=word, title=word, subtitle=word, made=word, modality="text",
        opening=Opening(
            headline=word, interval=word, warning=word, measured=[word], mail=word,
            classes=ClassTiles(shown=[tile], folded=[tile], few=word, few_tiles=[tile]),
            next_steps=[step], more=[word], remarks=[word],
        ),
        worth=Worth(
            sentence=word, gain=score, against=word, conditions=[(word, word, word)],
            control=step, notes=[word],
        ),
        scores=Scores(
            methods=[word], rows=[ScoreRow(name=word, scores=[score])], classes=[row] * 25,
            few=[row], classes_of=word, matrices=[matrix], reliability=chart, ood=word,
        ),
        mistakes=Mistakes(wrong=[wrong], hint=word),
        curve=chart, depth=Missing(why=word, remedy=f"`{word}`"), candidates=chart,
        problems=DataProblems(
            findings=[finding], sentences=[word], num_all=1, csv="data:text/csv,"
        ),
        seen=[(word, gallery), (word, replace(gallery, is_folded=True)),
              (word, Missing(why=word, remedy=word))],
        provenance=Provenance(
            facts=[Fact(name=word, value=word, is_code=True, whole=word)], recipe=word,
            skipped=[(word, word)], num_skipped=2, usage=[(word, word)],
        ),
        larges=[Large(id="large-0", name=word, picture=picture, width=9, height=9)],
    )  # fmt: skip
