"""Small tables of features with known neighbours, for the tests of evidence."""

import numpy as np
import numpy.typing as npt

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable


def one_block(matrix: npt.NDArray[np.floating]) -> ArrayTable:
    """Return the numbers as one block's averages."""
    segment = Segment(block="b", pool="mean", size=matrix.shape[1])
    return ArrayTable(matrix.astype(np.float32), [segment])


def blobs(
    per_class: int, num_classes: int, *, width: int = 16, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return points around one centre a class [N, width], and their classes [N]."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (num_classes, width))
    truth = np.repeat(np.arange(num_classes), per_class)
    return centres[truth] + rng.normal(0, 1, (len(truth), width)), truth
