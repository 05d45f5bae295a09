"""Dense head.

    features -> transform -> layer -> max(0, .) -> layer -> ... -> softmax -> probabilities

Between layers stands max(0, .), which numpy has as torch has it (GELU needs the error function,
which numpy lacks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Floats, Shaped
from topwork.executors.base import Segment
from topwork.heads.base import Head, Scorer, Tensors, restore_parts
from topwork.heads.kernel import Transform
from topwork.heads.softmax import Softmax


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """`x @ weight + bias`; weight float32 [in, out], bias float32 [out]."""

    weight: Floats
    bias: Floats


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class DenseHead(Head):
    """Layers from the transform's vectors [D] to logits [K], which the softmax makes sharper."""

    layers: tuple[Layer, ...]

    @property
    def form(self) -> str:
        units = [str(len(layer.bias)) for layer in self.layers[:-1]]
        return f"hidden layers of {', '.join(units)} units" if units else "one dense layer"

    def scorer(self) -> Scorer:
        def score(vectors: Floats) -> npt.NDArray[np.floating]:
            for number, layer in enumerate(self.layers):
                if number:
                    vectors = np.maximum(vectors, 0)
                vectors = vectors @ layer.weight + layer.bias
            return vectors

        return score

    def _own_tensors(self) -> Tensors:
        tensors: Tensors = {}
        for number, layer in enumerate(self.layers):
            tensors[f"layers.{number}.weight"] = layer.weight
            tensors[f"layers.{number}.bias"] = layer.bias
        return tensors

    def _own_settings(self) -> dict[str, Any]:
        return {"kind": "dense", "num_layers": len(self.layers)}

    @staticmethod
    def restore(
        settings: Mapping[str, Any], tensors: Mapping[str, Shaped[np.ndarray, "..."]]
    ) -> DenseHead:
        """Undo `settings` and `tensors`. Raises KeyError, ValueError or TypeError on bad ones."""
        segments, transform, softmax = restore_parts(settings, tensors)
        layers = tuple(
            Layer(weight=tensors[f"layers.{i}.weight"], bias=tensors[f"layers.{i}.bias"])
            for i in range(int(settings["num_layers"]))
        )
        head = DenseHead(segments=segments, transform=transform, softmax=softmax, layers=layers)
        widths = [sum(transform.widths), *(len(layer.bias) for layer in layers)]
        if len(widths) == 1 or widths[-1] != head.num_classes:
            raise ValueError(f"the head's tensors do not fit each other: widths {widths}")
        for layer, wanted in zip(layers, pairwise(widths), strict=True):
            if layer.weight.shape != wanted or layer.bias.ndim != 1:
                raise ValueError(f"a layer has {layer.weight.shape} weights for {wanted}")
        return head


def fresh_head(
    segments: Sequence[Segment],
    transform: Transform,
    *,
    units: Sequence[int] = (),
    num_classes: int,
    seed: int = 0,
) -> DenseHead:
    """Return a head that was not trained yet, with so many units in each hidden layer.

    Hidden layers begin as He et al. 2015 have it, for inputs of about unit variance; the last one
    begins at zero, so that training begins with equal probabilities, whatever the features.
    """
    rng = np.random.default_rng(seed)
    widths = [sum(transform.widths), *units]
    layers = [
        Layer(
            weight=(rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32),
            bias=np.zeros(b, np.float32),
        )
        for a, b in pairwise(widths)
    ]
    last = Layer(
        weight=np.zeros((widths[-1], num_classes), np.float32),
        bias=np.zeros(num_classes, np.float32),
    )
    return DenseHead(
        segments=tuple(segments),
        transform=transform,
        softmax=Softmax(matrix=np.eye(num_classes), bias=np.zeros(num_classes)),
        layers=(*layers, last),
    )
