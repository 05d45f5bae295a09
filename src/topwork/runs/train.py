"""One run from end to end: read this first.

    examples -> backbone -> features on disk -> cross-validation, head -> model

What it does not know: how any of these is done, and who asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.errors import SettingError
from topwork.examples.example import ExampleSet, Modality
from topwork.examples.sources import examples_from, read_examples
from topwork.model.model import Model, Progress, check_modality, staged
from topwork.recipe import Recipe
from topwork.runs.head import fit_frozen
from topwork.training.selection import Choice
from topwork.training.settings import Training

NEAREST = (
    "The head alone: `nearest` compares what the network gives as it is. The other heads can be "
    "trained with its last blocks."
)


def train(
    data: str | Path | Sequence[object] | None = None,
    labels: Sequence[object] | None = None,
    *,
    groups: Sequence[object] | None = None,
    backbone: str | Path | Backbone | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    weights: bool = True,
    device: str = "auto",
    recipe: Recipe | str | Path | None = None,
    resume: bool = True,
    log: str | Path | None = None,
    on_progress: Progress | None = None,
    **settings: Any,
) -> Model:
    """Train a classifier from labelled images, sounds, texts or arrays.

    Args:
        data: a folder per class, or a table (see `read_examples`); or a list of inputs (paths,
            texts, PIL images, `Sound`s, arrays, bytes) that come with `labels`.
        labels: one for each input of the list.
        groups: one for each input of the list: those of one group are never split.
        backbone: a name, a folder of weights, or a `Backbone` of your own; None: the one that
            comes with Topwork for the kind of input that the data holds.
        out: where to save the model; None keeps it in memory.
        overwrite: put it in place of a model that is there.
        weights: save the backbone too, so that the folder works anywhere, offline. Without it
            no block can be trained, and `auto` trains the head alone.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.
        recipe: settings to begin with; what else is given here goes before it.
        resume: where blocks are trained: go on where the same run was stopped before.
        log: a folder for TensorBoard, of the blocks' training.
        on_progress: called with a stage's name, how much is done, and how much there is.
        settings: any field of `Recipe`: train, head, label_column, class_weight, seed, ...; and
            of `Training`, how blocks are trained: epochs, lr, freeze, augment, ...

    Raises:
        DataError: the data cannot be used, or is too little to learn from.
        ModalityError: the backbone takes another kind of input than the data holds.
        BackboneError: the backbone cannot be found or run.
        SettingError: a setting has a value that is not accepted.
        TrainingError: blocks were to be trained, and not even the first epoch went well.
    """
    if out is not None:
        from topwork.model.archive import check_place

        check_place(Path(out), overwrite=overwrite)  # before the work, not after it
    base = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe) if recipe else Recipe()
    plan = _plan(base, data, labels, groups, backbone, settings)
    if out is not None and not weights:
        plan = _for_weights_elsewhere(plan)
    chosen = backbone if isinstance(backbone, Backbone) else None
    if chosen is None and plan.backbone is not None:
        chosen = get_backbone(plan.backbone)
    modality = None if chosen is None else chosen.modality
    found = _read(plan, data, labels, groups, modality, on_progress)
    if chosen is None:
        chosen = get_backbone(default_backbone(found.modality))
    plan = plan.changed(backbone=chosen.name)
    model = train_examples(
        found,
        plan,
        backbone=chosen,
        device=device,
        on_progress=on_progress,
        resume=resume,
        log=None if log is None else Path(log),
    )
    if out is not None:
        model.save(out, overwrite=overwrite, weights=weights)
    return model


def train_examples(
    found: ExampleSet,
    recipe: Recipe,
    *,
    backbone: Backbone,
    device: str = "auto",
    on_progress: Progress | None = None,
    scored: bool = True,
    resume: bool = True,
    log: Path | None = None,
) -> Model:
    """Train on examples that were read already; `scored=False` leaves the cross-validation out.

    What goes beyond the head is chosen by cross-validation, so without it `auto` is the head.
    """
    check_modality(found, backbone)
    way = recipe.way()
    if way.is_tuned:
        from topwork.runs.blocks import (
            fit_tuned,  # what trains networks is loaded where one is trained
        )

        return fit_tuned(
            found,
            recipe,
            backbone=backbone,
            device=device,
            on_progress=on_progress,
            scored=scored,
            resume=resume,
            log=log,
        )
    frozen = fit_frozen(
        found, recipe, backbone=backbone, device=device, on_progress=on_progress, scored=scored
    )
    if way.kind == "head" or frozen.crossed is None:
        return frozen.model()
    if recipe.head == "nearest":
        return frozen.model(Choice(way="head", reason=NEAREST))
    from topwork.runs.blocks import go_deeper

    return go_deeper(frozen, on_progress=on_progress, resume=resume, log=log)


def _plan(
    base: Recipe,
    data: object,
    labels: object,
    groups: object,
    backbone: str | Path | Backbone | None,
    settings: dict[str, Any],
) -> Recipe:
    """Return the recipe with what the call says put in place of what it had."""
    known, deeper = Recipe.__dataclass_fields__.keys(), Training.__dataclass_fields__.keys()
    unknown = sorted(settings.keys() - known - deeper)
    if unknown:
        raise SettingError(
            f"train() got {', '.join(unknown)}; accepted beside its arguments: "
            f"{', '.join(sorted(known))}; and of how blocks are trained: "
            f"{', '.join(sorted(deeper))}."
        )
    own = {name: settings.pop(name) for name in deeper & settings.keys()}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in own.items()}
    training = settings.get("training") or base.training
    if given and isinstance(training, Training):
        settings["training"] = training.changed(**given)
    if data is None and base.data is None:
        raise SettingError("No data was given. Give a folder, a table, or a recipe that names one.")
    named = isinstance(data, str | Path)
    if labels is None and data is not None and not named:
        raise SettingError(
            f"The data is a {type(data).__name__} without labels. Give a folder or table by its "
            "path, or the labels of these inputs as well: train(inputs, labels)."
        )
    if (labels is not None or groups is not None) and (named or data is None):
        raise SettingError(
            "Labels and groups were given for a folder or table, which has its own. Give a list of "
            "inputs with them, or name the table's columns: label_column, group_column."
        )
    name = backbone.name if isinstance(backbone, Backbone) else backbone
    if data is not None and not named:
        base = replace(base, data=None)
    return base.changed(
        **settings,
        data=str(data) if named else None,
        backbone=None if name is None else str(name),
    )


def _for_weights_elsewhere(plan: Recipe) -> Recipe:
    """Return the recipe for a model that is saved without its backbone's weights."""
    way = plan.way()
    if way.is_tuned:
        raise SettingError(
            f"The model is to be saved without weights, with train = '{way}', which changes them: "
            "they would be nowhere. Save them too (weights=True), or train the head alone."
        )
    return plan.changed(train="head")


def _read(
    plan: Recipe,
    data: object,
    labels: object,
    groups: object,
    modality: Modality | None,
    on_progress: Progress | None,
) -> ExampleSet:
    reading = staged(on_progress, "read")
    if labels is not None:
        return examples_from(
            data,  # type: ignore[arg-type]
            labels,  # type: ignore[arg-type]
            groups,  # type: ignore[arg-type]
            modality=modality,
            on_progress=reading,
        )
    return read_examples(
        plan.data or "",
        modality=modality,
        input_column=plan.input_column,
        label_column=plan.label_column,
        group_column=plan.group_column,
        on_progress=reading,
    )
