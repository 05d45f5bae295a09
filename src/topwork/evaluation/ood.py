"""Fitting and measuring of out-of-distribution detection.

The threshold comes from own examples that neither the head nor the distances had seen. What is
really foreign is a class of the user's own called `unknown`, left out by the same folds; without
one, each class in turn, left out of the head and of the distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from topwork.core.digests import digest_bytes, digest_settings
from topwork.core.shapes import Bool, Doubles, Indices
from topwork.evaluation.crossval import num_workers, one_thread
from topwork.evaluation.fold_cache import FoldCache
from topwork.evaluation.ood_scores import OODScores
from topwork.examples.folds import stratified_sample
from topwork.features.table import FeatureTable
from topwork.heads.base import Head
from topwork.heads.distances import ClassView, kernels_of
from topwork.heads.fit import fit_head
from topwork.heads.kernel import Kernel
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import Labels
from topwork.heads.ood import OWN_NAMES, Detector, terms_of
from topwork.heads.search import KernelChoice
from topwork.heads.settings import HeadSettings

MIN_HELD_OUT = 10
"""Own examples to set a threshold by, at least: fewer say nothing below one in ten."""

MAX_EXAMPLES = 5000
"""From which the distances are learned: more move 64 axes and a class's mean by nothing."""

NUM_PARTS = 10
"""Groups of classes to leave out in turn, at most."""

MEASURED, MEASURED_WORK = (400, 1500), 1e10
"""Examples that take part in that, at most, so that their number squared times the numbers that the
head looks at is no more than the last: ten heads on 550 examples of 33,408 numbers take 4 s."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class OODDetection:
    """A detector, and its scores; None where nothing could be measured."""

    detector: Detector
    scores: OODScores | None


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class OODSample:
    """Own examples, and what models said of them that had not seen them.

    Attributes:
        indices: of the table.
        labels: theirs.
        classes: names of the classes.
        probabilities: [N, K].
        folds: positions in `indices` that were left out together.
        method: how, in words.
    """

    indices: Indices
    labels: Labels
    classes: Sequence[str]
    probabilities: Doubles
    folds: Sequence[Indices] = ()
    method: str

    @property
    def unknown(self) -> int | None:
        """The position of the class that is called so; None without one, or with it alone."""
        found = [k for k, name in enumerate(self.classes) if name.casefold() in OWN_NAMES]
        return found[0] if found and len(self.classes) > 1 else None

    @property
    def is_own(self) -> Bool[np.ndarray, " n"]:
        """Which examples are of another class than `unknown`."""
        if self.unknown is None:
            return np.ones(len(self.indices), bool)
        return np.asarray(self.labels.classes != self.unknown)


def detect_by_features(
    table: FeatureTable,
    held: OODSample,
    head: Head,
    *,
    settings: HeadSettings | None = None,
    features: str | None = None,
) -> OODDetection | None:
    """Return the detector of a head on frozen features; None where there are too few examples.

    Args:
        table: features that learned nothing from the examples.
        settings: which head it is, to fit it anew without some classes.
        features: digest of the rows' features; given, what each fold gave is kept on disk.
    """
    sample = np.arange(len(held.indices))
    if len(sample) > MAX_EXAMPLES:
        sample = stratified_sample(held.labels.classes, MAX_EXAMPLES, held.labels.seed)
    kernels = kernels_of(table, head.blocks)
    code = digest_bytes(Path(__file__).read_bytes())
    own = [code, [asdict(kernel) for kernel in kernels], list(head.blocks), list(head.pools)]
    arrays = held.labels.classes, held.labels.groups, held.labels.weights
    kept = FoldCache(features, *arrays, np.array([digest_settings(own)]), settings=settings)
    work = _LeftOutClasses(
        table=table, held=held, head=head, settings=settings, kernels=kernels, kept=kept
    )
    with one_thread():
        distances = work.cross(sample)
        detector = _calibrated(held, distances, sample)
        if detector is None:
            return None
        is_own, labels = held.is_own[sample], held.labels.classes[sample]
        views = tuple(
            ClassView.fit(
                table, held.indices[sample[is_own]], labels[is_own], kernel, held.labels.seed
            )
            for kernel in kernels
        )
        detector = replace(detector, views=views)
        if held.unknown is not None:
            scores = _of_own_class(held, detector, distances, sample)
        else:
            scores = work.without_classes(detector)
    return OODDetection(detector=detector, scores=scores)


def detect_by_answers(held: OODSample) -> OODDetection | None:
    """Return the detector of a network that was trained on the examples: by probabilities alone.

    Its features learned the examples by heart, so that they lie nearer to each other than any new
    one will, those left out of the distances too; what was said of examples left out of the whole
    training is honest. Without a class `unknown` nothing foreign is at hand to measure with: to
    leave classes out, it would have to be trained again without each.
    """
    everything = np.arange(len(held.indices))
    distances = np.empty((len(held.indices), 0))
    detector = _calibrated(held, distances, everything)
    if detector is None:
        return None
    scores = _of_own_class(held, detector, distances, everything)
    return OODDetection(detector=detector, scores=scores)


def _calibrated(held: OODSample, distances: Doubles, sample: Indices) -> Detector | None:
    """Return a detector, yet without views, from the distances of the sampled examples."""
    own = held.is_own[sample]
    if own.sum() < MIN_HELD_OUT:
        return None
    probabilities = held.probabilities[sample][own]
    terms = terms_of(probabilities, distances[own], held.unknown)
    spread = terms.std(0)
    detector = Detector(
        views=(),
        centre=terms.mean(0),
        spread=np.where(spread > 1e-9, spread, 1.0),
        held_out=np.empty(0),
        unknown=held.unknown,
    )
    return replace(detector, held_out=np.sort(detector.combine(terms, probabilities)))


def _of_own_class(
    held: OODSample, detector: Detector, distances: Doubles, sample: Indices
) -> OODScores | None:
    others = ~held.is_own[sample]
    if not others.any() or held.unknown is None:
        return None
    probabilities = held.probabilities[sample][others]
    terms = terms_of(probabilities, distances[others], held.unknown)
    groups = held.labels.groups
    name = held.classes[held.unknown]
    return OODScores.of(
        detector.held_out,
        detector.combine(terms, probabilities),
        None if groups is None else groups[sample][others],
        f"{int(others.sum()):,} examples of {name!r}, by {held.method}",
    )


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class _LeftOutClasses:
    """What is left out in turn, and what is fitted without it."""

    table: FeatureTable
    held: OODSample
    head: Head
    settings: HeadSettings | None
    kernels: tuple[Kernel, ...]
    kept: FoldCache

    def cross(self, sample: Indices) -> Doubles:
        """Return log distances [len(sample), V] from views that had not seen the example."""
        held, labels = self.held, self.held.labels
        out = np.empty((len(held.indices), len(self.kernels)))

        def run(fold: Indices) -> None:
            mine = np.intersect1d(fold, sample)
            found = self.kept.get(labels.seed, mine, (len(mine), len(self.kernels)))
            if found is None:
                rest = np.setdiff1d(sample[held.is_own[sample]], fold)
                found = self._distances(rest, mine)
                self.kept.put(labels.seed, mine, found)
            out[mine] = found

        with ThreadPoolExecutor(num_workers(len(sample))) as pool:
            list(pool.map(run, held.folds))
        return out[sample]

    def without_classes(self, detector: Detector) -> OODScores | None:
        """Return how classes are told that neither the head nor the distances know."""
        held, labels = self.held, self.held.labels
        rng = np.random.default_rng(labels.seed)
        classes = np.unique(labels.classes)
        if len(classes) < 3:
            return None
        parts = np.array_split(rng.permutation(classes), min(len(classes), NUM_PARTS))
        sample = np.arange(len(held.indices))
        most = int(np.clip((MEASURED_WORK / sum(self.head.transform.widths)) ** 0.5, *MEASURED))
        if len(sample) > most:
            sample = stratified_sample(labels.classes, most, labels.seed)
        folds = [held.folds[number % len(held.folds)] for number in range(len(parts))]
        with ThreadPoolExecutor(num_workers(len(sample))) as pool:
            found = list(
                pool.map(
                    lambda part, fold: self._without(part, fold, sample, detector), parts, folds
                )
            )
        left_out = [one for one in found if one is not None]
        if not left_out:
            return None
        own, ood, codes = (np.concatenate(column) for column in zip(*left_out, strict=True))
        if not len(own) or not len(ood):
            return None
        many = len(parts) < len(classes)
        what = f"{len(parts)} groups of the {len(classes)} classes" if many else (
            f"each of the {len(classes)} classes")  # fmt: skip
        method = f"{what} left out in turn"
        if len(sample) < len(held.indices):
            method += f", of {len(sample):,} examples"
        return OODScores.of(own, ood, codes, method)

    def _without(
        self, part: Indices, fold: Indices, sample: Indices, detector: Detector
    ) -> tuple[Doubles, Doubles, Indices] | None:
        """Return scores of own examples left out, of those of some classes, and their classes."""
        held, labels = self.held, self.held.labels
        is_ood = np.isin(labels.classes, part)
        rest = np.setdiff1d(sample[~is_ood[sample]], fold)
        own = np.intersect1d(sample[~is_ood[sample]], fold)
        ood = sample[is_ood[sample]]
        left_out = np.concatenate([own, ood])
        there, codes = np.unique(labels.classes[rest], return_inverse=True)
        if len(there) < 2:
            return None
        found = self.kept.get(labels.seed, left_out, (len(left_out), 1 + len(self.kernels)))
        if found is None:
            known = replace(labels.take(rest), classes=codes, num_classes=len(there), names=None)
            head = fit_head(self.table, held.indices[rest], known, settings=self.settings,
                            choice=_choice(self.head))  # fmt: skip
            probabilities = head.predict(self.table, held.indices[left_out])
            found = terms_of(probabilities, self._distances(rest, left_out))
            self.kept.put(labels.seed, left_out, found)
        scores = detector.combine(found, np.empty((len(found), 0)))
        return scores[: len(own)], scores[len(own) :], labels.classes[ood]

    def _distances(self, rest: Indices, left_out: Indices) -> Doubles:
        """Return log distances [len(told), V] from views of the rest."""
        held, labels = self.held, self.held.labels
        columns = [
            ClassView.fit(self.table, held.indices[rest], labels.classes[rest], kernel, labels.seed)
            .distances(self.table, held.indices[left_out])
            for kernel in self.kernels
        ]  # fmt: skip
        return np.stack(columns, axis=1)


def _choice(head: Head) -> KernelChoice:
    """Return what the search chose for a head, to do without it where classes are left out."""
    if isinstance(head, KernelHead):
        return KernelChoice(kernel=head.kernel, penalty=head.penalty)
    return KernelChoice(kernel=Kernel(blocks=head.blocks, pools=head.pools), penalty=0.0)
