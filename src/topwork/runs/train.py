"""One run from end to end.

data -> examples -> backbone -> features on disk -> cross-validation, head -> model
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.options import RunOptions
from topwork.core.progress import Listener, listening
from topwork.core.telling import tell
from topwork.errors import SettingError, SourceError
from topwork.examples.example import ExampleSet
from topwork.model.archive import check_place
from topwork.model.model import Model
from topwork.model.parts import ModelParts
from topwork.recipe import TRAINING_STRATEGIES, Recipe
from topwork.runs.head import run_head
from topwork.runs.source import announce, examples_and_backbone


def train(
    data: str | Path | Sequence[object] | None = None,
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
    **settings: Any,
) -> Model:
    """Train a classifier from labelled images, sounds, texts or arrays.

    Args:
        data: a folder per class, or a table (see `read_examples`); or a list of inputs (paths,
            texts, PIL images, `Sound`s, arrays, bytes) that come with `labels`.
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
        on_progress: called with a stage's name, how much is done, and how much there is.
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
    if out is not None:
        check_place(Path(out), overwrite=overwrite)  # before the work, not after it
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe) if recipe else Recipe()
    data = recipe.data if data is None else data
    if data is None:
        raise SettingError("No data was given. Give a folder, a table, or a recipe that names one.")
    if data is recipe.data and not Path(recipe.data or "").exists():
        raise SourceError(
            f"The recipe names the data {recipe.data!r}, which is not there: neither from the "
            "recipe's folder nor from this one. Say where it is: topwork train DATA --recipe FILE."
        )
    recipe = recipe.with_settings(settings)
    if isinstance(groups, str | Path):
        recipe = replace(recipe, groups=str(groups))
    groups = recipe.groups if groups is None else groups
    if out is not None and not weights:
        recipe = _for_weights_elsewhere(recipe)
    place = _log_folder(log, recipe)
    options = RunOptions(device=device, resume=resume, log=place, strict=recipe.strict)
    wanted, call = recipe.backbone if backbone is None else backbone, "train(inputs, labels)"
    held = nullcontext() if out is None else files.held(Path(out))
    with listening(on_progress), held:
        found, chosen = examples_and_backbone(
            data, labels, groups, columns=recipe.columns, backbone=wanted, call=call
        )
        announce(found, strict=recipe.strict)
        if out is None:
            tell(["No place to save it was named (--out): the model is kept in memory."])
        named = str(data) if isinstance(data, str | Path) else None
        recipe = replace(recipe, data=named, backbone=chosen.name)
        model = Model(train_examples(found, recipe, chosen, options), device=device)
        if out is not None:
            model.save(out, overwrite=overwrite, weights=weights)
    return model


def train_examples(
    found: ExampleSet,
    recipe: Recipe,
    backbone: Backbone,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    *,
    scored: bool = True,
) -> ModelParts:
    """Train on examples that were read already.

    Args:
        scored: False leaves the cross-validation out. What goes beyond the head is chosen by it,
            so without it `auto` is the head.
    """
    strategy = recipe.strategy()
    if strategy.trains_blocks:
        from topwork.runs.blocks import run_blocks  # what trains networks loads torch

        return run_blocks(found, recipe, backbone, options, scored=scored)
    head_run = run_head(found, recipe, backbone, options, scored=scored)
    if strategy.kind == "head" or head_run.cross_val is None:
        return head_run.parts()
    from topwork.runs.auto import run_auto

    return run_auto(head_run)


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
