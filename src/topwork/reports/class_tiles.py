"""Tiles of the classes, with their hit rates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topwork.evaluation.metrics import ClassScore, Evaluation
from topwork.model.model import Model
from topwork.model.predictions import Predictions
from topwork.reports.headline import noun
from topwork.reports.parts import Shown
from topwork.reports.pictures import Album
from topwork.reports.sections import ClassTile, ClassTiles

MAX_TILES = 12
"""Classes on the first screen; more are folded."""

COUNTED = 20
"""Examples below which the rate is said as a count: `5 of 6`."""

FEW_TESTED, MIN_FEW = 10, 3
"""Where there are more classes than MAX_TILES, those with fewer examples are put together, if these
are so many: the interval of 7 right of 9 reaches from 45 to 94%."""


def class_tiles(
    model: Model,
    best: Evaluation | None,
    album: Album,
    *,
    doubted: frozenset[str] = frozenset(),
) -> ClassTiles:
    """Return all classes, the one of which the least is found first.

    Args:
        best: the scores that the page begins with; None where there are none.
        doubted: digests of examples whose label may be wrong: they stand for no class.
    """
    examples = _typical(model, best, doubted)
    if best is None:
        tiles = [
            ClassTile(label=name, rate="", of="", found=None, shown=_shown(album, examples.get(k)))
            for k, name in enumerate(model.classes)
        ]
        return ClassTiles(shown=tiles[:MAX_TILES], folded=tiles[MAX_TILES:])
    few = few_classes(best.per_class)
    position = {name: k for k, name in enumerate(model.classes)}
    ordered = sorted(
        best.per_class,
        key=lambda one: (one.num_examples == 0, one.recall.value, -one.num_examples),
    )

    def tile(one: ClassScore) -> ClassTile:
        return _tile(one, _shown(album, examples.get(position.get(one.label, -1))), noun(model))

    many = [tile(one) for one in ordered if one.label not in few]
    return ClassTiles(
        shown=many[:MAX_TILES],
        folded=many[MAX_TILES:],
        few=_together([one for one in ordered if one.label in few], noun(model)),
        few_tiles=[tile(one) for one in ordered if one.label in few],
    )


def few_classes(per_class: Sequence[ClassScore]) -> frozenset[str]:
    """Return the classes that are put together, for they have few examples; none of few classes."""
    few = [one.label for one in per_class if one.num_examples < FEW_TESTED]
    if len(per_class) <= MAX_TILES or not MIN_FEW <= len(few) < len(per_class):
        return frozenset()
    return frozenset(few)


def _together(few: Sequence[ClassScore], kind: str) -> str:
    if not few:
        return ""
    num = sum(one.num_examples for one in few)
    right = round(sum(one.recall.value * one.num_examples for one in few))
    return (
        f"{len(few)} classes of fewer than {FEW_TESTED} {kind}s each, together: {right:,} of "
        f"{num:,} found"
    )


def _tile(one: ClassScore, shown: Shown, kind: str) -> ClassTile:
    num, found = one.num_examples, one.recall.value
    if not num:
        return ClassTile(label=one.label, rate="—", of="none to test on", found=None, shown=shown)
    if num < COUNTED:
        right = round(found * num)
        if found < 1:  # means over draws of the folds: never all of what is less
            right = min(right, num - 1)
        rate, of = f"{max(right, int(found > 0))} of {num}", "found"
    else:
        rate, of = _percent(found), f"of {num:,} {kind}s found"
    return ClassTile(label=one.label, rate=rate, of=of, found=round(100 * found, 1), shown=shown)


def _percent(share: float) -> str:
    """`86%`; 100% of all alone, and 0% of none."""
    whole = round(100 * share)
    if share < 1 and whole == 100:
        return ">99%"
    return "<1%" if share > 0 and whole == 0 else f"{whole}%"


def _typical(
    model: Model, best: Evaluation | None, doubted: frozenset[str]
) -> dict[int, tuple[str, str]]:
    """Return of each class the example that was named right with the greatest certainty.

    By its position: digest and name. Where none was right, the one that came nearest.
    """
    answers: Predictions | None = model.oof_predictions or model.test_predictions
    if best is not None and best is model.test:
        answers = model.test_predictions or answers
    if answers is None:
        return {}
    found = {}
    for k in range(len(model.classes)):
        own = np.flatnonzero(answers.truth == k)
        own = own[np.argsort(-answers.probabilities[own, k], kind="stable")]
        trusted = [i for i in own.tolist() if answers.digests[i] not in doubted] or own.tolist()
        if trusted:
            found[k] = (answers.digests[trusted[0]], answers.names[trusted[0]])
    return found


def _shown(album: Album, example: tuple[str, str] | None) -> Shown:
    if example is None:
        return Shown(name="")
    return album.show(*example, sound=True)
