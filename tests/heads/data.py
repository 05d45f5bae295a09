"""Small seeded features with blocks of unlike use, as a backbone's are."""

import numpy as np
import numpy.typing as npt

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable
from topwork.heads.labels import Labels

SEGMENTS = (
    Segment(block="early", pool="mean", size=6),
    Segment(block="early", pool="grid2", size=24),
    Segment(block="middle", pool="mean", size=8),
    Segment(block="middle", pool="grid2", size=32),
    Segment(block="late", pool="mean", size=10),
    Segment(block="late", pool="grid2", size=40),
)


def make(
    num: int, num_classes: int, *, noise: float = 1.0, seed: int = 0
) -> tuple[ArrayTable, npt.NDArray[np.intp]]:
    """Return features whose later blocks tell more of the class, and the classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(num) % num_classes
    rng.shuffle(classes)
    centres = np.random.default_rng(1000 + num_classes)
    parts = []
    for i, segment in enumerate(SEGMENTS):
        means = centres.normal(size=(num_classes, segment.size)) * (i // 2) / 2
        values = means[classes] + noise * rng.normal(size=(num, segment.size))
        parts.append(values * 3 ** centres.normal(size=segment.size) + 5)
    return ArrayTable(np.concatenate(parts, axis=1).astype(np.float16), SEGMENTS), classes


def labels_of(classes: npt.NDArray[np.intp], seed: int = 0) -> Labels:
    """Return labels without groups or weights."""
    return Labels(classes=classes, num_classes=int(classes.max()) + 1, seed=seed)
