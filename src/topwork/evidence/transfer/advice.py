"""Answers what is asked before training: does transfer make sense, from what, with more data.

    examples -> head on the frozen network -> depth, controls, learning curve -> Advice

What it does not know: how any of it is shown (advise_command.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.core.units import parse_seconds
from topwork.errors import BackboneError, SettingError, TooFewError, TrainingError
from topwork.evidence.learning_curve.curve import LearningCurve, frozen_curve
from topwork.evidence.transfer.backbone_comparison import Rivals, compare
from topwork.evidence.transfer.comparison import Compared
from topwork.evidence.transfer.conditions import conditions
from topwork.evidence.transfer.layer_probe import Depth, score_depth
from topwork.evidence.transfer.scratch_baseline import LIMIT_SECONDS, find_control, run_control
from topwork.evidence.transfer.verdict import Verdict, cheap_controls, weigh
from topwork.examples.example import ExampleSet, Modality
from topwork.examples.sources import read_or_take
from topwork.model.model import Progress, check_modality, staged
from topwork.model.predictions import Answers
from topwork.recipe import Recipe
from topwork.runs.head import Frozen, fit_frozen

CURVE_SECONDS = 20.0

NOT_TRAINED = "Training from scratch was not tried: against it the gain may be smaller."


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Advice:
    """What can be said of the data before a model is trained.

    Attributes:
        origin: the data.
        backbone: that the verdict is of.
        num_examples: that can be learned from, of `num_classes`.
        verdict: what transfer is worth.
        depth: accuracy by depth of the network.
        rivals: the backbones that were compared; None where one alone was asked about.
        curve: what more examples would give; None where there are too few to say.
        notes: what a person should know of this run, in sentences.
        seconds: that all of it took.
    """

    origin: str
    modality: str
    backbone: str
    pretrained_on: str
    num_examples: int
    num_classes: int
    verdict: Verdict
    depth: Depth
    rivals: Rivals | None
    curve: LearningCurve | None
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        said = {
            name: getattr(self, name)
            for name in ("origin", "modality", "backbone", "pretrained_on", "num_examples",
                         "num_classes", "seconds")
        }  # fmt: skip
        return {
            **said,
            "notes": list(self.notes),
            "verdict": self.verdict.to_dict(),
            "depth": self.depth.to_dict(),
            "backbones": None if self.rivals is None else self.rivals.to_dict(),
            "learning_curve": None if self.curve is None else self.curve.to_dict(),
        }


def advise(
    data: str | Path | Sequence[object],
    labels: Sequence[object] | None = None,
    *,
    groups: Sequence[object] | None = None,
    backbone: str | Path | Backbone | None = None,
    backbones: Sequence[str | Backbone] = (),
    time_limit: str | float | None = None,
    control: bool = True,
    device: str = "auto",
    input_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Advice:
    """Say whether transfer makes sense on this data, from which backbone, and how deep.

    Args:
        data: as for `train`: a folder or table; or a list of inputs that come with `labels`.
        labels: one for each input of the list.
        groups: one for each input of the list: those of one group are never split.
        backbone: what to transfer from; None: the best of `backbones`, or the one that comes with
            Topwork for this kind of input.
        backbones: to be compared with each other.
        time_limit: for training the same network from scratch: `90s`, `3m` (the default), `1h`.
        control: whether to train it; without it, the cheap controls stand alone, beside what an
            earlier run has kept.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.
        input_column, label_column, group_column: a table's columns.
        seed: of folds and samples.
        on_progress: called with a stage's name, how much is done, and how much there is.

    Raises:
        DataError: the data cannot be used, or is too little for a cross-validated score.
        BackboneError: the backbone cannot be found or run.
        SettingError: a setting has a value that is not accepted.
    """
    started = time.monotonic()
    limit = LIMIT_SECONDS if time_limit is None else parse_seconds(time_limit)
    given = None if backbone is None else get_backbone(backbone)
    columns = {
        "input_column": input_column,
        "label_column": label_column,
        "group_column": group_column,
    }
    modality = None if given is None else given.modality
    found = _read(data, labels, groups, modality, columns, on_progress)
    recipe = Recipe(train="head", seed=seed)
    rivals, frozen = _frozen(found, recipe, given, backbones, device, on_progress)
    depth = score_depth(frozen, on_progress=on_progress)
    verdict = judge_transfer(
        frozen,
        depth=depth,
        limit_seconds=limit if control else None,
        on_progress=on_progress,
    )
    curve, why_none = _curve(frozen, on_progress)
    return Advice(
        origin=found.origin,
        modality=found.modality,
        backbone=frozen.backbone.name,
        pretrained_on=frozen.backbone.card.pretrained_on,
        num_examples=len(frozen.examples),
        num_classes=len(frozen.classes),
        verdict=verdict,
        depth=depth,
        rivals=rivals,
        curve=curve,
        notes=(*frozen.notes, *(() if given else _chosen(backbones)), *why_none),
        seconds=time.monotonic() - started,
    )


def judge_transfer(
    frozen: Frozen,
    *,
    depth: Depth | None = None,
    answers: Answers | None = None,
    limit_seconds: float | None = LIMIT_SECONDS,
    on_progress: Progress | None = None,
) -> Verdict:
    """Return what transfer is worth, with what is kept of an earlier run found again.

    Args:
        depth: as `score_depth` gives it, for the third condition.
        answers: of another model on the same examples, left out, in the head's place.
        limit_seconds: for training from scratch; None: it is not trained, and what an earlier run
            has kept of it is taken.

    Raises:
        TooFewError: there are too few examples for a cross-validated score, or for any control.
    """
    compared = Compared.of(frozen, answers=answers, on_progress=on_progress)
    controls = cheap_controls(compared, on_progress=on_progress)
    own, why_not = None, "as was asked."
    if limit_seconds is None:
        own = find_control(compared)
    else:
        try:
            own = run_control(compared, limit_seconds=limit_seconds, on_progress=on_progress)
        except (SettingError, TrainingError, BackboneError) as error:
            why_not = f"since it could not be. {error}"
    notes = [f"The network was not trained from scratch, {why_not}"]
    if own is not None:
        controls.append(own.answered(compared))
        notes = [own.sentence]
    return weigh(
        compared,
        controls,
        limit_seconds=None if own is None else own.limit_seconds,
        caveat=NOT_TRAINED if own is None else own.caveat,
        conditions=conditions(frozen, depth),
        notes=notes,
    )


def _read(
    data: str | Path | Sequence[object],
    labels: Sequence[object] | None,
    groups: Sequence[object] | None,
    modality: Modality | None,
    columns: Mapping[str, str | None],
    on_progress: Progress | None,
) -> ExampleSet:
    return read_or_take(
        data,
        labels,
        groups,
        modality=modality,
        columns=columns,
        call="advise(inputs, labels)",
        naming="label_column, group_column",
        on_progress=staged(on_progress, "read"),
    )


def _frozen(
    found: ExampleSet,
    recipe: Recipe,
    given: Backbone | None,
    backbones: Sequence[str | Backbone],
    device: str,
    on_progress: Progress | None,
) -> tuple[Rivals | None, Frozen]:
    """Compare backbones where several were named; return the one that the verdict is of."""
    rivals = None
    if backbones:
        rivals, done = compare(found, backbones, recipe, device=device, on_progress=on_progress)
        if given is None or given.name in done:
            return rivals, done[rivals.winner if given is None else given.name]
    given = given or get_backbone(default_backbone(found.modality))
    check_modality(found, given)
    recipe = recipe.changed(backbone=given.name)
    frozen = fit_frozen(found, recipe, backbone=given, device=device, on_progress=on_progress)
    return rivals, frozen


def _chosen(backbones: Sequence[object]) -> tuple[str, ...]:
    """Say that the backbone was chosen by the very examples that the verdict is of."""
    if len(backbones) < 2:
        return ()
    return (
        f"The verdict is of the best of {len(backbones)} backbones on these same examples, which "
        "flatters it a little.",
    )


def _curve(
    frozen: Frozen, on_progress: Progress | None
) -> tuple[LearningCurve | None, tuple[str, ...]]:
    """Return the curve; where there are too few examples for one, what to say of that."""
    try:
        curve = frozen_curve(frozen, seconds=CURVE_SECONDS, on_progress=on_progress)
    except TooFewError as error:
        return None, (f"There is no learning curve: {error}",)
    return curve, ()
