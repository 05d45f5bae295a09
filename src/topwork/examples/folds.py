"""Folds and stratified samples.

Without scikit-learn, which takes 0.7 s to import; the tests compare the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Indices, Int
from topwork.errors import SettingError, TooFewError

Labels = Sequence[str] | Sequence[int] | npt.NDArray[np.integer]
Groups = Sequence[str | None] | Sequence[str] | Sequence[int] | npt.NDArray[np.integer]


def kfold(
    labels: Sequence[str] | Sequence[int] | Int[np.ndarray, " n"],
    *,
    num_folds: int,
    seed: int,
    groups: Groups | None = None,
) -> list[Int[np.ndarray, " _"]]:
    """Return each fold's test examples [n / num_folds] as sorted indices; together, all once.

    Without groups, each class's counts differ by at most 1 between folds, and so do the folds'
    sizes. With groups, whole groups are dealt, the largest first, each where it keeps the classes
    most even. A group of None is a group of its own. The same seed gives the same folds.

    Raises:
        SettingError: fewer than 2 folds, or not as many groups as labels.
        TooFewError: fewer examples, or groups, than folds.
    """
    codes = _codes(labels)
    group_codes = _group_codes(groups, len(codes))
    if num_folds < 2:
        raise SettingError(f"num_folds is {num_folds}; accepted: 2 or more.")
    num_units = _num(group_codes)
    if num_units < num_folds:
        what = "examples" if groups is None else "groups"
        raise TooFewError(
            f"{num_units} {what} cannot be dealt into {num_folds} folds; ask for at most "
            f"{num_units} folds, or bring more {what}."
        )
    rng = np.random.default_rng(seed)
    if num_units == len(codes):  # each its own group
        fold_of = _deal(codes, num_folds, rng)
    else:
        fold_of = _deal_groups(codes, group_codes, num_folds, rng)
    return [np.flatnonzero(fold_of == fold) for fold in range(num_folds)]


def choose_num_folds(
    labels: Sequence[str] | Sequence[int] | Int[np.ndarray, " n"],
    *,
    wanted: int = 5,
    groups: Groups | None = None,
) -> int:
    """Return `wanted`, or as many folds as there are groups (or examples), if that is fewer.

    A class with one example takes no folds away: it can only be missed, once, and the score
    says so. Raises TooFewError where no fold could teach anything about its test examples: with
    fewer than two examples or groups, or with every class in a single one.
    """
    codes = _codes(labels)
    group_codes = _group_codes(groups, len(codes))
    what = "example" if groups is None else "group"
    num_units = _num(group_codes)
    if num_units < 2:
        raise TooFewError(
            f"{num_units} {what}s cannot be cross-validated: at least 2 are needed, one to learn "
            f"from and one to test on. Bring more {what}s"
            + ("." if groups is None else ", or leave the groups out.")
        )
    pairs = np.unique(np.stack([codes, group_codes]), axis=1)
    if np.bincount(pairs[0]).max() < 2:
        raise TooFewError(
            f"Every class stands in a single {what}, so that no class could be both learned and "
            f"tested. Bring examples of at least one class in 2 {what}s."
        )
    return min(wanted, num_units)


def stratified_sample(
    labels: Sequence[str] | Sequence[int] | Int[np.ndarray, " n"],
    size: int,
    seed: int,
    groups: Groups | None = None,
) -> Int[np.ndarray, " size"]:
    """Return `size` sorted indices in which the classes have their share, each at least one.

    Where `size` is below the number of classes, the largest have one each. With groups, the sample
    is drawn from as few groups as will do, in a random order: it stands for a data set of fewer
    patients, not for a few scans of each. Raises SettingError where size is not from 1 to n.
    """
    codes = _codes(labels)
    group_codes = _group_codes(groups, len(codes))
    if not 1 <= size <= len(codes):
        raise SettingError(f"size is {size}; accepted: from 1 to {len(codes)}, all there are.")
    rng = np.random.default_rng(seed)
    quotas = _quotas(np.bincount(codes), size, rng)
    rank = rng.permutation(_num(group_codes))[group_codes]
    order = np.lexsort((rng.random(len(codes)), rank, codes))  # by class, then group, then chance
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes))[:-1]])
    place = np.arange(len(codes)) - starts[codes[order]]
    return np.sort(order[place < quotas[codes[order]]])


def _deal(codes: Indices, num_folds: int, rng: np.random.Generator) -> Indices:
    """Deal the shuffled examples round and round, class after class."""
    order = np.lexsort((rng.random(len(codes)), codes))
    fold_of = np.empty(len(codes), np.intp)
    fold_of[order] = rng.permutation(num_folds)[np.arange(len(codes)) % num_folds]
    return fold_of


def _deal_groups(
    codes: Indices, group_codes: Indices, num_folds: int, rng: np.random.Generator
) -> Indices:
    """Deal whole groups, the largest first, each to the fold that stays most even.

    The cost of a fold is the sum over classes of (its share of the class) squared, which is least
    where all folds have the same; its size counts as one class more, which also keeps any fold
    from staying empty.
    """
    counts = np.zeros((_num(group_codes), _num(codes)))
    np.add.at(counts, (group_codes, codes), 1)
    shares = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    shares /= shares.sum(axis=0)
    order = rng.permutation(len(shares))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    folds = np.zeros((num_folds, shares.shape[1]))
    fold_of_group = np.empty(len(shares), np.intp)
    for group in order:
        growth = folds @ shares[group]  # of (fold + group)^2: all else is the same for each fold
        fold = int(np.argmin(growth))
        fold_of_group[group] = fold
        folds[fold] += shares[group]
    return fold_of_group[group_codes]


def _quotas(counts: Indices, size: int, rng: np.random.Generator) -> Indices:
    """How many of each class, by largest remainder, at least one each where that can be."""
    quotas: Indices = np.zeros_like(counts)
    if size < len(counts):
        largest = np.lexsort((rng.random(len(counts)), -counts))
        quotas[largest[:size]] = 1
        return quotas
    exact = counts * (size / counts.sum())
    quotas = np.clip(np.floor(exact).astype(np.intp), 1, counts)
    tie = rng.random(len(counts))
    while quotas.sum() != size:  # at most once per class and direction
        step = 1 if quotas.sum() < size else -1
        allowed = quotas < counts if step > 0 else quotas > 1
        gap = np.where(allowed, step * (exact - quotas), -np.inf)
        quotas[np.lexsort((tie, gap))[-1]] += step
    return quotas


def _codes(labels: Labels) -> Indices:
    codes = np.unique(list(labels), return_inverse=True)[1]
    return np.asarray(codes, np.intp)


def _group_codes(groups: Groups | None, num_examples: int) -> Indices:
    if groups is None:
        return np.arange(num_examples)
    if len(groups) != num_examples:
        raise SettingError(
            f"{num_examples} labels came with {len(groups)} groups; accepted: one for each label, "
            "in the same order."
        )
    codes: dict[object, int] = {}
    keys = (("alone", i) if g is None else ("group", g) for i, g in enumerate(groups))
    return np.array([codes.setdefault(key, len(codes)) for key in keys], np.intp)


def _num(codes: Indices) -> int:
    return int(codes.max()) + 1 if len(codes) else 0
