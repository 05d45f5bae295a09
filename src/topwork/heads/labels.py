"""Labels of examples, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from topwork.core.shapes import Float64, Indices, Int, Shaped
from topwork.examples.example import Example
from topwork.examples.folds import choose_num_folds, kfold, stratified_sample


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ClassNames:
    """The names of the classes as examples of them, never left out, and never tested on.

    Attributes:
        rows: of the table, where the names' features are, [C].
        classes: int [C].
    """

    rows: Indices
    classes: Indices


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """What a search or fit learns from, row by row.

    Attributes:
        classes: int [N], positions in the list of classes.
        num_classes: how many there are; in a fold, one of few examples may not occur at all.
        groups: [N] or None; rows of one group stay on one side of every split.
        weights: float64 [N], mean 1, or None for all alike.
        seed: of the folds and samples.
        names: what may be learned from beside the rows, where the names of the classes say
            something; it stays the same whatever rows are taken.
        views: int [N, V] or None: rows of the table, where the features of altered views of each
            example are; they may be learned from beside it.
    """

    classes: Int[np.ndarray, " n"]
    num_classes: int
    groups: Shaped[np.ndarray, " n"] | None = None
    weights: Float64[np.ndarray, " n"] | None = None
    seed: int = 0
    names: ClassNames | None = None
    views: Int[np.ndarray, "n v"] | None = None

    @staticmethod
    def of(
        examples: Sequence[Example],
        classes: Sequence[str],
        *,
        class_weight: Literal["none", "balanced"] = "none",
        seed: int = 0,
    ) -> Labels:
        """Return those of examples, as positions in the classes, with groups and weights.

        Args:
            class_weight: `balanced`: each class weighs the same, however many examples it has.
        """
        position = {name: k for k, name in enumerate(classes)}
        codes = np.array([position[e.label or ""] for e in examples], np.intp)
        groups = None
        if any(e.group is not None for e in examples):
            # a name of its own for each that has none; "\0" cannot stand in a table's group
            groups = np.array(
                [f"\0{i}" if e.group is None else e.group for i, e in enumerate(examples)]
            )
        weights = None
        if class_weight == "balanced":
            counts = np.bincount(codes, minlength=len(classes))
            weights = len(codes) / (len(classes) * counts[codes])
        return Labels(
            classes=codes, num_classes=len(classes), groups=groups, weights=weights, seed=seed
        )

    @property
    def targets(self) -> Float64[np.ndarray, "n k"]:
        """One-hot, [N, K]."""
        one_hot: np.ndarray = np.eye(self.num_classes)[self.classes]
        return one_hot

    @property
    def group_numbers(self) -> Int[np.ndarray, " n"] | None:
        """Number of each row's group, [N]; None where there are no groups."""
        if self.groups is None:
            return None
        numbers: Indices = np.unique(self.groups, return_inverse=True)[1].astype(np.intp)
        return numbers

    def take(self, indices: Int[np.ndarray, " n"]) -> Labels:
        """Return those of some rows; classes keep their numbers."""
        return replace(
            self,
            classes=self.classes[indices],
            groups=None if self.groups is None else self.groups[indices],
            weights=None if self.weights is None else self.weights[indices],
            views=None if self.views is None else self.views[indices],
        )

    def with_views(self, num_views: int) -> Labels:
        """Return those with so many altered views of each example at most."""
        if self.views is None or num_views < 1:
            return replace(self, views=None)
        return replace(self, views=self.views[:, :num_views])

    def expanded(self, indices: Indices) -> tuple[Indices, Labels]:
        """Return the table's rows of the examples and their views, and labels for all of them.

        Views are of their example's group: they stay on one side of every split.
        """
        if self.views is None:
            return indices, self
        repeats = self.views.shape[1] + 1
        groups = np.arange(len(self.classes)) if self.groups is None else self.groups
        return np.concatenate([indices, self.views.T.ravel()]), replace(
            self,
            classes=np.tile(self.classes, repeats),
            groups=np.tile(groups, repeats),
            weights=None if self.weights is None else np.tile(self.weights, repeats),
            views=None,
        )

    def alone(self) -> Labels:
        """Return those of the rows themselves, for a table that has nothing beside them."""
        return replace(self, names=None, views=None)

    def folds(self, num_folds: int = 5) -> list[Int[np.ndarray, " _"]]:
        """Return the parts to leave out in turn; none where there is too little to leave out."""
        groups = None if self.groups is None else self.groups.tolist()
        if len(self.classes) < 4 or not self._could_be_tested():
            return []
        num = choose_num_folds(self.classes, wanted=num_folds, groups=groups)
        return kfold(self.classes, num_folds=num, seed=self.seed, groups=groups)

    def _could_be_tested(self) -> bool:
        """Say whether any class stands in more than one group, so that it can be left out."""
        if self.groups is None:
            return int(np.bincount(self.classes).max()) > 1
        pairs = set(zip(self.classes.tolist(), self.groups.tolist(), strict=True))
        return len(pairs) > len(set(self.classes.tolist()))


def sample_indices(labels: Labels, size: int) -> Int[np.ndarray, " m"]:
    """Return a stratified sample of indices; all of them where a sample could not be tested.

    It has some of every group: of whole groups, few would be left to compare.
    """
    if len(labels.classes) <= size:
        return np.arange(len(labels.classes))
    sample = stratified_sample(labels.classes, size=size, seed=labels.seed)
    return sample if labels.take(sample).folds() else np.arange(len(labels.classes))
