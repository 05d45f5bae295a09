"""Models of texts from names of classes alone.

names -> features -> head
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from topwork.backbones.base import Backbone, check_modality
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.core.options import RunOptions
from topwork.core.telling import tell
from topwork.errors import SettingError
from topwork.examples.example import Example, ExampleSet, sort_labels
from topwork.examples.texts.class_names import description_examples, name_examples
from topwork.features.extract import default_pools, extract
from topwork.heads.names import fit_names
from topwork.model.parts import DataCounts, ModelParts
from topwork.recipe import Recipe

NOTE = (
    "It knows the names of its classes alone, and was tested on nothing. Label some texts and "
    "train on them: the names still count beside them."
)


def names_and_backbone(
    recipe: Recipe, backbone: str | Path | Backbone | None
) -> tuple[ExampleSet, Backbone]:
    """Return the names of a recipe's classes as examples, and the backbone to use on them.

    Raises:
        SettingError: the names have no words, or the recipe asks for what examples are needed for.
        ModalityError: the backbone takes no texts.
    """
    classes = sort_labels(set(recipe.classes or ()))
    examples = (*name_examples(classes), *description_examples(recipe.class_descriptions, classes))
    if {example.label for example in examples} != set(classes):
        raise SettingError(
            f"The classes are called {', '.join(map(repr, classes[:5]))}; accepted without "
            "examples: names that say in words what they mean, or a description of each "
            "(class_descriptions). Rename them, or give examples."
        )
    if recipe.train not in ("auto", "head") or recipe.head != "kernel":
        raise SettingError(
            f"train is {recipe.train!r} and head {recipe.head!r} with the names of classes alone; "
            "accepted: train = 'head' and head = 'kernel', or neither. Give examples for more."
        )
    chosen = get_backbone(backbone or default_backbone("text"))
    found = ExampleSet(examples=examples, modality="text", origin="The names of the classes")
    check_modality(found, chosen)
    tell([f"No examples: a text is compared with what each of {len(classes)} classes is called."])
    return found, chosen


def name_parts(
    found: ExampleSet, recipe: Recipe, backbone: Backbone, options: RunOptions
) -> ModelParts:
    """Return the model of the names."""
    examples: tuple[Example, ...] = tuple(found.examples)
    pools = recipe.pools or default_pools(len(examples), "text")
    extraction = extract(examples, backbone, pools=pools, device=options.device, strict=True)
    place = {label: k for k, label in enumerate(found.classes)}
    codes = np.array([place[example.label or ""] for example in examples], np.intp)
    rows = np.arange(len(codes))
    data = DataCounts(
        per_class=dict.fromkeys(found.classes, 0),
        num_test=0,
        num_duplicates=0,
        skipped=(),
        ignored={},
    )
    return ModelParts(
        head=fit_names(extraction.table, rows, codes, len(place)),
        classes=found.classes,
        backbone=backbone,
        pools=pools,
        data=data,
        recipe=recipe,
        notes=(NOTE,),
    )
