"""Heads: what every one of them promises.

    features -> transform -> scores -> softmax -> probabilities

What it does not know: how scores are made (kernel_head.py, dense.py), and how a head was fitted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topwork.core.plain import from_plain
from topwork.core.shapes import Float64, Floats, Int, Shaped
from topwork.errors import DataError
from topwork.executors.base import Segment, by_network
from topwork.features.table import FeatureTable
from topwork.heads.kernel import Standardiser, Transform
from topwork.heads.softmax import Softmax

CHUNK = 512
"""Rows that are turned into probabilities at a time; bounds the memory."""

Tensors = dict[str, npt.NDArray[Any]]
Scorer = Callable[[Floats], npt.NDArray[np.floating]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Head(ABC):
    """What takes the place of the output layer. D: numbers that it looks at; K: classes.

    Attributes:
        segments: the columns that the features must have.
        transform: features -> vectors [D].
        softmax: scores [K] -> probabilities [K].
    """

    segments: tuple[Segment, ...]
    transform: Transform
    softmax: Softmax

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.softmax.bias)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks that it looks at, in the order in which they run."""
        firsts = (fitted.segments[0] for fitted in self.transform.standardisers)
        return tuple(self.segments[i].block for i in firsts)

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools of these blocks that it looks at, each once."""
        chosen = (i for fitted in self.transform.standardisers for i in fitted.segments)
        return tuple(dict.fromkeys(self.segments[i].pool for i in chosen))

    def predict(
        self, table: FeatureTable, indices: Int[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, "n k"]:
        """Return probabilities [len(indices), K] for rows of a table.

        Raises DataError where its columns are not `segments`.
        """
        if tuple(table.segments) != self.segments:
            raise DataError(
                f"The features have {len(table.segments)} segments that are not the "
                f"{len(self.segments)} that the head was fitted on. Compute them with the same "
                "backbone and pools."
            )
        indices = np.arange(table.num_rows) if indices is None else indices
        scores = self.scorer()
        out = np.empty((len(indices), self.num_classes))
        for start in range(0, len(indices), CHUNK):
            features = self.transform(table, indices[start : start + CHUNK])
            out[start : start + CHUNK] = self.softmax(scores(features))
        return out

    def tensors(self) -> dict[str, Shaped[np.ndarray, "..."]]:
        """Return all numbers by name, for a file."""
        tensors: Tensors = {
            **self._own_tensors(),
            "softmax.matrix": self.softmax.matrix,
            "softmax.bias": self.softmax.bias,
        }
        for block, fitted in zip(self.blocks, self.transform.standardisers, strict=True):
            tensors[f"mean/{block}"] = fitted.mean
            tensors[f"scale/{block}"] = fitted.scale
        return tensors

    def settings(self) -> dict[str, Any]:
        """Return all that is not numbers by the thousand, as plain data."""
        return {
            "blocks": list(self.blocks),
            "segments": [[s.block, s.pool, s.size] for s in self.segments],
            "columns": [list(fitted.segments) for fitted in self.transform.standardisers],
            "unit": self.transform.unit,
            **self._own_settings(),
        }

    @property
    def span(self) -> str:
        """The first and the last block that it looks at; of several networks, of each."""
        return " and ".join(f"{own[0]} to {own[-1]}" for own in by_network(self.blocks))

    @property
    @abstractmethod
    def form(self) -> str:
        """What it is, in a few words for a person."""

    @abstractmethod
    def scorer(self) -> Scorer:
        """Return what makes scores [N, K] of the transform's vectors [N, D]."""

    @abstractmethod
    def _own_tensors(self) -> Tensors:
        """Return its numbers, beside those of the transform and the softmax."""

    @abstractmethod
    def _own_settings(self) -> dict[str, Any]:
        """Return its `kind` (restore.py), and all else that makes it again."""


def restore_parts(
    settings: Mapping[str, Any], tensors: Mapping[str, Shaped[np.ndarray, "..."]]
) -> tuple[tuple[Segment, ...], Transform, Softmax]:
    """Undo `settings` and `tensors` for what all heads have.

    Raises KeyError, ValueError or TypeError on bad ones.
    """
    saved = from_plain(tuple[tuple[str, str, int], ...], settings["segments"])
    segments = tuple(Segment(block=block, pool=pool, size=size) for block, pool, size in saved)
    names = [f"/{block}" for block in settings["blocks"]]
    columns = [tuple(map(int, own)) for own in settings["columns"]]
    standardisers = restore_standardisers("a block", columns, names, tensors, segments)
    softmax = Softmax(matrix=tensors["softmax.matrix"], bias=tensors["softmax.bias"])
    num_classes = len(softmax.bias)
    if softmax.matrix.shape != (num_classes, num_classes) or softmax.bias.ndim != 1:
        raise ValueError("the head's tensors do not fit each other: its softmax")
    unit = settings.get("unit", True)  # heads of before there was a choice had it so
    if not isinstance(unit, bool):
        raise TypeError(f"unit is {unit!r}, not true or false")
    return segments, Transform(standardisers=standardisers, unit=unit), softmax


def restore_standardisers(
    what: str,
    columns: Sequence[Sequence[int]],
    names: Sequence[str],
    tensors: Mapping[str, Shaped[np.ndarray, "..."]],
    segments: Sequence[Segment],
) -> tuple[Standardiser, ...]:
    """Return the standardisers of these columns, whose tensors' names end like this.

    Raises KeyError, ValueError or TypeError on bad ones; `what` has them.
    """
    found = []
    for name, own in zip(names, columns, strict=True):
        mean, scale, at = tensors[f"mean{name}"], tensors[f"scale{name}"], tuple(map(int, own))
        if not at or not all(0 <= i < len(segments) for i in at):
            raise ValueError(f"{what} has columns {own} of {len(segments)}")
        size = sum(segments[i].size for i in at)
        if mean.shape != (size,) or scale.shape != (size,):
            raise ValueError(f"{what} has {mean.shape} means for {size} numbers")
        found.append(Standardiser(segments=at, mean=mean, scale=scale))
    return tuple(found)
