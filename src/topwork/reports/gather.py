"""Evidence on a model, gathered.

Each piece is asked for by itself. One that cannot be had leaves a `Missing` in its place, which
says why and what would make it; it stops none of the others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, final

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.core.options import RunOptions
from topwork.core.shapes import Doubles
from topwork.errors import TopworkError
from topwork.evaluation.crossval import one_thread
from topwork.evidence.data.problems import Problems, find_problems
from topwork.evidence.learning_curve.curve import LearningCurve, head_curve
from topwork.evidence.transfer.advice import judge_transfer
from topwork.evidence.transfer.layer_probe import LayerProbe, probe_layers
from topwork.evidence.transfer.verdict import Verdict
from topwork.examples.example import Example, ExampleSet
from topwork.model.model import Model
from topwork.model.predictions import Predictions
from topwork.reports.parts import Missing
from topwork.reports.words import counted
from topwork.runs.head import HeadRun, run_head
from topwork.runs.source import examples_and_backbone

T = TypeVar("T")

log = logging.getLogger(__name__)

TROUBLES = (TopworkError, OSError, ValueError, ArithmeticError, LookupError, RuntimeError,
            MemoryError, ImportError, TypeError, AttributeError)  # fmt: skip
"""What one piece of evidence may fail with, without taking the page with it."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """A model, its data where that is still there, and what can be said of both.

    Attributes:
        found: the labelled inputs, read again.
        head_run: the head on the frozen backbone, for what is asked of features; its `examples` and
            `test_examples` are those that can be read.
        remark: how the data differs from what the model was trained on; empty where it does not.
        seconds: that gathering took.
    """

    model: Model
    found: ExampleSet | Missing
    head_run: HeadRun | Missing
    remark: str
    curve: LearningCurve | Missing
    depth: LayerProbe | Missing
    verdict: Verdict | Missing
    problems: Problems | Missing
    seconds: float

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples that are there, of training and test."""
        return () if isinstance(self.found, Missing) else tuple(self.found.examples)


def gather(
    model: Model, *, data: str | Path | None = None, control_seconds: float | None = None
) -> Gathered:
    """Collect it.

    Args:
        data: where the labelled inputs lie now; None: where they lay when the model was trained.
        control_seconds: for training the same network from scratch; None: it is not trained, but
            one that was trained before is found again.

    Raises:
        DataError: the data that was named cannot be used.
        ModalityError: it is of another kind than the model takes.
    """
    started = time.monotonic()
    found = _find_data(model, data)
    head_run = _head_run(model, found)
    # Each of the two leaves a core idle for half its time. One limit of threads around both, for
    # each sets its own, and would put back what the other had set.
    with one_thread(), ThreadPoolExecutor(1) as aside:
        # in copies of the context, in which progress is reported too
        curve_made = aside.submit(copy_context().run, _of, head_run, head_curve)
        problems_made = aside.submit(
            copy_context().run, _of, head_run, lambda one: _problems(model, one)
        )
        probe = _of(head_run, probe_layers)
        verdict = _of(head_run, lambda one: _verdict(model, one, probe, control_seconds))
        curve, problems = curve_made.result(), problems_made.result()
    return Gathered(
        model=model,
        found=found,
        head_run=head_run,
        remark=_remark(model, found),
        curve=curve,
        depth=probe,
        verdict=verdict,
        problems=problems,
        seconds=time.monotonic() - started,
    )


def attempt(make: Callable[[], T], remedy: str) -> T | Missing:
    """Return what `make` gives; where it fails, why, with what would help."""
    try:
        return make()
    except TROUBLES as error:
        if not isinstance(error, TopworkError):  # a fault of ours: it must be possible to find it
            log.warning("A part of the report could not be made.", exc_info=True)
        message = " ".join(str(error).split()) or type(error).__name__
        return Missing(
            why=message if message.endswith((".", "?")) else f"{message}.", remedy=remedy
        )


def _of(head_run: HeadRun | Missing, ask: Callable[[HeadRun], T | Missing]) -> T | Missing:
    """Return what `ask` gives of the features; where there are none, why."""
    if isinstance(head_run, Missing):
        return head_run
    return attempt(lambda: ask(head_run), "The rest of the report does not depend on it.")


def _find_data(model: Model, data: str | Path | None) -> ExampleSet | Missing:
    recipe = model.recipe

    def read(source: str | Path) -> ExampleSet:
        return examples_and_backbone(
            source,
            None,
            recipe.groups,
            columns=recipe.columns,
            backbone=model.backbone,
            call="train(inputs, labels)",
        )[0]

    if data is not None:
        return read(data)
    if recipe.classes is not None:
        return Missing(
            why="The model knows the names of its classes alone, and no examples.",
            remedy="Label some texts, and train on them: `topwork train DATA`.",
        )
    again = "Say where the data lies: `topwork report MODEL --data DATA`."
    if recipe.data is None:
        return Missing(
            why="The model was trained on a list of inputs in memory, so the data cannot be found "
            "again.",
            remedy=again,
        )
    if not Path(recipe.data).exists():
        why = f"The data is not where it lay when the model was trained ({recipe.data})."
        return Missing(why=why, remedy=again)
    return attempt(lambda: read(recipe.data or ""), again)


def _head_run(model: Model, found: ExampleSet | Missing) -> HeadRun | Missing:
    if isinstance(found, Missing):
        return found

    def run() -> HeadRun:
        backbone, options = _original(model), RunOptions(device=model.device)
        head = model.head if backbone is model.backbone else None
        return run_head(found, model.recipe, backbone, options, head=head)

    return attempt(run, "Give the data that the model was trained on: --data DATA.")


def _original(model: Model) -> Backbone:
    """Return the backbone as it was before any of its blocks were trained."""
    if model.selection.strategy in ("head", "auto"):
        return model.backbone  # as it is in the model folder: it need not be found by name
    name = model.recipe.backbone or default_backbone(model.backbone.modality)
    return get_backbone(name)


def _remark(model: Model, found: ExampleSet | Missing) -> str:
    """Say how many of the examples that the model knows are not there any more."""
    if isinstance(found, Missing):
        return ""
    there = {example.digest for example in found.examples}
    known = [
        d for part in (model.oof_predictions, model.test_predictions) if part for d in part.digests
    ]
    num_gone = sum(digest not in there for digest in known)
    if not num_gone:
        return ""
    return (
        f"Of the {counted(len(known), 'example')} that the model was trained and tested on, "
        f"{num_gone:,} are not in {found.origin} any more, or were changed: these are named "
        "without being shown."
    )


def _verdict(
    model: Model,
    head_run: HeadRun,
    probe: LayerProbe | Missing,
    control_seconds: float | None,
) -> Verdict:
    predictions, needed = model.oof_predictions, {e.digest for e in head_run.examples}
    if model.selection.strategy == "head":
        predictions = None  # the head's own, draw by draw: what `advise` judges
    if predictions is not None and not needed <= set(predictions.digests):
        predictions = None  # judged on some folds alone: the head's stand in for its own
    return judge_transfer(
        head_run,
        probe=None if isinstance(probe, Missing) else probe,
        predictions=predictions,
        limit_seconds=control_seconds,
    )


def _problems(model: Model, head_run: HeadRun) -> Problems | Missing:
    if model.oof_predictions is None:
        return Missing(
            why="There are no answers to examples left out to compare the labels with.",
            remedy="Train the model again, with at least two examples of a class.",
        )
    own = _aligned(model.oof_predictions, head_run.examples)
    test = _aligned(model.test_predictions, head_run.test_examples)
    if own is None:
        return Missing(
            why="The data is not what the model was trained on, so its answers do not fit it.",
            remedy="Give the data as it was (--data DATA), or train the model again.",
        )
    return find_problems(
        examples=head_run.examples,
        labels=head_run.labels,
        classes=head_run.classes,
        oof_predictions=own,
        table=head_run.table,
        indices=head_run.train,
        test_examples=() if test is None else head_run.test_examples,
        test_indices=None if test is None else head_run.test,
        test_probabilities=test,
    )


def _aligned(predictions: Predictions | None, examples: Sequence[Example]) -> Doubles | None:
    """Return the probabilities in the examples' order; None where one of them has none."""
    place = {digest: row for row, digest in enumerate(predictions.digests if predictions else ())}
    rows = [place.get(example.digest, -1) for example in examples]
    if predictions is None or -1 in rows or not rows:
        return None
    return predictions.probabilities[rows]
