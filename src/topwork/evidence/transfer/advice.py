"""Advice before training.

examples -> head on the frozen network -> depth, controls, learning curve -> Advice
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.core.plain import KEY, Plain
from topwork.core.progress import Listener, listening
from topwork.core.units import parse_seconds
from topwork.errors import BackboneError, SettingError, TooFewError, TrainingError
from topwork.evidence.learning_curve.curve import LearningCurve, head_curve
from topwork.evidence.transfer.backbone_comparison import BackboneComparison, compare
from topwork.evidence.transfer.comparison import Comparison
from topwork.evidence.transfer.conditions import conditions
from topwork.evidence.transfer.layer_probe import LayerProbe, probe_layers
from topwork.evidence.transfer.scratch_baseline import (
    LIMIT_SECONDS,
    find_scratch_baseline,
    run_scratch_baseline,
)
from topwork.evidence.transfer.verdict import Verdict, cheap_controls, weigh
from topwork.examples.remarks.data import data_remarks
from topwork.examples.sources import labelled_examples
from topwork.examples.tables.columns import ColumnNames
from topwork.model.predictions import Predictions
from topwork.recipe import Recipe
from topwork.runs.head import HeadRun, run_head
from topwork.runs.source import announce, examples_and_backbone

MAX_CHEAP = 500
"""Examples on which a head is compared with the cheap baselines, where nothing was trained from
scratch: those that `probe_layers` probes, so random weights run over each of them once, and the
folds of so many are drawn but once (those of 400 twice, which takes longer). For 1,192 photos of
clothes that takes 20 s of one core less than all of them; the gain was 42.8 points (38.0 to 47.2)
with 500 and 35.3 (32.3 to 38.2) with all, so the verdict says how many it is of."""

NOT_TRAINED = "Training from scratch was not tried: against it the gain may be smaller."
NOT_TRAINED_NOTE = "The network was not trained from scratch, the hardest rival of transfer."


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Advice(Plain):
    """What can be said of the data before a model is trained.

    Attributes:
        origin: the data.
        backbone: that the verdict is of.
        num_examples: that can be learned from, of `num_classes`.
        verdict: what transfer is worth.
        depth: accuracy by depth of the network.
        backbone_comparison: the backbones that were compared; None where one alone was asked about.
        curve: what more examples would give; None where there are too few to say.
        notes: what a person should know of this run, in sentences.
        seconds: that all of it took.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:30]]
    >>> advice = topwork.advise(pictures, digits.target[:30].tolist(), control=False)
    >>> [condition.question for condition in advice.verdict.conditions][0]
    'Are both images?'
    """

    origin: str
    modality: str
    backbone: str
    pretrained_on: str
    num_examples: int
    num_classes: int
    seconds: float
    notes: tuple[str, ...]
    verdict: Verdict
    depth: LayerProbe
    backbone_comparison: BackboneComparison | None = field(metadata={KEY: "backbones"})
    curve: LearningCurve | None = field(metadata={KEY: "learning_curve"})


def advise(
    data: object,
    labels: Sequence[object] | None = None,
    *,
    groups: Sequence[object] | str | Path | None = None,
    backbone: str | Path | Backbone | None = None,
    backbones: Sequence[str | Backbone] = (),
    time_limit: str | float | None = None,
    control: bool = True,
    device: str = "auto",
    input_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    time_columns: str | None = None,
    seed: int = 0,
    on_progress: Listener | None = None,
) -> Advice:
    """Say whether transfer makes sense on this data, from which backbone, and how deep.

    Args:
        data: as for `train`: a folder or table, on disk or in memory; or a list of inputs that come
            with `labels`.
        labels: one for each input of the list.
        groups: one for each input of the list: those of one group are never split. Of a folder of
            classes: a table of its files and their groups (`file,patient`).
        backbone: what to transfer from; None: the best of `backbones`, or the one that comes with
            Topwork for this kind of input.
        backbones: to be compared with each other.
        time_limit: for training the same network from scratch: `90s`, `3m` (the default), `1h`.
        control: whether to train it; without it, the cheap controls stand alone, beside what an
            earlier run has kept.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.
        input_column, label_column, group_column, time_columns: a table's columns.
        seed: of folds and samples.
        on_progress: called with a stage's name, how much is done, and how much there is.

    Raises:
        DataError: the data cannot be used, or is too little for a cross-validated score.
        BackboneError: the backbone cannot be found or run.
        SettingError: a setting has a value that is not accepted.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:30]]
    >>> labels = digits.target[:30].tolist()
    >>> advice = topwork.advise(pictures, labels, control=False)
    >>> advice.num_examples, advice.num_classes
    (30, 3)
    >>> "Training from scratch was not tried" in advice.verdict.message
    True
    """
    started = time.monotonic()
    limit = LIMIT_SECONDS if time_limit is None else parse_seconds(time_limit)
    columns = ColumnNames(
        input_column=input_column,
        label_column=label_column,
        group_column=group_column,
        time_columns=time_columns,
    )
    with listening(on_progress):
        comparison, head_run = _head_run(
            (data, labels, groups), columns, backbone, backbones, seed, RunOptions(device=device)
        )
        probe = probe_layers(head_run)
        verdict = judge_transfer(head_run, probe=probe, limit_seconds=limit if control else None)
        curve, why_none = _curve(head_run)
    return Advice(
        origin=head_run.found.origin,
        modality=head_run.found.modality,
        backbone=head_run.backbone.name,
        pretrained_on=head_run.backbone.card.pretrained_on,
        num_examples=len(head_run.examples),
        num_classes=len(head_run.classes),
        verdict=verdict,
        depth=probe,
        backbone_comparison=comparison,
        curve=curve,
        notes=(*head_run.notes, *(() if backbone else _chosen(backbones)), *why_none),
        seconds=time.monotonic() - started,
    )


def _head_run(
    source: tuple[object, Sequence[object] | None, Sequence[object] | str | Path | None],
    columns: ColumnNames,
    backbone: str | Path | Backbone | None,
    backbones: Sequence[str | Backbone],
    seed: int,
    options: RunOptions,
) -> tuple[BackboneComparison | None, HeadRun]:
    """Return what backbones were compared, and the run that the verdict is of."""
    recipe, call = Recipe(train="head", seed=seed), "advise(inputs, labels)"
    if backbones and backbone is None:  # the data is read for the kind that it holds
        found = labelled_examples(*source, columns=columns, modality=None, call=call)
        announce(replace(found, remarks=(*found.remarks, *data_remarks(found))))
        comparison, done = compare(found, backbones, recipe, options)
        return comparison, done[comparison.winner]
    found, chosen = examples_and_backbone(*source, columns=columns, backbone=backbone, call=call)
    announce(found)
    others, runs = compare(found, backbones, recipe, options) if backbones else (None, {})
    run = runs.get(chosen.name)
    return others, run or run_head(found, recipe.changed(backbone=chosen.name), chosen, options)


def judge_transfer(
    head_run: HeadRun,
    *,
    probe: LayerProbe | None = None,
    predictions: Predictions | None = None,
    limit_seconds: float | None = LIMIT_SECONDS,
) -> Verdict:
    """Return what transfer is worth, with what is kept of an earlier run found again.

    Args:
        probe: as `probe_layers` gives it, for the third condition.
        predictions: of another model on the same examples, out of fold, in the head's place.
        limit_seconds: for training from scratch; None: it is not trained, and what an earlier run
            has kept of it is taken.

    Raises:
        TooFewError: there are too few examples for a cross-validated score, or for any baseline.
    """
    comparison = Comparison.of(head_run, predictions=predictions)
    own, note = None, NOT_TRAINED_NOTE
    if limit_seconds is None:
        own = find_scratch_baseline(comparison)
    else:
        try:
            own = run_scratch_baseline(comparison, limit_seconds=limit_seconds)
        except (SettingError, TrainingError, BackboneError) as error:
            note = f"The network was not trained from scratch. {error}"
    if own is None and predictions is None:
        comparison = Comparison.of(head_run, max_examples=MAX_CHEAP)
    baselines = cheap_controls(comparison)
    if own is not None:
        baselines.append(own.answered(comparison))
        note = own.sentence
    return weigh(
        comparison,
        baselines,
        limit_seconds=None if own is None else own.limit_seconds,
        caveat=NOT_TRAINED if own is None else own.caveat,
        conditions=conditions(head_run, probe),
        notes=[note],
    )


def _chosen(backbones: Sequence[object]) -> tuple[str, ...]:
    """Say that the backbone was chosen by the very examples that the verdict is of."""
    if len(backbones) < 2:
        return ()
    return (
        f"The verdict is of the best of {len(backbones)} backbones on these same examples, which "
        "flatters it a little.",
    )


def _curve(head_run: HeadRun) -> tuple[LearningCurve | None, tuple[str, ...]]:
    """Return the curve; where there are too few examples for one, what to say of that."""
    try:
        return head_curve(head_run), ()
    except TooFewError as error:
        return None, (f"There is no learning curve: {error}",)
