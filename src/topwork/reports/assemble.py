"""Report of a model as one page.

model, its data -> gathered evidence -> parts -> HTML
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final

from topwork.core import files
from topwork.core.progress import Listener, listening
from topwork.core.units import parse_seconds
from topwork.examples.images.preprocessing import ImageInput
from topwork.model.archive import CARD
from topwork.model.card import with_worth
from topwork.model.model import Model, load
from topwork.reports import charts
from topwork.reports.class_tiles import few_classes
from topwork.reports.data_problems import data_problems
from topwork.reports.gather import Gathered, gather
from topwork.reports.headline import does, noun
from topwork.reports.layers import MAX_EXPLAINED, what_it_sees
from topwork.reports.mistakes import (
    LEFT_OUT,
    TEST,
    PredictionPart,
    matrix_of,
    matrix_of_scores,
    no_mistakes,
    surest_mistakes,
)
from topwork.reports.next_steps import Commands, choose_threshold
from topwork.reports.opening import best_scores, opening, worth
from topwork.reports.page import render
from topwork.reports.parts import Chart, Matrix, Missing
from topwork.reports.pictures import Album
from topwork.reports.provenance import now, provenance
from topwork.reports.reliability import reliability
from topwork.reports.roc import roc
from topwork.reports.scores import class_rows, ood, score_rows
from topwork.reports.sections import Mistakes, Page, Scores
from topwork.reports.words import counted, percent, span

if TYPE_CHECKING:
    from topwork.evaluation.metrics import Evaluation

T = TypeVar("T")


@final
@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """A report that was written.

    Attributes:
        path: of the page; `table`, of its data problems, None where there are none.
        messages: how good the model is, and what to do next, in a line each.
    """

    path: Path
    table: Path | None
    messages: tuple[str, str]
    num_bytes: int
    seconds: float


def report(
    model: Model | str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    control: str | float | None = None,
    device: str = "auto",
    on_progress: Listener | None = None,
) -> WrittenReport:
    """Write all that is known of a model as one page, and beside it the data's problems as CSV.

    Args:
        model: or the folder that it lies in, which is then named on the page; the verdict also
            goes into the card there.
        out: the file to write; one that is there is replaced.
        data: where the labelled inputs lie now; None: where they lay when it was trained.
        control: for how long (`5m`) to train the same network from scratch, to compare with; None:
            it is not trained, but one that was trained before is found again.
        device: of a model that is read from its folder.
        on_progress: called with a stage's name, how much is done, and how much there is.

    Raises:
        SettingError: the control's time limit cannot be read.
        DataError: the data that was named cannot be used.
        StoreError: the place cannot be written to.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> model = topwork.train(pictures, labels, train="head")
    >>> topwork.report(model, "report.html").path.name
    'report.html'
    """
    seconds = None if control is None else parse_seconds(control)
    folder, out = None if isinstance(model, Model) else Path(model), Path(out)
    if not isinstance(model, Model):
        model = load(model, device=device)
    files.check_writable(out)
    with listening(on_progress):
        gathered = gather(model, data=data, control_seconds=seconds)
        page = lay_out(gathered, folder=folder)
    text, begun = render(page).encode(), page.opening
    how_good = f"{begun.headline} ({begun.interval})." if begun.interval else f"{begun.headline}."
    first = begun.next_steps[0]
    ahead = "\n".join(filter(None, [f"Next: {first.why}", first.command]))
    table = None
    with files.disk_errors(f"Writing the report to {str(out)!r}"):
        with files.replacing(out) as new:
            new.write_bytes(text)
        if not isinstance(gathered.problems, Missing) and gathered.problems.items:
            table = out.with_name(f"{out.stem}-problems.csv")
            with files.replacing(table) as new:
                gathered.problems.to_csv(new)
        if folder is not None and not isinstance(gathered.verdict, Missing):
            _note_worth(folder / CARD, model, gathered.verdict.message)
    return WrittenReport(
        path=out,
        table=table,
        messages=(" ".join(filter(None, [how_good, begun.warning])), ahead),
        num_bytes=len(text),
        seconds=gathered.seconds,
    )


def _note_worth(card: Path, model: Model, verdict: str) -> None:
    """Put the verdict into the model's card; what a person wrote elsewhere in it stays."""
    if not card.is_file():
        return
    before = card.read_text(encoding="utf-8")
    after = with_worth(before, model.parts, verdict)
    if after != before:
        with files.replacing(card) as new:
            new.write_text(after, encoding="utf-8")


def lay_out(gathered: Gathered, *, folder: Path | None = None) -> Page:
    """Return the page part by part."""
    model = gathered.model
    preprocessing = model.backbone.input
    bits = preprocessing.bits if isinstance(preprocessing, ImageInput) else None
    album = Album(gathered.examples, preprocessing.modality, bits=bits)
    parts = _answered(model)
    # In this order, so that what matters most is drawn before the page is full.
    begun = opening(gathered, album, folder=folder)
    wrong = surest_mistakes(parts, model.classes, album)
    problems = data_problems(gathered.problems, album)
    test = [part for part in parts if part.id == TEST]
    unseen = surest_mistakes(test, model.classes, album, most=MAX_EXPLAINED)
    seen = what_it_sees(gathered, (*unseen, *wrong))
    matrices = _matrices(model, parts, album)
    return Page(
        name="A model" if folder is None else folder.resolve().name,
        title=does(model),
        subtitle=(
            f"Learned from {counted(model.data.num_train, noun(model))}, transferred from "
            f"{model.backbone.name}."
        ),
        made=f"Made by Topwork, {now()}. This page is one file, and asks the network for nothing.",
        modality=model.backbone.modality,
        opening=begun,
        worth=worth(gathered, folder=folder),
        scores=_scores(model, parts, matrices, Commands(model, folder)),
        mistakes=Mistakes(
            wrong=wrong,
            missing=None if wrong else no_mistakes(parts),
            hint=_mistakes_hint(gathered, album),
        ),
        curve=_drawn(gathered.curve, charts.draw_curve),
        depth=_drawn(gathered.depth, charts.draw_depth),
        candidates=_candidates(model),
        problems=problems,
        seen=seen,
        provenance=provenance(gathered, folder),
        larges=album.larges,
    )


def _answered(model: Model) -> list[PredictionPart]:
    parts = (
        (LEFT_OUT, "Confusion, left out by cross-validation", model.oof_predictions),
        (TEST, "Confusion, test part", model.test_predictions),
    )
    return [
        PredictionPart(id=id, title=title, answers=answers)
        for id, title, answers in parts
        if answers is not None and len(answers.truth)
    ]


def _matrices(model: Model, parts: list[PredictionPart], album: Album) -> list[Matrix]:
    scores = {LEFT_OUT: model.evaluation, TEST: model.test}
    if parts:
        return [matrix_of(part, model.classes, album, scores[part.id]) for part in parts]
    return [
        matrix_of_scores(one, id=id, title=f"Confusion, {one.method}")
        for id, one in scores.items()
        if one is not None
    ]


def _scores(
    model: Model, parts: list[PredictionPart], matrices: list[Matrix], commands: Commands
) -> Scores:
    columns: list[Evaluation] = [one for one in (model.evaluation, model.test) if one is not None]
    missing = None
    if not columns:
        why = model.notes[-1] if model.notes else "There were too few examples for any score."
        missing = Missing(
            why=why, remedy="Score it on other examples: `topwork evaluate MODEL DATA`."
        )
    best, own = best_scores(model), columns[0] if columns else None
    few = frozenset[str]() if best is None else few_classes(best.per_class)
    rows = () if best is None else class_rows(best)
    curve = _roc(model, parts, own)
    return Scores(
        methods=[one.method for one in columns],
        rows=score_rows(columns, model.decision),
        classes=[row for row in rows if row.label not in few],
        few=[row for row in rows if row.label in few],
        classes_of="" if best is None else f"By {best.method}.",
        matrices=matrices,
        reliability=_reliability(parts, own),
        roc=curve,
        threshold=None if curve is None else choose_threshold(commands),
        ood=ood(model),
        missing=missing,
    )


def _reliability(parts: list[PredictionPart], best: Evaluation | None) -> Chart | Missing:
    if not parts:
        return Missing(
            why="It takes the answers to single examples, and the model folder holds none.",
            remedy="Train the model again with this version of Topwork.",
        )
    part, answers = parts[0], parts[0].answers
    where = _where(part)
    caption = "On the dashed line the model is as often right as it is sure; below it, too sure."
    if best is not None:
        error = best.calibration_error
        caption += (
            f" On average it is off by {percent(error)} (calibration error; 95% interval "
            f"{100 * error.low:.1f} to {100 * error.high:.1f}%)."
        )
    caption += f" Answers to examples {where}, in bins of equal count."
    return charts.draw_reliability(
        reliability(answers.probabilities, answers.truth),
        name=f"reliability-{part.id}",
        caption=caption,
    )


def _roc(model: Model, parts: list[PredictionPart], own: Evaluation | None) -> Chart | None:
    positive = model.parts.positive
    if not parts or positive is None:
        return None
    part, threshold = parts[0], None if model.decision is None else model.decision.threshold
    curve = roc(part.answers, model.classes, positive, threshold)
    if curve is None:
        return None
    caption = f"The dot is the model as it is: {positive!r} is named "
    caption += "where it is the more probable" if threshold is None else f"from {threshold:.3g} on"
    if own is not None and own.auroc is not None:
        caption += (
            f". AUROC, the area under the line: {percent(own.auroc)} ({span(own.auroc)}); on the "
            "dashed line it would be 50%"
        )
    caption += f". Answers to examples {_where(part)}."
    return charts.draw_roc(curve, name=f"roc-{part.id}", caption=caption)


def _where(part: PredictionPart) -> str:
    return "left out by cross-validation" if part.id == LEFT_OUT else "of the test part"


def _mistakes_hint(gathered: Gathered, album: Album) -> str:
    hints = []
    if isinstance(gathered.found, Missing):
        hints.append(f"The examples are named, not shown. {gathered.found.why}")
        hints.append(gathered.found.remedy)
    if album.num_left_out:
        hints.append(
            f"{counted(album.num_left_out, 'example')} are named without being shown, to keep the "
            "page small."
        )
    return " ".join(hints)


def _drawn(found: T | Missing, draw: Callable[[T], Chart]) -> Chart | Missing:
    return found if isinstance(found, Missing) else draw(found)


def _candidates(model: Model) -> Chart | Missing:
    selection = model.selection
    if sum(one.num_examples > 0 for one in selection.candidates) < 2:
        asked = f"One way of training was asked for ({selection.strategy})"
        return Missing(
            why=selection.reason or f"{asked}, so nothing was compared.",
            remedy="To let evidence decide how deep to train: `topwork train DATA --train auto`, "
            "with more time where that is what it lacked (`--time-limit 30m`).",
        )
    caption = f"{selection.reason} The time is what each took on the clock, where it was trained."
    return charts.draw_candidates(selection, caption=caption)
