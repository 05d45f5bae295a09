"""Kernel head, fitted in closed form.

    features -> unit vectors of blocks -> kernel -> scores -> softmax -> probabilities

A linear kernel is folded into one matrix; an RBF one carries its landmarks in float16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Floats, Shaped
from topwork.heads.base import Head, Scorer, Tensors, restore_parts
from topwork.heads.kernel import Kernel
from topwork.heads.softmax import link


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class KernelHead(Head):
    """What is fitted. D: numbers of the chosen blocks and pools; K: classes; M: landmarks.

    Attributes:
        kernel: the choice that was made.
        penalty: of the ridge, in shares of the kernel's mean diagonal.
        landmarks: float16 [M, D]; None where the kernel is linear and folded.
        weights: float32 [M, K], or [D, K] where folded.
        constants: float32 [K].
        name_weight: what the name of each class weighs among the examples; 0: it is not there.
        num_views: altered views of each example that were learned from beside it.
        linked: whether scores are bent before the softmax; not in models of format 1.
    """

    kernel: Kernel
    penalty: float
    landmarks: npt.NDArray[np.float16] | None
    weights: Floats
    constants: Floats
    name_weight: float = 0.0
    num_views: int = 0
    linked: bool = True

    @property
    def form(self) -> str:
        form = "linear" if self.kernel.gamma is None else f"RBF (gamma {self.kernel.gamma:g})"
        if self.num_views:
            views = "an altered view" if self.num_views == 1 else f"{self.num_views} altered views"
            form += f", {views} of each example beside it"
        if self.name_weight:
            form += f", the name of each class as {self.name_weight:g} of its examples"
        return form

    def scorer(self) -> Scorer:
        landmarks = None if self.landmarks is None else self.landmarks.astype(np.float32)

        def score(vectors: Floats) -> npt.NDArray[np.floating]:
            if landmarks is not None:
                vectors = self.kernel.apply(vectors @ landmarks.T)
            scores: Floats = vectors @ self.weights + self.constants
            return link(scores) if self.linked else scores

        return score

    def _own_tensors(self) -> Tensors:
        tensors: Tensors = {"weights": self.weights, "constants": self.constants}
        if self.landmarks is not None:
            tensors["landmarks"] = self.landmarks
        return tensors

    def _own_settings(self) -> dict[str, Any]:
        return {
            "kind": "kernel",
            "pools": list(self.kernel.pools),
            "gamma": self.kernel.gamma,
            "penalty": self.penalty,
            **({"name_weight": self.name_weight} if self.name_weight else {}),
            **({"num_views": self.num_views} if self.num_views else {}),
            **({} if self.linked else {"linked": False}),
        }

    @staticmethod
    def restore(
        settings: Mapping[str, Any], tensors: Mapping[str, Shaped[np.ndarray, "..."]]
    ) -> KernelHead:
        """Undo `settings` and `tensors`. Raises KeyError, ValueError or TypeError on bad ones."""
        segments, transform, softmax = restore_parts(settings, tensors)
        gamma = settings["gamma"]
        head = KernelHead(
            kernel=Kernel(
                blocks=tuple(settings["blocks"]),
                pools=tuple(settings["pools"]),
                gamma=None if gamma is None else float(gamma),
            ),
            penalty=float(settings["penalty"]),
            segments=segments,
            transform=transform,
            landmarks=tensors.get("landmarks"),
            weights=tensors["weights"],
            constants=tensors["constants"],
            name_weight=float(settings.get("name_weight", 0.0)),
            num_views=int(settings.get("num_views", 0)),
            linked=settings.get("linked", True) is not False,
            softmax=softmax,
        )
        width, num_classes = sum(transform.widths), head.num_classes
        inner = width if head.landmarks is None else len(head.landmarks)
        fits = (
            head.weights.shape == (inner, num_classes)
            and head.constants.shape == (num_classes,)
            and (head.landmarks is None or head.landmarks.shape == (inner, width))
            and (gamma is None) == (head.landmarks is None)
        )
        if not fits:
            raise ValueError("the head's tensors do not fit each other")
        return head
