"""Batches of an epoch, loaded ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from topwork.core.shapes import Indices, Int
from topwork.errors import TrainingError
from topwork.training.loop.task import Source

if TYPE_CHECKING:
    import torch


AHEAD_BYTES = 256 * 2**20
"""Loaded examples that wait, at most, beside the two steps that always do."""

POOLED_STEPS = 8
"""Steps whose examples are sorted by shape together: where shapes differ (texts, sounds), so many
more of a step's examples are of one shape and run at once. Of few examples, all are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchPart:
    """Examples of one shape, loaded: all that a step has of it.

    `lengths`: of rows that were padded to this shape, int64 [n]; None: none was.
    """

    indices: Indices
    inputs: torch.Tensor
    lengths: torch.Tensor | None = None


def num_steps(num_examples: int, batch_size: int) -> int:
    """Return the steps of an epoch: none has more than `batch_size`, and no example is left out."""
    return -(-num_examples // batch_size)


def steps_of_epoch(
    source: Source, batch_size: int, *, seed: int, epoch: int
) -> list[Int[np.ndarray, " _"]]:
    """Return each step's examples, in an order drawn anew for each seed and epoch.

    What does not make up a whole batch is spread evenly: 65 examples in batches of 64 are steps of
    33 and 32. Where shapes differ, examples of like shape come together, within a few steps.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(source.num_examples).astype(np.int64)
    steps = num_steps(len(order), batch_size)
    shapes = [source.shape(int(row)) for row in order]
    if len(set(shapes)) == 1:
        return list(np.array_split(order, steps))
    sizes = [len(indices) for indices in np.array_split(order, steps)]
    sorted_steps: list[Indices] = []
    start = 0
    for first in range(0, steps, POOLED_STEPS):
        pooled = sizes[first : first + POOLED_STEPS]
        places = range(start, start + sum(pooled))
        start += sum(pooled)
        by_shape = order[sorted(places, key=lambda place: shapes[place])]
        sorted_steps += np.split(by_shape, np.cumsum(pooled)[:-1])
    return [sorted_steps[k] for k in generator.permutation(steps)]


def load_ahead(
    source: Source,
    steps: Sequence[Int[np.ndarray, " _"]],
    *,
    epoch: int,
    num_threads: int,
    pin: bool = False,
) -> Generator[list[BatchPart]]:
    """Yield each step's examples by shape, loaded in threads while the caller is at work.

    Raises:
        TrainingError: the source gives another shape than it said.
    """
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="topwork-load")
    waiting: deque[Future[list[BatchPart]]] = deque()
    coming = iter(steps)
    ahead = 2
    try:
        while True:
            while len(waiting) < ahead and (indices := next(coming, None)) is not None:
                waiting.append(pool.submit(_load, source, indices, epoch, pin))
            if not waiting:
                return
            parts = waiting.popleft().result()
            taken = sum(part.inputs.nbytes for part in parts)
            ahead = max(2, min(num_threads + 1, AHEAD_BYTES // max(1, taken)))
            yield parts
    finally:
        pool.shutdown(cancel_futures=True)


def _load(source: Source, indices: Indices, epoch: int, pin: bool) -> list[BatchPart]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for row in indices.tolist():
        by_shape.setdefault(tuple(source.shape(row)), []).append(row)
    parts = []
    for shape, members in by_shape.items():
        inputs = source.load(members, epoch)
        if tuple(inputs.shape) != (len(members), *shape):
            raise TrainingError(
                f"The source gave a batch of shape {tuple(inputs.shape)}; accepted here: "
                f"{(len(members), *shape)}, as its shape() says. Correct the source."
            )
        parts.append(
            BatchPart(
                indices=np.array(members, np.int64),
                inputs=inputs.pin_memory() if pin else inputs,
            )
        )
    return parts
