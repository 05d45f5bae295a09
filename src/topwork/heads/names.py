"""A head of names alone."""

from __future__ import annotations

import numpy as np

from topwork.core.shapes import Indices
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Kernel, Standardiser, Transform, segments_of
from topwork.heads.kernel_head import KernelHead
from topwork.heads.softmax import Softmax

POOL = "mean"
"""What encoders of sentences are trained to compare."""

COSINE_SCALE = 20.0
"""What a cosine is multiplied by to be a logit: as sentence-transformers trains its encoders
(`MultipleNegativesRankingLoss`; Henderson et al. 2017)."""


def fit_names(table: FeatureTable, rows: Indices, classes: Indices, num_classes: int) -> KernelHead:
    """Return a head that scores an input by its cosine with what each class is called.

    Of the last block's mean, as it is: with nothing but names there is nothing to standardise by.
    banking77: 62.4% of the test; standardised by the names 60.8%, on the last two blocks 61.9%.

    Args:
        rows: of the table, of names and descriptions, one a class or more.
        classes: of these rows, 0 to K - 1, each at least once.
    """
    last = table.blocks[-1]
    segments = segments_of(table, last, (POOL,))[:1]
    width = table.segments[segments[0]].size
    transform = Transform(standardisers=(Standardiser.identity(segments, width),))
    sums = np.zeros((num_classes, width))
    np.add.at(sums, classes, transform(table, rows))
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return KernelHead(
        kernel=Kernel(blocks=(last,), pools=(POOL,)),
        penalty=0.0,
        segments=tuple(table.segments),
        transform=transform,
        landmarks=None,
        weights=np.ascontiguousarray((sums / lengths).T, np.float32),
        constants=np.zeros(num_classes, np.float32),
        linked=False,
        softmax=Softmax(matrix=COSINE_SCALE * np.eye(num_classes), bias=np.zeros(num_classes)),
    )
