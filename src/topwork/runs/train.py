"""One run from end to end.

data -> examples -> backbone -> features on disk -> cross-validation, head -> model
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from topwork.backbones.base import Backbone
from topwork.backbones.registry import installed_beside
from topwork.core import files
from topwork.core.extras import need
from topwork.core.notebook import shown
from topwork.core.options import RunOptions
from topwork.core.progress import Listener
from topwork.core.telling import tell
from topwork.errors import SettingError, SourceError
from topwork.evaluation.binary import check_positive
from topwork.examples.example import ExampleSet
from topwork.model.model import Model
from topwork.model.parts import ModelParts
from topwork.recipe import TRAINING_STRATEGIES, Recipe
from topwork.runs.head import run_head
from topwork.runs.names import name_parts, names_and_backbone
from topwork.runs.place import ModelPlace, digest_run
from topwork.runs.source import announce, examples_and_backbone
from topwork.runs.train_settings import TrainSettings


def train(
    data: object = None,
    labels: Sequence[object] | None = None,
    *,
    groups: Sequence[object] | str | Path | None = None,
    backbone: str | Path | Backbone | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    weights: bool = True,
    device: str = "auto",
    recipe: Recipe | str | Path | None = None,
    resume: bool = True,
    log: str | Path | None = None,
    on_progress: Listener | None = None,
    on_head: Callable[[Model], None] | None = None,
    **settings: Unpack[TrainSettings],
) -> Model:
    """Train a classifier from labelled images, sounds, texts or arrays.

    Args:
        data: a folder per class, or a table (see `read_examples`), also a DataFrame of pandas or
            polars, or a `datasets.Dataset`; or a list of inputs (paths, texts, PIL images,
            `Sound`s, arrays, bytes) that come with `labels`.
        labels: one for each input of the list.
        groups: one for each input of the list: those of one group are never split. Of a folder of
            classes: a table of its files and their groups (`file,patient`).
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
        on_progress: called with a stage's name, how much is done, and how much there is; None:
            nobody, but in a notebook bars are shown.
        on_head: called with the model of the head alone as soon as it is there (and saved), where
            something deeper is tried next. If the run is stopped then, that is the model.
        settings: any field of `Recipe`: train, head, label_column, class_weight, seed, ...; and
            of `Training`, how blocks are trained: epochs, lr, freeze, augment, ...

    Raises:
        DataError: the data cannot be used, or is too little to learn from.
        ModalityError: the backbone takes another kind of input than the data holds.
        BackboneError: the backbone cannot be found or run.
        SettingError: a setting has a value that is not accepted, or the strategy does not use it.
        TrainingError: blocks were to be trained, and not even the first epoch went well.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits(n_class=3)
    >>> pictures = [(15 * image).astype("uint8") for image in digits.images[:60]]
    >>> labels = digits.target[:60].tolist()
    >>> model = topwork.train(pictures, labels, train="head")
    >>> model.evaluation.accuracy.low > model.evaluation.baseline.high
    True
    """
    place = None  # looked at before the work, not after it
    if out is not None:
        place = ModelPlace(Path(out), overwrite=overwrite, weights=weights)
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe) if recipe else Recipe()
    recipe = recipe.with_settings(settings)
    data = _data_of(data, recipe)
    if isinstance(groups, str | Path):
        recipe = replace(recipe, groups=str(groups))
    groups = recipe.groups if groups is None else groups
    if out is not None and not weights:
        recipe = _for_weights_elsewhere(recipe)
    options = RunOptions(
        device=device, resume=resume, log=_log_folder(log, recipe), strict=recipe.strict
    )
    wanted, call = recipe.backbone if backbone is None else backbone, "train(inputs, labels)"
    held = nullcontext() if out is None else files.held(Path(out))
    with shown(on_progress), held:
        if data is None:
            found, chosen = names_and_backbone(recipe, wanted)
            recipe = replace(recipe, train="head")
        else:
            found, chosen = examples_and_backbone(
                data, labels, groups, columns=recipe.columns, backbone=wanted, call=call
            )
        if recipe.positive is not None:
            check_positive(recipe.positive, found.classes)
        if data is not None:
            announce(found, strict=recipe.strict)
        if out is None:
            tell(["No place to save it was named (--out): the model is kept in memory."])
        named = str(data) if isinstance(data, str | Path) else None
        recipe = replace(recipe, data=named, backbone=chosen.name)
        run = digest_run(found, recipe, chosen)
        if place is not None:
            place.claim(run, resume=resume)

        def keep_head(parts: ModelParts) -> None:
            parts = replace(parts, selection=replace(parts.selection, unfinished=run))
            if place is not None:
                place.write(parts, run)
            _tell_head(parts, place)
            if on_head is not None:
                on_head(Model(parts, device=device))

        keeps = keep_head if place is not None or on_head is not None else None
        companions = installed_beside(chosen) if wanted is None and recipe.train == "auto" else []
        parts = train_examples(found, recipe, chosen, options, on_head=keeps, companions=companions)
        if place is not None:
            place.write(parts, run)
    return Model(parts, device=device)


def train_examples(
    found: ExampleSet,
    recipe: Recipe,
    backbone: Backbone,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    *,
    scored: bool = True,
    on_head: Callable[[ModelParts], None] | None = None,
    companions: Sequence[Backbone] = (),
) -> ModelParts:
    """Train on examples that were read already.

    Args:
        scored: False leaves the cross-validation out. What goes beyond the head is chosen by it,
            so without it `auto` is the head.
        on_head: called with the model of the head alone, where something deeper is tried next.
        companions: other networks, for `auto` to try a head on all of them.
    """
    if recipe.classes is not None:
        return name_parts(found, recipe, backbone, options)
    strategy = recipe.strategy()
    if recipe.head_settings().units:
        need("torch", f"head = {recipe.head!r}, which has hidden layers,")
    if strategy.trains_blocks:
        need("torch", f"train = '{strategy}'")
        from topwork.runs.blocks import run_blocks  # what trains networks loads torch

        return run_blocks(found, recipe, backbone, options, scored=scored)
    head_run = run_head(found, recipe, backbone, options, scored=scored)
    parts = head_run.parts()
    if strategy.kind == "head" or head_run.cross_val is None:
        return parts
    from topwork.runs.auto import run_auto

    return run_auto(head_run, parts, head_run.cross_val, on_head, companions)


def _data_of(data: object, recipe: Recipe) -> object:
    """Return the data to read; None where the recipe has names of classes in its place."""
    data = recipe.data if data is None else data
    if data is None and recipe.classes is None:
        raise SettingError(
            "No data was given. Give a folder, a table, or a recipe that names one; or, of texts, "
            "the names of their classes (--classes names.txt)."
        )
    if data is not None and recipe.classes is not None:
        raise SettingError(
            f"classes has {len(recipe.classes)} names with data, whose labels say which classes "
            "there are; accepted: one of the two. Leave classes out: the names of the classes of "
            "texts count by themselves."
        )
    if data is not None and data is recipe.data and not Path(recipe.data or "").exists():
        raise SourceError(
            f"The recipe names the data {recipe.data!r}, which is not there: neither from the "
            "recipe's folder nor from this one. Say where it is: topwork train DATA --recipe FILE."
        )
    return data


def _tell_head(parts: ModelParts, place: ModelPlace | None) -> None:
    if parts.evaluation is not None:
        one = parts.evaluation
        saved = "" if place is None else f" Saved to {place.folder}."
        tell([f"The head alone: accuracy {one.accuracy}, {one.method}.{saved}"])


def _log_folder(log: str | Path | None, recipe: Recipe) -> Path | None:
    if log is None:
        return None
    if recipe.strategy().kind == "head":
        raise SettingError(
            f"log is {str(log)!r} with train = 'head', which trains no network step by step; "
            f"accepted with train = {TRAINING_STRATEGIES}. Leave it out, or choose one of these."
        )
    return Path(log)


def _for_weights_elsewhere(recipe: Recipe) -> Recipe:
    """Return the recipe for a model that is saved without its backbone's weights."""
    strategy = recipe.strategy()
    if strategy.trains_blocks:
        raise SettingError(
            f"The model is to be saved without weights, with train = '{strategy}', which changes "
            "them: they would be nowhere. Save them too (weights=True), or train the head alone."
        )
    try:
        return recipe.changed(train="head")
    except SettingError as error:
        raise SettingError(
            f"The model is to be saved without weights, so the head alone is trained. {error}"
        ) from error
