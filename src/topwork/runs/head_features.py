"""Features for a head.

Those of the examples, of the names of classes and of altered views beside them.

examples -> features on disk, of names of classes and altered views too -> table, labels
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.core.options import RunOptions
from topwork.core.progress import renamed
from topwork.core.shapes import Indices
from topwork.core.telling import tell
from topwork.errors import SettingError
from topwork.examples.example import Example, ExampleSet, Skipped, sort_labels
from topwork.examples.split import check_readable, divide
from topwork.examples.texts.class_names import description_examples, name_examples
from topwork.examples.views import DEFAULT_AUGMENT, ViewSettings
from topwork.features.extract import Extraction, default_pools, extract
from topwork.features.table import KeptTable
from topwork.heads.fit import MAX_LANDMARKS
from topwork.heads.labels import ClassNames, Labels
from topwork.recipe import Recipe

MOST_VIEWS, MOST_VIEWS_OF = 16, 50
"""Altered views of each example, where there are so many of these. Hand signs, 5 draws, without and
with views: 50 of them 75.8% and 84.1% right with 16, 83.6% with 8; 200 of them 93.5% and 96.8% with
8, 96.4% with 4; 500 of them 97.7% and 98.6% with 3. Clothes: 50 of them 61.2% and 71.3%."""

MOST_ROWS = 2000
"""Examples and their views at most: with more the fit takes longer than it is worth."""

NAMES_UP_TO = 20
"""Examples of a class, in the mean, up to which its name is looked at: banking77 gains 4.9 points
with 3 of each, 2.3 with 5, 0.3 with 10."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class HeadFeatures:
    """What a head learns from, and is tested on.

    Attributes:
        digest: of all features that are learned from.
        augment: how views were altered.
        num_views: of each example, the example itself among them.
        train: rows of the table that are learned from, with their `examples` and `labels`.
        test: rows of the source's own test part, with their `test_examples`.
    """

    pools: tuple[str, ...]
    table: KeptTable
    digest: str
    augment: tuple[str, ...]
    num_views: int
    train: Indices
    test: Indices
    examples: tuple[Example, ...]
    test_examples: tuple[Example, ...]
    classes: tuple[str, ...]
    labels: Labels
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def head_features(
    found: ExampleSet, recipe: Recipe, backbone: Backbone, options: RunOptions
) -> HeadFeatures:
    """Compute the features. Raises as `extract` does, and DataError where too few can be read."""
    wanted = divide(found)
    names = _names(found, wanted.train, recipe)
    everything = (*wanted.train, *wanted.test, *names)
    pools = recipe.pools or default_pools(len(everything), found.modality)
    altered = _altered(found, wanted.train, recipe, backbone, pools, options)
    extraction = extract(
        everything, backbone, pools=pools, device=options.device, strict=options.strict
    )
    ends = np.cumsum([len(wanted.train), len(wanted.test)])
    part = np.searchsorted(ends, extraction.indices, side="right")
    train, test, named = (np.flatnonzero(part == number) for number in range(3))
    examples = tuple(extraction.examples[i] for i in train)
    check_readable(wanted.train, examples, extraction.skipped, modality=found.modality)
    classes = sort_labels({e.label or "" for e in examples})
    table, labels = extraction.table, _labels(extraction.examples, train, named, classes, recipe)
    if altered is not None and altered.views is not None:
        views = altered.views
        labels = replace(labels, views=table.num_rows + np.arange(views.size).reshape(views.shape))
        table = table.followed_by(altered.table.take(views.ravel()))
    learned = [extraction.examples[i].digest for i in (*train, *named)]
    space = [extraction.space] if altered is None else [altered.space, altered.num_views]
    return HeadFeatures(
        pools=pools,
        table=table,
        digest=digest_settings([*space, *learned]),
        augment=() if altered is None else altered.augment,
        num_views=1 if altered is None else altered.num_views,
        train=train,
        test=test,
        examples=examples,
        test_examples=tuple(extraction.examples[i] for i in test),
        classes=classes,
        labels=labels,
        skipped=extraction.skipped,
        notes=tuple(wanted.notes),
    )


def usual_num_views(num_examples: int) -> int:
    """Return how many views of each example the head learns from, itself among them.

    Fewer where there are more examples, as the square root: what they are worth falls so.
    """
    wanted = round(MOST_VIEWS * math.sqrt(MOST_VIEWS_OF / num_examples))
    return 1 + min(wanted, MOST_VIEWS, max(MOST_ROWS // num_examples - 1, 0))


def _altered(
    found: ExampleSet,
    train: Sequence[Example],
    recipe: Recipe,
    backbone: Backbone,
    pools: Sequence[str],
    options: RunOptions,
) -> Extraction | None:
    """Return the features of altered views of what is learned from; None where there are none."""
    given = recipe.training
    augment = DEFAULT_AUGMENT[found.modality] if given.augment is None else given.augment
    num_views = usual_num_views(len(train)) if given.num_views is None else given.num_views
    num_views = min(num_views, MAX_LANDMARKS // max(len(train), 1))  # what a fit takes at most
    if recipe.head_settings().kind not in ("kernel", "linear") or not augment or num_views < 2:
        return None
    times = "once" if num_views == 2 else f"{num_views - 1} times"
    tell(
        [
            f"Each {found.modality} is altered {times} ({', '.join(augment)}) for the head to "
            "learn from too; num_views = 1 in the recipe's [training] leaves that out."
        ]
    )
    with renamed("{} of altered views"):
        return extract(
            train,
            backbone,
            pools=pools,
            device=options.device,
            views=ViewSettings(augment=augment, num_views=num_views),
            strict=options.strict,
        )


def _labels(
    examples: Sequence[Example],
    train: Indices,
    named: Indices,
    classes: Sequence[str],
    recipe: Recipe,
) -> Labels:
    """Return the labels of some examples, with the names of the classes if there are any."""
    names = None
    if len(named):
        own = Labels.of([examples[i] for i in named], classes)
        names = ClassNames(rows=named, classes=own.classes)
    labels = Labels.of(
        [examples[i] for i in train], classes, class_weight=recipe.class_weight, seed=recipe.seed
    )
    return replace(labels, names=names)


def _names(found: ExampleSet, train: Sequence[Example], recipe: Recipe) -> tuple[Example, ...]:
    """Return the names of the classes, where they may say what a few texts do not.

    And what the recipe says of them, however many texts there are.
    """
    said = recipe.class_descriptions
    if found.modality != "text":
        if said:
            raise SettingError(
                f"class_descriptions was given with {found.modality}s; accepted with texts, which "
                "they are compared with. Leave it out."
            )
        return ()
    classes = sort_labels({example.label or "" for example in train})
    described = description_examples(said, classes)
    if len(train) > NAMES_UP_TO * len(classes):
        return described
    return (*name_examples(classes), *described)
