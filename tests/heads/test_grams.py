"""Sums of Gram matrices against inner products of transformed features."""

import numpy as np
import pytest

from topwork.heads.grams import Grams
from topwork.heads.kernel import Kernel, Transform

from .data import make

KERNELS = [
    Kernel(blocks=("late",), pools=("mean",)),
    Kernel(blocks=("early", "middle"), pools=("mean", "grid2")),
    Kernel(blocks=("early", "middle", "late"), pools=("grid2",)),
    Kernel(blocks=("middle", "late"), pools=("prefix",)),  # which none has: mean stands for it
]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("all_kernels", [True, False])
def test_similarity_is_the_transforms_inner_product(kernel: Kernel, all_kernels: bool) -> None:
    table, _ = make(40, 4)
    rows = np.arange(5, 35)
    grams = Grams(table, rows, None if all_kernels else [kernel])
    _, units = Transform.fit(table, rows, kernel)
    np.testing.assert_allclose(grams.similarity(kernel), units @ units.T, atol=1e-5)


def test_similarity_leaves_the_matrices_alone() -> None:
    table, _ = make(20, 4)
    grams = Grams(table, np.arange(20))
    first = grams.similarity(KERNELS[1])
    grams.similarity(KERNELS[2])
    np.testing.assert_array_equal(grams.similarity(KERNELS[1]), first)
