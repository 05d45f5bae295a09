"""Search for blocks, pools, kernel and penalty.

A search by coordinates on a stratified sample, whose best candidates are then compared on all (or
up to `FULL` of them). Each candidate costs one Cholesky factor: the k-fold predictions follow in
closed form (ridge.py). Candidates are compared by log loss under their best temperature, which
picked better than accuracy and than squared error on most sets that we tried it on: it sees how far
a wrong answer was from right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain

import numpy as np

from topwork.core.shapes import Int
from topwork.features.table import FeatureTable
from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel
from topwork.heads.labels import Labels, sample_indices
from topwork.heads.ridge import Centring, left_out, smallest_penalty
from topwork.heads.softmax import best_temperature_losses, link

LEAST_SAMPLE, SAMPLE = 500, 1000
"""Least and most examples of the first round. With 400, of 770 questions of 77 classes only 5 a
class were looked at. With 500 in place of 1,000, clothing chose the same, and 1,000 hand signs did
as well (98.6% and 98.6%; 3 draws), in half the time. Examples of one group are alike and say less:
spoken digits of four speakers, log loss 0.065 with 1,000 and 0.076 with 500."""

SAMPLE_OF_A_CLASS = 13

FULL = 2500
"""Examples of the last round, at most: a candidate costs about 0.2 s. Spoken digits from five
speakers, of 2,500 (and a first round of 400, and `link`, against 1,000): 97.0% -> 97.4% of a
sixth's. With 4,000, banking77 chose the same."""

FINALISTS = 6
"""With 16, one penalty each and the neighbours' for the best 3, every choice on spoken digits (six
fits on 2,500) and clothes (one on 1,192) was the same."""

PENALTIES = tuple(10.0 ** np.arange(-5, 1.01, 0.5))
"""In shares of the kernel's mean diagonal. The smallest all but interpolates: with few examples
of many numbers that is often best, and costs nothing to allow."""

COARSE = PENALTIES[2::2]

GAMMAS = (0.1, 0.3, 1.0, 2.0)

WINDOWS = ((0, 1), (0.25, 1), (0.5, 1), (0.75, 1), (1, 1), (0, 0.75), (0.25, 0.75), (0, 0.5))
"""Runs of blocks, as shares of the depth. (1, 1) is the last block alone. Runs, not subsets: with
fifty examples there is not the evidence to choose among 2^18 subsets."""

POOL_SETS = (
    ("mean", "std", "max", "grid2", "grid3", "prefix"),
    ("grid3", "grid2", "prefix"),
    ("mean", "std", "max", "prefix"),
    ("mean",),
    ("prefix",),
)
"""Of these, what the features hold: with places, without places, averages alone."""


@dataclass(frozen=True, kw_only=True)
class KernelChoice:
    """A kernel, a penalty, and the log loss that they gave in cross-validation."""

    kernel: Kernel
    penalty: float
    loss: float = field(compare=False, default=float("nan"))


def windows(networks: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the runs of blocks that `WINDOWS` names, each once.

    Of several networks, those of each alone, and those of all at the same depth.
    """
    runs = [[run_between(blocks, a, b) for a, b in WINDOWS] for blocks in networks]
    if len(networks) > 1:
        runs.append([sum(together, ()) for together in zip(*runs, strict=True)])
    return list(dict.fromkeys(chain.from_iterable(runs)))


def neighbours(networks: Sequence[Sequence[str]], chosen: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the windows, and `chosen` with another run, or none, of one of several networks."""
    found = windows(networks)
    if len(networks) > 1:
        own = [tuple(block for block in blocks if block in chosen) for blocks in networks]
        for place, blocks in enumerate(networks):
            others = [run_between(blocks, a, b) for a, b in WINDOWS]
            found += [sum((*own[:place], run, *own[place + 1 :]), ()) for run in [*others, ()]]
    return [run for run in dict.fromkeys(found) if run]


def run_between(blocks: Sequence[str], start: float, end: float) -> tuple[str, ...]:
    """Return the blocks of a stretch of a network, in shares of its depth."""
    last = len(blocks) - 1
    return tuple(blocks[round(start * last) : round(end * last) + 1])


def pool_sets(table: FeatureTable) -> list[tuple[str, ...]]:
    """Return those of `POOL_SETS` that the table tells apart, each cut down to what it has."""
    there = {segment.pool for segment in table.segments}
    sets = [tuple(p for p in pools if p in there) for pools in POOL_SETS]
    return [pools for pools in dict.fromkeys(sets) if pools]


def default_choice(table: FeatureTable) -> KernelChoice:
    """Return what is taken where there are too few examples to compare anything."""
    blocks = chain.from_iterable(run_between(own, 0.5, 1) for own in table.networks)
    return KernelChoice(
        kernel=Kernel(blocks=tuple(blocks), pools=pool_sets(table)[0]),
        penalty=1e-3,
    )


def search(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    gammas: Sequence[float] = GAMMAS,
) -> KernelChoice:
    """Return the best choice for the labelled rows of a table; without gammas, a linear one."""
    if not labels.folds():
        return default_choice(table)
    sample = sample_indices(labels, first_sample(labels))
    trial = KernelTrial(Grams(table, indices[sample]), labels.take(sample))
    finalists = _by_coordinates(trial, table, gammas)[:FINALISTS]
    full = sample_indices(labels, FULL)
    if len(full) > len(sample):
        grams = Grams(table, indices[full], [choice.kernel for choice in finalists])
        trial = KernelTrial(grams, labels.take(full))
    floor = smallest_penalty(len(full))
    finals = [trial.best(choice.kernel, around(choice.penalty, floor)) for choice in finalists]
    return min(finals, key=lambda choice: choice.loss)


def first_sample(labels: Labels) -> int:
    """Return how many examples the first round takes."""
    if labels.groups is not None:
        return SAMPLE
    return int(np.clip(SAMPLE_OF_A_CLASS * labels.num_classes, LEAST_SAMPLE, SAMPLE))


class KernelTrial:
    """Compares choices on the same examples, folds and Gram matrices."""

    def __init__(self, grams: Grams, labels: Labels) -> None:
        self._grams = grams
        self._labels = labels
        self._folds = labels.folds()
        # The last alone: matrices are large, and the search varies one thing at a time.
        self._similarity = lru_cache(maxsize=1)(grams.similarity)
        self._done: dict[KernelChoice, KernelChoice] = {}

    def best(self, kernel: Kernel, penalties: Sequence[float]) -> KernelChoice:
        """Return the best of the penalties; tried ones are not tried again."""
        choices = [KernelChoice(kernel=kernel, penalty=float(p)) for p in penalties]
        todo = [choice for choice in choices if choice not in self._done]
        if todo:
            linear = Kernel(blocks=kernel.blocks, pools=kernel.pools)
            values = kernel.apply(self._similarity(linear))
            centred = Centring.fit(values)(values)
            targets, weights = self._labels.targets, self._labels.weights
            scores = left_out(
                centred, targets, [c.penalty for c in todo], folds=self._folds, weights=weights
            )
            losses = best_temperature_losses(link(scores), targets, weights)
            for choice, loss in zip(todo, losses.tolist(), strict=True):
                # Of equals the first, simplest, whatever their rounding.
                self._done[choice] = replace(choice, loss=float(f"{loss:.9g}"))
        return min((self._done[choice] for choice in choices), key=lambda choice: choice.loss)

    def ranked(self) -> list[KernelChoice]:
        """Return the best penalty of each kernel tried, best kernel first."""
        best: dict[Kernel, KernelChoice] = {}
        for choice in sorted(self._done.values(), key=lambda choice: choice.loss):
            best.setdefault(choice.kernel, choice)
        return list(best.values())


def _by_coordinates(
    trial: KernelTrial, table: FeatureTable, gammas: Sequence[float]
) -> list[KernelChoice]:
    """Blocks first, then pools, then the kernel's form, then blocks and pools once more."""
    runs, pools = windows(table.networks), pool_sets(table)
    best = min(
        (trial.best(Kernel(blocks=run, pools=pools[0]), COARSE) for run in runs),
        key=lambda choice: choice.loss,
    )

    def among(
        kernels: Sequence[Kernel], penalties: Sequence[float], best: KernelChoice
    ) -> KernelChoice:
        candidates = [trial.best(kernel, penalties) for kernel in kernels]
        return min([best, *candidates], key=lambda choice: choice.loss)

    best = among([replace(best.kernel, pools=p) for p in pools], around(best.penalty), best)
    # An RBF of the same similarity needs a smaller penalty: its centred values are more alike.
    lower = [p for p in PENALTIES if best.penalty / 200 < p < best.penalty * 4]
    best = among([replace(best.kernel, gamma=g) for g in gammas], lower, best)
    runs = neighbours(table.networks, best.kernel.blocks)
    best = among([replace(best.kernel, blocks=run) for run in runs], around(best.penalty), best)
    among([replace(best.kernel, pools=p) for p in pools], around(best.penalty), best)
    return trial.ranked()


def around(penalty: float, floor: float = 0.0) -> list[float]:
    """Return the penalty and its neighbours on the grid, none below the floor."""
    at = int(np.argmin([abs(np.log(p / max(penalty, floor))) for p in PENALTIES]))
    return [p for p in PENALTIES[max(at - 1, 0) : at + 2] if p > floor * 0.99]
