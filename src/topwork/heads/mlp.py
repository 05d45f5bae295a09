"""Multi-layer head, trained step by step.

The layers are trained on the principal components of the examples' vectors: gradients never leave
the examples' span, so nothing is lost up to `MAX_COMPONENTS` of them, and a step costs what a few
hundred numbers cost, not 40,000. The components are then folded into the first layer. The same seed
gives the same layers, whatever runs beside. Importing this file loads no torch; `fit_mlp` does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from topwork.core.extras import need
from topwork.core.shapes import Float32, Floats, Int
from topwork.executors.base import Segment
from topwork.features.table import FeatureTable
from topwork.heads.calibrate import fit_softmax
from topwork.heads.dense import DenseHead, Layer, fresh_head
from topwork.heads.dense_torch import from_torch, to_torch
from topwork.heads.kernel import Transform
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadSettings

MAX_COMPONENTS = 1024
"""Bounds the cubic part: half a second. Of more examples of more numbers, those of a sample."""

CHUNK = 1024
"""Rows that are read at a time."""

BATCH, EPOCHS, MIN_STEPS = 256, 30, 200
"""Five-fold errors and log loss after 100, 150 and 300 steps of 256 units: 600 scanned digits
(pixels) 6.5%, 5.7%, 4.3%, 0.220, 0.190, 0.162; 300 hand signs 8.7%, 8.7%, 9.0%, 0.307, 0.304,
0.329; 300 clothes 16.0%, 16.3%, 16.7%, 0.496, 0.518, 0.568."""

RATE, DECAY = 0.032, 0.01
"""Of AdamW (Loshchilov and Hutter 2019), over the root of the units of the narrowest layer, then
down to 0 by a cosine. With 0.001 whatever the units, 256 of them do as well, but layers of 16 and 8
have errors of 45% and 40% on the digits and hand signs; like this 7.5% and 8.0%. Thirty times the
decay, and whitened components, were no better."""

CALIBRATION = 100
"""Examples left out to find the temperature with, at least, where there are as many."""

ROUNDING = 1e-6
"""Components whose share of the largest one's variance is below this are rounding."""

_lock = threading.Lock()
_before: list[int] = []
"""How many threads torch had, once for every fit that runs."""


def fit_mlp(
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    labels: Labels,
    transform: Transform,
    units: Float32[np.ndarray, "n width"],
    settings: HeadSettings,
) -> DenseHead:
    """Train hidden layers on some rows of a table; `units` are vectors of (some of) these rows.

    The last layer is followed by the temperature that is best for examples left out of trainings
    of their own.
    """
    need("torch", "A head with hidden layers")
    axes = _Axes.fit(units, labels.seed)
    parts = (indices[start : start + CHUNK] for start in range(0, len(indices), CHUNK))
    coordinates = np.concatenate([axes(transform(table, part)) for part in parts])
    with _one_thread():
        scores, scored = np.zeros((len(indices), labels.num_classes)), np.zeros(len(indices), bool)
        for fold in labels.folds():
            rest = np.setdiff1d(np.arange(len(indices)), fold)
            trained = _train(coordinates[rest], labels.take(rest), settings)
            scores[fold] = trained.scorer()(coordinates[fold])
            scored[fold] = True
            if scored.sum() >= CALIBRATION:
                break
        head = _train(coordinates, labels, settings)
    if scored.any():
        weights = None if labels.weights is None else labels.weights[scored]
        head = replace(
            head, softmax=fit_softmax(scores[scored], labels.targets[scored], (), weights)
        )
    return replace(
        head,
        segments=tuple(table.segments),
        transform=transform,
        layers=(axes.fold(head.layers[0]), *head.layers[1:]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Axes:
    """Vectors [D] -> coordinates [C] of unit variance on average: `(x - middle) @ matrix`."""

    middle: Floats
    matrix: Floats

    @staticmethod
    def fit(vectors: Floats, seed: int) -> _Axes:
        """Take the principal components; of very many, those of a sample."""
        middle = vectors.mean(0, dtype=np.float64).astype(np.float32)
        wide = vectors.shape[1] > MAX_COMPONENTS
        if wide and len(vectors) > MAX_COMPONENTS:
            chosen = np.random.default_rng(seed).permutation(len(vectors))[:MAX_COMPONENTS]
            vectors = vectors[np.sort(chosen)]
        centred = vectors - middle
        products = (centred @ centred.T if wide else centred.T @ centred).astype(np.float64)
        found = np.linalg.eigh(products)
        values, axes = found.eigenvalues, found.eigenvectors
        kept = values > ROUNDING * values[-1]
        kept[-1] = True  # where all examples are alike, one that tells nothing
        values, matrix = np.maximum(values[kept], 1e-12), axes[:, kept]
        if wide:
            matrix = centred.T @ (matrix / np.sqrt(values)).astype(np.float32)
        scale = np.sqrt(len(vectors) * len(values) / values.sum())
        return _Axes(middle=middle, matrix=(matrix * scale).astype(np.float32))

    def __call__(self, vectors: Floats) -> Floats:
        coordinates: Floats = np.matmul(vectors - self.middle, self.matrix)
        return coordinates

    def fold(self, layer: Layer) -> Layer:
        """Return a layer that acts on vectors as this one does on their coordinates."""
        weight = self.matrix @ layer.weight
        return Layer(weight=weight, bias=layer.bias - self.middle @ weight)


def _train(coordinates: Floats, labels: Labels, settings: HeadSettings) -> DenseHead:
    import torch
    from torch.nn.functional import cross_entropy

    segments = (Segment(block="components", pool="mean", size=coordinates.shape[1]),)
    head = fresh_head(
        segments, Transform.identity(segments), units=settings.units,
        num_classes=labels.num_classes, seed=labels.seed,
    )  # fmt: skip
    chance = torch.Generator().manual_seed(labels.seed)
    module = to_torch(head, dropout=settings.dropout, generator=chance).train()
    num = len(coordinates)
    weights = np.ones(num) if labels.weights is None else labels.weights
    x = torch.from_numpy(coordinates)
    y = torch.from_numpy(labels.classes.astype(np.int64))
    w = torch.from_numpy(weights.astype(np.float32))
    steps_an_epoch = -(-num // BATCH)
    num_epochs = max(EPOCHS, -(-MIN_STEPS // steps_an_epoch))
    rate = RATE / min(settings.units) ** 0.5
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_epochs * steps_an_epoch)
    for _ in range(num_epochs):
        for part in torch.randperm(num, generator=chance).tensor_split(steps_an_epoch):
            losses = cross_entropy(
                module(x[part]), y[part], reduction="none",
                label_smoothing=settings.label_smoothing,
            )  # fmt: skip
            optimiser.zero_grad()
            (losses * w[part]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return from_torch(module, head)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Give torch one thread, so that sums are taken in one order; fits run side by side instead.

    The setting is that of the calling thread and of threads that come later; the last of the fits
    that run side by side puts it back.
    """
    import torch

    with _lock:
        _before.append(_before[0] if _before else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            torch.set_num_threads(_before.pop())
