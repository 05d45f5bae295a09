"""One run from end to end: read this first.

    examples -> backbone -> features on disk -> cross-validation, head -> model

What it does not know: how any of these is done, and who asked for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import default_backbone
from topwork.backbones.named import get_backbone
from topwork.digests import digest_settings
from topwork.errors import SettingError, TooFewError
from topwork.evaluation.crossval import cross_validate, one_thread
from topwork.evaluation.kept import KeptFolds
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.durations import median_seconds
from topwork.examples.example import Example, ExampleSet, Modality, sort_labels
from topwork.examples.parts import Parts, check_readable, divide
from topwork.examples.sources import examples_from, read_examples
from topwork.executors.choose import open_executor
from topwork.features.extract import Extraction, default_pools, extract
from topwork.heads.fit import fit_head
from topwork.heads.search import Labels
from topwork.model import Model, Progress, check_modality, staged
from topwork.outcomes import DataCounts
from topwork.recipe import Recipe


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
        weights: save the backbone too, so that the folder works anywhere, offline.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.
        recipe: settings to begin with; what else is given here goes before it.
        on_progress: called with a stage's name, how much is done, and how much there is.
        settings: any field of `Recipe`: label_column, group_column, class_weight, seed, ...

    Raises:
        DataError: the data cannot be used, or is too little to learn from.
        ModalityError: the backbone takes another kind of input than the data holds.
        BackboneError: the backbone cannot be found or run.
        SettingError: a setting has a value that is not accepted.
    """
    if out is not None:
        from topwork.archive import check_place

        check_place(Path(out), overwrite=overwrite)  # before the work, not after it
    base = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe) if recipe else Recipe()
    plan = _plan(base, data, labels, groups, backbone, settings)
    chosen = backbone if isinstance(backbone, Backbone) else None
    if chosen is None and plan.backbone is not None:
        chosen = get_backbone(plan.backbone)
    modality = None if chosen is None else chosen.modality
    found = _read(plan, data, labels, groups, modality, on_progress)
    if chosen is None:
        chosen = get_backbone(default_backbone(found.modality))
    plan = plan.changed(backbone=chosen.name)
    model = train_examples(found, plan, backbone=chosen, device=device, on_progress=on_progress)
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
) -> Model:
    """Train on examples that were read already; `scored=False` leaves the cross-validation out."""
    check_modality(found, backbone)
    wanted = divide(found)
    everything = (*wanted.train, *wanted.test)
    pools = recipe.pools or default_pools(len(everything), found.modality)
    extraction = extract(
        everything,
        backbone,
        pools=pools,
        device=device,
        strict=recipe.strict,
        on_progress=staged(on_progress, "features"),
    )
    parts = _Rows.of(extraction, wanted)
    check_readable(wanted.train, parts.train_examples, extraction.skipped, modality=found.modality)
    classes = sort_labels({e.label or "" for e in parts.train_examples})
    table = extraction.table.in_memory()
    labels = _labels(parts.train_examples, classes, recipe)
    notes = list(wanted.notes)

    evaluation = None
    features = _features_digest(extraction, parts.train_examples)
    kept = KeptFolds(features, labels.classes, labels.groups, labels.weights)
    settings = recipe.head_settings()
    with one_thread(), ThreadPoolExecutor(1) as pool:
        fitted = pool.submit(
            fit_head, table, parts.train, labels, settings=settings, choose=kept.choose
        )
        try:
            if scored:
                evaluation = cross_validate(
                    table,
                    labels,
                    classes,
                    rows=parts.train,
                    features=features,
                    settings=settings,
                    num_folds=recipe.num_folds,
                    num_repeats=recipe.num_repeats,
                    on_progress=staged(on_progress, "cross-validate"),
                )
        except TooFewError as error:
            notes.append(f"There is no cross-validated score: {error}")
        head = fitted.result()
    return Model(
        head=head,
        classes=classes,
        backbone=backbone,
        pools=pools,
        evaluation=evaluation,
        test=_score_test(head.predict(table, parts.test), parts.test_examples, classes),
        data=DataCounts(
            per_class=dict(Counter(classes[k] for k in labels.classes)),
            num_test=len(parts.test),
            num_duplicates=found.num_duplicates,
            skipped=(*found.skipped, *extraction.skipped),
            ignored=dict(found.ignored),
            typical_seconds=(
                median_seconds(parts.train_examples) if found.modality == "sound" else None
            ),
        ),
        recipe=recipe,
        notes=notes,
        open_executor=lambda: open_executor(backbone, pools=pools, device=device),
        device=device,
    )


def _plan(
    base: Recipe,
    data: object,
    labels: object,
    groups: object,
    backbone: str | Path | Backbone | None,
    settings: dict[str, Any],
) -> Recipe:
    """Return the recipe with what the call says put in place of what it had."""
    known = set(Recipe.__dataclass_fields__)
    unknown = sorted(set(settings) - known)
    if unknown:
        raise SettingError(
            f"train() got {', '.join(unknown)}; accepted beside its arguments: "
            f"{', '.join(sorted(known))}."
        )
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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Rows of the extraction's table, by part, with their examples."""

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    train_examples: tuple[Example, ...]
    test_examples: tuple[Example, ...]

    @staticmethod
    def of(extraction: Extraction, parts: Parts) -> _Rows:
        in_test = {id(example) for example in parts.test}
        is_test = np.array([id(e) in in_test for e in extraction.examples], bool)
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        return _Rows(
            train=train,
            test=test,
            train_examples=tuple(extraction.examples[i] for i in train),
            test_examples=tuple(extraction.examples[i] for i in test),
        )


def _features_digest(extraction: Extraction, examples: Sequence[Example]) -> str:
    return digest_settings([extraction.space, *(example.digest for example in examples)])


def _labels(examples: Sequence[Example], classes: Sequence[str], recipe: Recipe) -> Labels:
    position = {name: k for k, name in enumerate(classes)}
    codes = np.array([position[e.label or ""] for e in examples], np.intp)
    counts = np.bincount(codes, minlength=len(classes))
    groups = None
    if any(e.group is not None for e in examples):
        # a name of its own for each that has none; "\0" cannot stand in a table's group
        groups = np.array(
            [f"\0{i}" if e.group is None else e.group for i, e in enumerate(examples)]
        )
    weights = None
    if recipe.class_weight == "balanced":
        weights = len(codes) / (len(classes) * counts[codes])
    return Labels(
        classes=codes,
        num_classes=len(classes),
        groups=groups,
        weights=weights,
        seed=recipe.seed,
    )


def _score_test(
    probabilities: npt.NDArray[np.float64],
    examples: Sequence[Example],
    classes: Sequence[str],
) -> Evaluation | None:
    if not examples:
        return None
    position = {name: k for k, name in enumerate(classes)}
    return evaluate(
        probabilities,
        np.array([position[e.label or ""] for e in examples], np.intp),
        classes,
        method=f"test part, {len(examples):,} examples",
        groups=[e.group for e in examples],
    )
