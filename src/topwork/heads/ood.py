"""Out-of-distribution score of an input.

    probabilities -> log GEN ----------------------------------+
    features -> log distance to the nearest class, in two views +-> z of each -> score

GEN is the generalised entropy of the largest probabilities (Liu et al. 2023, "GEN: Pushing the
limits of softmax-based out-of-distribution detection"). The distances (distances.py) are in two
views of the features: the averages of the blocks that the head looks at, and of the last block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from topwork.core.shapes import Doubles, Float64, Int, Shaped
from topwork.errors import SettingError
from topwork.features.table import FeatureTable
from topwork.heads.base import Head, Tensors
from topwork.heads.distances import ClassView

UNKNOWN = "unknown"
"""The label of what belongs to no class."""

OWN_NAMES = (UNKNOWN, "neither")
"""A class of one of these names, in small or capital letters, is one of foreign examples to learn
from."""

GAMMA, NUM_LARGEST = 0.1, 10
"""Of GEN, as its authors have them but for the number: they take the largest tenth of 1,000. Ten
intents left out of banking77, 10 examples of each of the 67 others: AUROC and false accepts at 5%
false rejects with all 67 0.829 and 71%, with 20, 10 and 5 of them 0.839 and 65%, 0.842 and 65%,
0.829 and 69%; the largest probability alone 0.815 and 69%."""

DISTANCE_WEIGHT, FAR_OFF = 0.3, 2.0
"""Distances are weighed twice: z of all views together with the first, where z of GEN has 1; and in
full as far as their z goes beyond the second, since what is so far off is foreign however sure the
head is. Mean over 22 pairs of known and foreign sets (signs, clothes, X-rays, intents, spoken
digits, wake words; 30 to 1,000 examples) of AUROC and false accepts at a threshold from examples
left out, for 5% false rejects: largest probability 0.931 and 38%; GEN alone 0.948 and 30%; with the
first weight 0.960 and 21%; with both 0.961 and 19%. The first at 0.5 is as good on average, but ten
intents left out of all of banking77 are accepted in 46% of cases, not 45% (GEN alone: 42%); the
second at 1.5 rejects no more."""

TINY = 1e-12


def generalised_entropy(probabilities: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " n"]:
    """Return the sum of `(p (1 - p)) ** GAMMA` over the largest of each row, [N, K] -> [N]."""
    largest = np.sort(probabilities, axis=1)[:, -NUM_LARGEST:]
    largest = np.clip(largest, 0, 1)
    total: Doubles = ((largest * (1 - largest)) ** GAMMA).sum(1)
    return total


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """What tells how strange an example is. V: views; H: own examples that it had not seen.

    Attributes:
        views: none where features cannot be trusted: of a network that was trained on them.
        centre: mean of log GEN and of each view's log distance over the own examples, [1 + V].
        spread: their standard deviations, [1 + V].
        held_out: scores of the own examples, each of models that had not seen it, ascending [H];
            infinite for those that were taken for `unknown`.
        unknown: position of a class of the user's own that is called so; None without one.
    """

    views: tuple[ClassView, ...]
    centre: Doubles
    spread: Doubles
    held_out: Doubles
    unknown: int | None = None

    def combine(
        self, terms: Float64[np.ndarray, "n terms"], probabilities: Float64[np.ndarray, "n k"]
    ) -> Float64[np.ndarray, " n"]:
        """Return scores [N]: the higher, the stranger; infinite where `unknown` is the answer."""
        z = (terms - self.centre) / self.spread
        distances = z[:, 1:]
        weight = DISTANCE_WEIGHT / max(distances.shape[1], 1)
        scores: Doubles = z[:, 0] + weight * distances.sum(1)
        scores += np.maximum(distances - FAR_OFF, 0).sum(1)
        if self.unknown is not None:
            scores[probabilities.argmax(1) == self.unknown] = np.inf
        return scores

    def score(
        self,
        probabilities: Float64[np.ndarray, "n k"],
        table: FeatureTable,
        indices: Int[np.ndarray, " n"],
    ) -> Float64[np.ndarray, " n"]:
        """Return scores [N] for rows of a table and the head's probabilities of them, [N, K]."""
        distances = np.empty((len(indices), len(self.views)))
        for number, view in enumerate(self.views):
            distances[:, number] = view.distances(table, indices)
        return self.combine(terms_of(probabilities, distances, self.unknown), probabilities)

    def shares(self, scores: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Return which share of own examples looks at least as strange; see `shares_of`."""
        return shares_of(self.held_out, scores)

    @property
    def least_rate(self) -> float:
        """The least share of own examples that can be said to be rejected."""
        return 1 / (1 + len(self.held_out))

    def tensors(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """Return all numbers by name, for a file."""
        tensors: Tensors = {
            "centre": self.centre,
            "spread": self.spread,
            "held_out": self.held_out,
        }
        for number, view in enumerate(self.views):
            own = view.tensors().items()
            tensors |= {f"views.{number}.{name}": tensor for name, tensor in own}
        return tensors

    def settings(self) -> dict[str, Any]:
        """Return all that is not numbers by the thousand, as plain data."""
        return {
            "kind": "gen and distances",
            "columns": [view.columns() for view in self.views],
            "neither": self.unknown,
        }

    @staticmethod
    def restore(
        settings: Mapping[str, Any], tensors: Mapping[str, Shaped[np.ndarray, "..."]], head: Head
    ) -> Detector:
        """Undo `settings` and `tensors`, for the head that it was made for.

        Raises KeyError, ValueError or TypeError on bad ones.
        """
        if settings["kind"] != "gen and distances":
            raise ValueError(f"the detector is of the kind {settings['kind']!r}, not known here")
        views = []
        for number, columns in enumerate(settings["columns"]):
            start = f"views.{number}."
            own = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
            views.append(ClassView.restore(columns, own, head.segments))
        unknown = settings["neither"]
        if unknown is not None and not 0 <= int(unknown) < head.num_classes:
            raise ValueError(f"`unknown` is class {unknown} of {head.num_classes}")
        held_out = tensors["held_out"]
        centre, spread = tensors["centre"], tensors["spread"]
        shapes = {centre.shape, spread.shape}
        if shapes != {(1 + len(views),)} or held_out.ndim != 1 or not len(held_out):
            raise ValueError("the detector's tensors do not fit each other")
        if not (np.diff(held_out[np.isfinite(held_out)]) >= 0).all() or not (spread > 0).all():
            raise ValueError("the detector's scores are not in order")
        return Detector(
            views=tuple(views), centre=centre, spread=spread, held_out=held_out,
            unknown=None if unknown is None else int(unknown),
        )  # fmt: skip


def shares_of(
    held_out: Float64[np.ndarray, " m"], scores: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Return which share of the ascending scores is at least as high, (0, 1].

    The example itself is counted among them, (1 + n) / (1 + H), so that of own examples not more
    than `rate` have a share of `rate` or less, however few were held out (a conformal p-value:
    Vovk et al. 2005).
    """
    as_strange = len(held_out) - np.searchsorted(held_out, scores, side="left")
    shares: Doubles = (1 + as_strange) / (1 + len(held_out))
    return shares


def terms_of(
    probabilities: Float64[np.ndarray, "n k"],
    distances: Float64[np.ndarray, "n views"],
    unknown: int | None = None,
) -> Float64[np.ndarray, "n terms"]:
    """Return log GEN, of the classes but `unknown`, and the log distances [N, V] as columns."""
    known = probabilities
    if unknown is not None:
        known = np.delete(probabilities, unknown, axis=1)
        known = known / np.maximum(known.sum(1, keepdims=True), TINY)
    entropy = np.log(np.maximum(generalised_entropy(known), TINY))
    return np.concatenate([entropy[:, None], distances], axis=1)


def rate_of(detector: Detector | None, reject: object) -> float | None:
    """Return the rate at which a detector is to reject own examples; None: nothing is rejected.

    Raises SettingError where it is no share of examples, or cannot be promised.
    """
    if reject is None:
        return None
    if isinstance(reject, bool) or not isinstance(reject, int | float) or not 0 < reject < 1:
        raise SettingError(
            f"reject is {reject!r}; accepted: the share of the model's own examples that may be "
            "rejected by mistake, between 0 and 1, such as 0.05; or None, to reject nothing."
        )
    if detector is None:
        raise SettingError(
            f"reject is {reject:g}, and this model has nothing to tell foreign inputs by: it was "
            "trained without cross-validation, on fewer than 10 examples that could be left out, "
            "or by an earlier version. Train it again, on more examples."
        )
    if reject < detector.least_rate:
        num = len(detector.held_out)
        raise SettingError(
            f"reject is {reject:g}, and the model has {num:,} own examples that were held out to "
            f"set it by: no rate below 1/{num + 1} ({detector.least_rate:.2g}) can be promised. "
            "Ask for that or more, or train on more examples."
        )
    return float(reject)
