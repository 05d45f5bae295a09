"""The new output layer as a value: features in, probabilities out, with numpy alone.

    features -> unit vectors of blocks -> kernel -> scores -> softmax -> probabilities

A linear kernel is folded into one matrix; an RBF one carries its landmarks in float16. What it
does not know: how it was fitted (fit.py), and the names of the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.errors import DataError
from topwork.executors.base import Segment
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Floats, Kernel, Rows, Standardiser, Transform
from topwork.heads.softmax import Softmax, link

CHUNK = 512
"""Rows that are turned into probabilities at a time; bounds the memory."""

Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """What is fitted. D: numbers of the chosen blocks and pools; K: classes; M: landmarks.

    Attributes:
        kernel: the choice that was made.
        penalty: of the ridge, in shares of the kernel's mean diagonal.
        segments: the columns that the features must have.
        transform: features -> joined unit vectors [D].
        landmarks: float16 [M, D]; None where the kernel is linear and folded.
        weights: float32 [M, K], or [D, K] where folded.
        constants: float32 [K].
        softmax: scores -> probabilities.
    """

    kernel: Kernel
    penalty: float
    segments: tuple[Segment, ...]
    transform: Transform
    landmarks: npt.NDArray[np.float16] | None
    weights: Floats
    constants: Floats
    softmax: Softmax

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.constants)

    def predict(self, table: FeatureTable, rows: Rows | None = None) -> npt.NDArray[np.float64]:
        """Return probabilities [len(rows), K] for rows of a table.

        Raises DataError where its columns are not `segments`.
        """
        if tuple(table.segments) != self.segments:
            raise DataError(
                f"The features have {len(table.segments)} segments that are not the "
                f"{len(self.segments)} that the head was fitted on. Compute them with the same "
                "backbone and pools."
            )
        rows = np.arange(table.num_rows) if rows is None else rows
        landmarks = None if self.landmarks is None else self.landmarks.astype(np.float32)
        out = np.empty((len(rows), self.num_classes))
        for start in range(0, len(rows), CHUNK):
            features = self.transform(table, rows[start : start + CHUNK])
            if landmarks is not None:
                features = self.kernel.apply(features @ landmarks.T)
            scores = features @ self.weights + self.constants
            out[start : start + CHUNK] = self.softmax(link(scores))
        return out

    def tensors(self) -> Tensors:
        """Return all numbers by name, for a file."""
        tensors: Tensors = {
            "weights": self.weights,
            "constants": self.constants,
            "softmax.matrix": self.softmax.matrix,
            "softmax.bias": self.softmax.bias,
        }
        if self.landmarks is not None:
            tensors["landmarks"] = self.landmarks
        for block, fitted in zip(self.kernel.blocks, self.transform.standardisers, strict=True):
            tensors[f"mean/{block}"] = fitted.mean
            tensors[f"scale/{block}"] = fitted.scale
        return tensors

    def settings(self) -> dict[str, Any]:
        """Return all that is not numbers by the thousand, as plain data."""
        standardisers = self.transform.standardisers
        return {
            "blocks": list(self.kernel.blocks),
            "pools": list(self.kernel.pools),
            "gamma": self.kernel.gamma,
            "penalty": self.penalty,
            "segments": [[s.block, s.pool, s.size] for s in self.segments],
            "columns": [list(s.segments) for s in standardisers],
        }

    @staticmethod
    def restore(settings: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[Any]]) -> Head:
        """Undo `settings` and `tensors`. Raises KeyError, ValueError or TypeError on bad ones."""
        segments = tuple(Segment(block=b, pool=p, size=int(n)) for b, p, n in settings["segments"])
        gamma = settings["gamma"]
        kernel = Kernel(
            blocks=tuple(settings["blocks"]),
            pools=tuple(settings["pools"]),
            gamma=None if gamma is None else float(gamma),
        )
        standardisers = tuple(
            Standardiser(
                segments=tuple(int(i) for i in columns),
                mean=tensors[f"mean/{block}"],
                scale=tensors[f"scale/{block}"],
            )
            for block, columns in zip(kernel.blocks, settings["columns"], strict=True)
        )
        head = Head(
            kernel=kernel,
            penalty=float(settings["penalty"]),
            segments=segments,
            transform=Transform(standardisers=standardisers),
            landmarks=tensors.get("landmarks"),
            weights=tensors["weights"],
            constants=tensors["constants"],
            softmax=Softmax(matrix=tensors["softmax.matrix"], bias=tensors["softmax.bias"]),
        )
        _check_shapes(head, segments)
        return head


def _check_shapes(head: Head, segments: Sequence[Segment]) -> None:
    width, num_classes = sum(head.transform.widths), head.num_classes
    inner = width if head.landmarks is None else len(head.landmarks)
    for fitted in head.transform.standardisers:
        size = sum(segments[i].size for i in fitted.segments)
        if fitted.mean.shape != (size,) or fitted.scale.shape != (size,):
            raise ValueError(f"a block has {fitted.mean.shape} means for {size} numbers")
    fits = (
        head.weights.shape == (inner, num_classes)
        and (head.landmarks is None or head.landmarks.shape == (inner, width))
        and (head.kernel.gamma is None) == (head.landmarks is None)
        and head.softmax.matrix.shape == (num_classes, num_classes)
        and head.softmax.bias.shape == (num_classes,)
    )
    if not fits:
        raise ValueError("the head's tensors do not fit each other")
