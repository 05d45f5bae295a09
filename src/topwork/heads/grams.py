"""Gram matrices, block by block.

Holding each (block, pool) apart costs `blocks * pools` matrices, and makes every choice of blocks
and pools a sum of matrices instead of another pass over the features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topwork.core.shapes import Float32, Floats, Indices
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Kernel, Standardiser, segments_of


class Grams:
    """The Gram matrices of a set of rows; `similarity` joins some of them."""

    def __init__(
        self, table: FeatureTable, indices: Indices, kernels: Sequence[Kernel] | None = None
    ) -> None:
        """Compute the matrices that some kernels need, or all of them."""
        self.num_rows = len(indices)
        self._of_block: dict[str, dict[str, Floats]] = {}
        for i in _needed(table, kernels):
            features = table.read(indices, [i])
            Standardiser.fit(features, (i,))
            segment = table.segments[i]
            self._of_block.setdefault(segment.block, {})[segment.pool] = features @ features.T

    def similarity(self, kernel: Kernel) -> Float32[np.ndarray, "n n"]:
        """Return `s` of kernel.py for all pairs, float32 [N, N]."""
        total = np.zeros((self.num_rows, self.num_rows), np.float32)
        for block in kernel.blocks:
            pools = self._of_block[block]
            chosen = [pools[p] for p in pools if p in kernel.pools] or [next(iter(pools.values()))]
            joined = chosen[0] if len(chosen) == 1 else sum(chosen[1:], start=chosen[0])
            shrink = 1 / np.sqrt(np.maximum(np.diagonal(joined), 1e-24))
            total += joined * shrink[:, None] * (shrink / len(kernel.blocks))
        return total


def _needed(table: FeatureTable, kernels: Sequence[Kernel] | None) -> list[int]:
    if kernels is None:
        return list(range(len(table.segments)))
    needed = {
        i for kernel in kernels for b in kernel.blocks for i in segments_of(table, b, kernel.pools)
    }
    return sorted(needed)
