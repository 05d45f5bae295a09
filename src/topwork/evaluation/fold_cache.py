"""Outcomes of folds and searches on disk.

A fold's key covers all that its probabilities depend on: the features, the labels, groups,
weights and seed, which head is fitted, which examples are left out, and the code. So a run that was
stopped goes on with the next fold, and the same run again only reads.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.digests import digest_bytes, digest_settings
from topwork.core.memo import code_version, keep_arrays, kept_arrays, memo
from topwork.core.plain import from_plain, to_plain
from topwork.core.shapes import Float64, Int
from topwork.features.table import FeatureTable
from topwork.heads.fit import choose_space
from topwork.heads.labels import Labels
from topwork.heads.search import KernelChoice
from topwork.heads.settings import HeadKind, HeadSettings


@final
class FoldCache:
    """The folds of one cross-validation; `features` None keeps nothing."""

    def __init__(
        self,
        features: str | None,
        *arrays: npt.NDArray[np.generic] | None,
        settings: HeadSettings | None = None,
    ) -> None:
        """Begin a cross-validation.

        Args:
            features: digest of the features that the rows hold, in their order.
            arrays: all else that every fold depends on.
            settings: which head is fitted in a fold; None: a kernel.
        """
        self._head = digest_settings(asdict(settings or HeadSettings()))
        self._base: str | None = None
        if features is not None:
            parts = [
                b"-" if a is None else f"{a.dtype.str}{a.shape}".encode() + a.tobytes()
                for a in arrays
            ]
            self._base = digest_bytes((code_version() + features).encode(), *parts)

    def choose(
        self,
        table: FeatureTable,
        indices: Int[np.ndarray, " n"],
        labels: Labels,
        kind: HeadKind = "kernel",
    ) -> KernelChoice:
        """Return what `choose_space` does for all the rows, from the disk where it did before."""
        key = self._key(labels.seed, indices, kind)
        if key is None:
            return choose_space(table, indices, labels, kind)
        choice: KernelChoice = memo(
            key,
            lambda: choose_space(table, indices, labels, kind),
            read=lambda data: from_plain(KernelChoice, data),
            write=to_plain,
        )
        return choice

    def get(
        self, seed: int, fold: Int[np.ndarray, " _"], shape: tuple[int, int]
    ) -> Float64[np.ndarray, "n k"] | None:
        """Return the probabilities of the examples left out, if they are kept."""
        key = self._key(seed, fold, self._head)
        kept = None if key is None else kept_arrays(key)
        found: npt.NDArray[Any] | None = None if kept is None else kept.get("probabilities")
        if found is None or found.shape != shape or found.dtype != np.float64:
            return None
        return found

    def put(
        self, seed: int, fold: Int[np.ndarray, " _"], probabilities: Float64[np.ndarray, "n k"]
    ) -> None:
        """Keep them."""
        key = self._key(seed, fold, self._head)
        if key is not None:
            keep_arrays(key, {"probabilities": probabilities})

    def _key(self, seed: int, fold: npt.NDArray[np.intp], what: str) -> str | None:
        if self._base is None:
            return None
        parts = str(seed).encode(), what.encode(), fold.astype("<i8").tobytes()
        return digest_bytes(self._base.encode(), *parts)
