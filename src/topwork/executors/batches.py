"""Batches of windows of equal shape.

Nothing is ever padded to the length of another: a window's features cannot depend on what it was
computed with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Float32, Floats, Shaped
from topwork.executors.base import WindowForm

LOOK_AHEAD = 2048
"""Windows among which equal lengths are sought. Of 3,000 bank customers' questions in 66 lengths,
batches of 32 of one length run as fast as any (577 texts/s; 8: 560, 1: 414)."""

LOOK_AHEAD_BYTES = 64 * 2**20
"""Their vectors wait in memory until all are done."""

MAX_TOKENS = 4096
"""Of a batch: beyond, nothing is gained, and attention takes the square of the length."""

Started = TypeVar("Started")
Window = npt.NDArray[Any]


def run_batches(
    windows: Iterable[Shaped[np.ndarray, "..."]],
    form: WindowForm,
    width: int,
    *,
    start: Callable[[Sequence[Shaped[np.ndarray, "..."]]], Started],
    finish: Callable[[Started], Sequence[Float32[np.ndarray, " width"]]],
    num_waiting: int,
) -> Iterator[Float32[np.ndarray, " width"]]:
    """Yield each window's vector, in the windows' order.

    Args:
        width: numbers in a vector.
        start: begins to compute a batch of windows of one shape.
        finish: waits for it, and returns a vector for each.
        num_waiting: batches that are begun before the first is waited for.
    """
    source = iter(windows)
    if form.max_batch == 1 or None not in form.shape:  # as they come
        busy: deque[Started] = deque()
        while batch := list(islice(source, form.max_batch)):
            busy.append(start(batch))
            if len(busy) == num_waiting:
                yield from finish(busy.popleft())
        while busy:
            yield from finish(busy.popleft())
        return
    look_ahead = int(np.clip(LOOK_AHEAD_BYTES // (4 * width), 2 * form.max_batch, LOOK_AHEAD))
    while ahead := list(islice(source, look_ahead)):
        out: list[Floats | None] = [None] * len(ahead)
        waiting: deque[tuple[list[int], Started]] = deque()

        def take(oldest: tuple[list[int], Started], out: list[Floats | None] = out) -> None:
            for place, vector in zip(oldest[0], finish(oldest[1]), strict=True):
                out[place] = vector

        for places in equal_shapes(ahead, form):
            waiting.append((places, start([ahead[i] for i in places])))
            if len(waiting) == num_waiting:
                take(waiting.popleft())
        while waiting:
            take(waiting.popleft())
        yield from (vector for vector in out if vector is not None)


def equal_shapes(
    windows: Sequence[Shaped[np.ndarray, "..."]], form: WindowForm
) -> Iterator[list[int]]:
    """Yield positions of windows of one shape, at most `max_batch`, the longest windows first."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, window in enumerate(windows):
        by_shape.setdefault(window.shape, []).append(place)
    for shape in sorted(by_shape, reverse=True):
        places = by_shape[shape]
        size = form.max_batch
        if form.dtype == "int64":
            size = max(1, min(size, MAX_TOKENS // shape[0]))
        yield from (places[i : i + size] for i in range(0, len(places), size))
