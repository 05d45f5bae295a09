"""A tenth of the examples, held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topwork.core.shapes import Int
from topwork.examples.folds import kfold

NUM_PARTS = 10
"""One of them is held out."""


def hold_out(
    labels: Sequence[str], groups: Sequence[str | None] | None = None, *, seed: int = 0
) -> tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]:
    """Return the rows to train on and those held out: even over the classes, groups kept whole.

    None is held out where there are fewer than two examples (or groups), or where each is needed:
    a class that would have nothing to learn from keeps all its groups in the training.
    """
    if groups is not None and all(group is None for group in groups):
        groups = None
    names = np.asarray(labels)
    # a row without a group is its own
    alone = [None] * len(names) if groups is None else groups
    units = [i if group is None else group for i, group in enumerate(alone)]
    num_units = len(set(units))
    everything = np.arange(len(names))
    if num_units < 2:
        return everything, everything[:0]
    parts = kfold(labels, num_folds=min(NUM_PARTS, num_units), seed=seed, groups=groups)
    is_held = np.zeros(len(names), bool)
    is_held[parts[0]] = True
    lost = set(labels) - set(names[~is_held].tolist())
    needed = {unit for unit, name in zip(units, labels, strict=True) if name in lost}
    is_held &= [unit not in needed for unit in units]
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
