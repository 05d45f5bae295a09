"""Dense head as a torch module.

Importing this file loads no torch; `to_torch` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from topwork.heads.dense import DenseHead, Layer

if TYPE_CHECKING:
    import torch


def to_torch(
    head: DenseHead, *, dropout: float = 0.0, generator: torch.Generator | None = None
) -> torch.nn.Module:
    """Return a module from features to logits, as the head's softmax takes them.

    Features are float32 [N, sum of the sizes of `head.segments`], logits [N, K]. Its parameters
    are the layers alone (`layers.0.weight`, ...); what the transform does is held in buffers.

    Args:
        dropout: share of every layer's inputs that is left out while the module is in train mode.
        generator: where that chance comes from (on the features' device), so that trainings side
            by side do not disturb each other; None: torch's own.
    """
    import torch
    from torch import nn

    ends = np.cumsum([segment.size for segment in head.segments])
    unit, num_blocks = head.transform.unit, len(head.transform.standardisers)

    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, fitted in enumerate(head.transform.standardisers):
                at = [np.arange(ends[s] - head.segments[s].size, ends[s]) for s in fitted.segments]
                self.register_buffer(f"columns_{i}", torch.from_numpy(np.concatenate(at)))
                self.register_buffer(f"mean_{i}", torch.from_numpy(fitted.mean.copy()))
                self.register_buffer(f"scale_{i}", torch.from_numpy(fitted.scale.copy()))
            self.layers = nn.ModuleList(nn.Linear(*x.weight.shape) for x in head.layers)
            with torch.no_grad():
                for module, layer in zip(self.layers, head.layers, strict=True):
                    linear = cast(nn.Linear, module)
                    linear.weight.copy_(torch.from_numpy(layer.weight.T.copy()))
                    linear.bias.copy_(torch.from_numpy(layer.bias.copy()))

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            x = torch.cat([self._standard(features, i) for i in range(num_blocks)], dim=1)
            for number, layer in enumerate(self.layers):
                x = layer(self._dropped(torch.relu(x) if number else x))
            return x

        def _standard(self, features: torch.Tensor, i: int) -> torch.Tensor:
            columns, mean, scale = (
                self.get_buffer(f"{name}_{i}") for name in ("columns", "mean", "scale")
            )
            x = (features.index_select(1, columns) - mean) * scale
            # `normalize` has a slope of 0, not NaN, where nothing differs from the mean
            return nn.functional.normalize(x, eps=1e-12) / num_blocks**0.5 if unit else x

        def _dropped(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training or not dropout:
                return x
            kept = torch.empty_like(x).bernoulli_(1 - dropout, generator=generator)
            return x * kept / (1 - dropout)

    return Dense()


def from_torch(module: torch.nn.Module, head: DenseHead) -> DenseHead:
    """Return the head with the layers that the module, made of it by `to_torch`, has by now."""
    import torch

    def numbers(name: str) -> torch.Tensor:
        return module.get_parameter(name).detach().to("cpu", torch.float32)

    layers = tuple(
        Layer(
            weight=np.ascontiguousarray(numbers(f"layers.{i}.weight").numpy().T),
            bias=numbers(f"layers.{i}.bias").numpy().copy(),
        )
        for i in range(len(head.layers))
    )
    return replace(head, layers=layers)
