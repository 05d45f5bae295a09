"""Collects all that can be known of a model: its data again, and every piece of evidence.

Each piece is asked for by itself. One that cannot be had leaves a `Missing` in its place, which
says why and what would make it; it stops none of the others. What it does not know: how any of it
is measured (evidence/), and how it is shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, SettingError, TopworkError, TrainingError
from topwork.evaluation.crossval import one_thread
from topwork.examples.example import Example, ExampleSet
from topwork.examples.sources import read_examples
from topwork.model.model import Model, Progress, check_modality, staged
from topwork.report.parts import Missing
from topwork.report.words import counted
from topwork.runs.head import Frozen, fit_frozen

if TYPE_CHECKING:
    from topwork.evidence.data.problems import Problems
    from topwork.evidence.learning_curve.curve import LearningCurve
    from topwork.evidence.transfer.layer_probe import Depth
    from topwork.evidence.transfer.verdict import Verdict

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_COMPARED = 500
"""Examples on which transfer is compared with the cheap controls, where nothing was trained from
scratch: those that `score_depth` probes, so random weights run over each of them once, and the
folds of so many are drawn but once (those of 400 twice, which takes longer). For 1,192 photos of
clothes that takes 20 s of one core less than all of them; the gain was 42.8 points (38.0 to 47.2)
with 500 and 35.3 (32.3 to 38.2) with all, so the page says how many it is of."""

CURVE_SECONDS = 3.0
"""For the learning curve."""

TROUBLES = (TopworkError, OSError, ValueError, ArithmeticError, LookupError, RuntimeError,
            MemoryError, ImportError, TypeError, AttributeError)  # fmt: skip
"""What one piece of evidence may fail with, without taking the page with it."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """A model, its data where that is still there, and what can be said of both.

    Attributes:
        found: the labelled inputs, read again.
        frozen: the head on the frozen backbone, for what is asked of features; its `examples` and
            `test_examples` are those that can be read.
        remark: how the data differs from what the model was trained on; empty where it does not.
        seconds: that gathering took.
    """

    model: Model
    found: ExampleSet | Missing
    frozen: Frozen | Missing
    remark: str
    curve: LearningCurve | Missing
    depth: Depth | Missing
    verdict: Verdict | Missing
    problems: Problems | Missing
    seconds: float

    @property
    def examples(self) -> tuple[Example, ...]:
        """All examples that are there, of training and test."""
        return () if isinstance(self.found, Missing) else tuple(self.found.examples)


def gather(
    model: Model,
    *,
    data: str | Path | None = None,
    control_seconds: float | None = None,
    on_progress: Progress | None = None,
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
    found = _find_data(model, data, on_progress)
    frozen = _freeze(model, found, on_progress)
    # Each of the two leaves a core idle for half its time. One limit of threads around both, for
    # each sets its own, and would put back what the other had set.
    with one_thread(), ThreadPoolExecutor(1) as aside:
        curve_made = aside.submit(_of, frozen, lambda one: _curve(one, on_progress))
        problems_made = aside.submit(_of, frozen, lambda one: _problems(model, one, on_progress))
        depth = _of(frozen, lambda one: _depth(one, on_progress))
        verdict = _of(frozen, lambda one: _verdict(model, one, depth, control_seconds, on_progress))
        curve, problems = curve_made.result(), problems_made.result()
    return Gathered(
        model=model,
        found=found,
        frozen=frozen,
        remark=_remark(model, found),
        curve=curve,
        depth=depth,
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
        said = " ".join(str(error).split()) or type(error).__name__
        return Missing(why=said if said.endswith((".", "?")) else f"{said}.", remedy=remedy)


def _of(frozen: Frozen | Missing, ask: Callable[[Frozen], T | Missing]) -> T | Missing:
    """Return what `ask` gives of the features; where there are none, why."""
    if isinstance(frozen, Missing):
        return frozen
    return attempt(lambda: ask(frozen), "The rest of the report does not depend on it.")


def _find_data(
    model: Model, data: str | Path | None, on_progress: Progress | None
) -> ExampleSet | Missing:
    recipe = model.recipe

    def read(source: str | Path) -> ExampleSet:
        found = read_examples(
            source,
            modality=model.backbone.modality,
            input_column=recipe.input_column,
            label_column=recipe.label_column,
            group_column=recipe.group_column,
            on_progress=staged(on_progress, "read"),
        )
        check_modality(found, model.backbone)
        return found

    if data is not None:
        return read(data)
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


def _freeze(
    model: Model, found: ExampleSet | Missing, on_progress: Progress | None
) -> Frozen | Missing:
    if isinstance(found, Missing):
        return found
    recipe = replace(model.recipe, strict=False)

    def fit() -> Frozen:
        backbone = _original(model)
        return fit_frozen(
            found, recipe, backbone=backbone, device=model.device, on_progress=on_progress,
            head=model.head if backbone is model.backbone else None,
        )  # fmt: skip

    return attempt(fit, "Give the data that the model was trained on: --data DATA.")


def _original(model: Model) -> Backbone:
    """Return the backbone as it was before any of its blocks were trained."""
    if model.choice.way in ("head", "auto"):
        return model.backbone  # as it is in the model folder: it need not be found by name
    name = model.recipe.backbone or default_backbone(model.backbone.modality)
    return get_backbone(name)


def _remark(model: Model, found: ExampleSet | Missing) -> str:
    """Say how many of the examples that the model knows are not there any more."""
    if isinstance(found, Missing):
        return ""
    there = {example.digest for example in found.examples}
    known = [d for part in (model.left_out, model.tested) if part for d in part.digests]
    num_gone = sum(digest not in there for digest in known)
    if not num_gone:
        return ""
    return (
        f"Of the {counted(len(known), 'example')} that the model was trained and tested on, "
        f"{num_gone:,} are not in {found.origin} any more, or were changed: these are named "
        "without being shown."
    )


def _curve(frozen: Frozen, on_progress: Progress | None) -> LearningCurve:
    from topwork.evidence.learning_curve.curve import frozen_curve

    return frozen_curve(frozen, seconds=CURVE_SECONDS, on_progress=on_progress)


def _depth(frozen: Frozen, on_progress: Progress | None) -> Depth:
    from topwork.evidence.transfer.layer_probe import score_depth

    return score_depth(frozen, on_progress=on_progress)


def _verdict(
    model: Model,
    frozen: Frozen,
    depth: Depth | Missing,
    control_seconds: float | None,
    on_progress: Progress | None,
) -> Verdict:
    from topwork.evidence.transfer.comparison import Compared
    from topwork.evidence.transfer.conditions import conditions
    from topwork.evidence.transfer.scratch_baseline import find_control, run_control
    from topwork.evidence.transfer.verdict import cheap_controls, weigh

    answers = model.left_out
    if answers is not None and not _covers(answers.digests, frozen.examples):
        answers = None  # judged on some folds alone: the head's answers stand in for its own
    compared = Compared.of(frozen, answers=answers, on_progress=on_progress)
    if control_seconds is None and model.choice.way == "head" and find_control(compared) is None:
        compared = Compared.of(frozen, max_examples=MAX_COMPARED, on_progress=on_progress)
    controls, notes = cheap_controls(compared, on_progress=on_progress), []
    control = None
    try:
        if control_seconds is None:
            control = find_control(compared)
        else:
            control = run_control(compared, limit_seconds=control_seconds, on_progress=on_progress)
    except (SettingError, TrainingError, BackboneError) as error:
        notes.append(f"The network was not trained from scratch. {error}")
    if control is not None:
        controls.append(control.answered(compared))
        notes.append(control.sentence)
    elif not notes:
        notes.append("The network was not trained from scratch, the hardest rival of transfer.")
    return weigh(
        compared,
        controls,
        limit_seconds=None if control is None else control.limit_seconds,
        conditions=conditions(frozen, None if isinstance(depth, Missing) else depth),
        notes=notes,
    )


def _covers(digests: Sequence[str], examples: Sequence[Example]) -> bool:
    return {example.digest for example in examples} <= set(digests)


def _problems(model: Model, frozen: Frozen, on_progress: Progress | None) -> Problems | Missing:
    from topwork.evidence.data.problems import find_problems

    answers = model.left_out
    if answers is None:
        return Missing(
            why="There are no answers to examples left out to compare the labels with.",
            remedy="Train the model again, with at least two examples of a class.",
        )
    own = _aligned(answers.digests, answers.probabilities, frozen.examples)
    tested = None
    if model.tested is not None and len(frozen.test_examples):
        tested = _aligned(model.tested.digests, model.tested.probabilities, frozen.test_examples)
    if own is None:
        return Missing(
            why="The data is not what the model was trained on, so its answers do not fit it.",
            remedy="Give the data as it was (--data DATA), or train the model again.",
        )
    return find_problems(
        examples=frozen.examples,
        labels=frozen.labels,
        classes=frozen.classes,
        left_out=own,
        table=frozen.table,
        rows=frozen.train,
        test_examples=frozen.test_examples if tested is not None else (),
        test_rows=frozen.test if tested is not None else None,
        test_probabilities=tested,
        on_progress=on_progress,
    )


def _aligned(digests: Sequence[str], probabilities: Any, examples: Sequence[Example]) -> Any:
    """Return the probabilities in the examples' order; None where one of them has none."""
    place = {digest: row for row, digest in enumerate(digests)}
    rows = [place.get(example.digest, -1) for example in examples]
    if -1 in rows or not rows:
        return None
    return probabilities[np.array(rows, np.intp)]
