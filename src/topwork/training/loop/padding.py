"""Rows of several lengths in one batch.

A text's tokens cost little one text at a time, and a batch of each length leaves the cores waiting:
a step on 48 questions has 14 lengths. Here the shorter rows are padded, and what is padded is
hidden from attention and from the pools, so that each row's vector is what it would be alone. The
networks know nothing of it: attention is masked where PyTorch computes it. Whoever uses this tries
it out on a network first (`Learner`), for one that computes attention in its own way is not masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from topwork.executors.pooled import ROW_LENGTHS
from topwork.training.loop.batches import BatchPart

if TYPE_CHECKING:
    import torch

LONGEST = 1.5
"""Times the shortest row of a batch that its longest may be. An epoch on two cores, by length and
with 1.5: 48 questions, all layers of MiniLM, 1.25 s and 0.62 s (0.85 s with 2, 1.2 s as one batch);
770 questions of customers, the last 3 layers, 7.9 s and 5.2 s."""


GIVEN = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
"""What PyTorch's attention takes by place."""


def padded(parts: Sequence[BatchPart]) -> list[BatchPart]:
    """Return the parts of a step with rows of like length joined, the longest first."""
    import torch

    left = sorted(parts, key=lambda part: -part.inputs.shape[1])
    joined = []
    while left:
        longest = left[0].inputs.shape[1]
        own = [part for part in left if part.inputs.shape[1] * LONGEST >= longest]
        left = left[len(own) :]
        if len(own) == 1:
            joined += own
            continue
        rows = [torch.nn.functional.pad(part.inputs, _after(part.inputs, longest)) for part in own]
        lengths = [torch.full((len(p.indices),), p.inputs.shape[1], dtype=torch.int64) for p in own]
        joined.append(
            BatchPart(
                indices=np.concatenate([part.indices for part in own]),
                inputs=torch.cat(rows),
                lengths=torch.cat(lengths),
            )
        )
    return joined


def _after(inputs: torch.Tensor, length: int) -> list[int]:
    """Return what `torch.nn.functional.pad` takes to lengthen the second dimension."""
    return [0, 0] * (inputs.ndim - 2) + [0, length - inputs.shape[1]]


@contextmanager
def hiding(lengths: torch.Tensor | None) -> Iterator[None]:
    """Hide what comes after so many places of each row, in attention and in the pools.

    Args:
        lengths: int64 [N], on the device of the rows; None: nothing is padded.
    """
    if lengths is None:
        yield
        return
    token = ROW_LENGTHS.set(lengths)
    try:
        with _masking(lengths):
            yield
    finally:
        ROW_LENGTHS.reset(token)


def _masking(lengths: torch.Tensor) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    attention = torch.nn.functional.scaled_dot_product_attention

    class Masking(TorchFunctionMode):
        def __torch_function__(
            self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if func is not attention:
                return func(*args, **kwargs)
            named = {**dict(zip(GIVEN, args, strict=False)), **kwargs}
            if not named.get("is_causal"):  # a causal one looks back alone
                mask = _joined(named.get("attn_mask"), lengths, named["key"].shape[-2])
                named["attn_mask"] = mask
            return func(**named)

    return Masking()


def _joined(given: torch.Tensor | None, lengths: torch.Tensor, num_places: int) -> torch.Tensor:
    """Return the mask of the places that are there, and of what the network itself masks."""
    import torch

    there = torch.arange(num_places, device=lengths.device) < lengths[:, None]
    there = there[:, None, None, :]
    if given is None:
        return there
    if given.dtype == torch.bool:
        return given & there
    return given.masked_fill(~there, float("-inf"))
