"""Examples streamed through a network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import islice, tee
from typing import Generic, TypeVar

import numpy as np

from topwork.backbones.base import Backbone
from topwork.core.shapes import Float32, Floats, Shaped
from topwork.errors import ExampleError, TooLargeError, TopworkError
from topwork.examples.example import Example, Skipped
from topwork.examples.windows import Input, Window, decode
from topwork.executors.base import Executor
from topwork.executors.join import join
from topwork.executors.openvino import num_cores

AHEAD = 256
"""Examples that are decoded ahead: two batches of a GPU; of images at 224 px they hold 39 MB."""

AHEAD_BYTES = 64 * 2**20

TEXTS_PER_TASK = 32
"""A text is cut into tokens in less time than it takes to hand it to a thread."""

Item = TypeVar("Item")
Run = Callable[[Iterable[Window]], Iterator[Floats]]
Decoded = Iterable[Window] | ExampleError
Streamed = tuple[int, Float32[np.ndarray, " width"] | Skipped]
"""An example's position, and its features or why it has none."""


def stream_features(
    examples: Iterable[Example], executor: Executor, preprocessing: Input, *, strict: bool = False
) -> Generator[Streamed]:
    """Yield each example's position and its features, float32 [width], or why it has none.

    In order, and in memory that does not grow. Nothing is stored, nor rounded to float16.

    Raises:
        ExampleError: with `strict`, an example cannot be read; its name is in front. What comes
            before it is yielded first.
    """

    with closing(decode_ahead(examples, preprocessing)) as decoded:
        for pending in run_through(decoded, executor.run, preprocessing, strict=strict):
            yield pending.position, _outcome(pending, executor, strict=strict)


def stream_networks(
    examples: Iterable[Example], executors: Sequence[Executor], backbone: Backbone
) -> Iterator[Streamed]:
    """Yield the same of all the backbone's networks: what each of them gives, joined.

    Args:
        executors: one for each network.
    """
    networks = zip(tee(examples, len(executors)), executors, backbone.networks, strict=True)
    with ExitStack() as stack:
        streams = [
            stack.enter_context(closing(stream_features(own, executor, network.input)))
            for own, executor, network in networks
        ]
        if len(streams) == 1:
            yield from streams[0]
            return
        for found in zip(*streams, strict=True):
            refused = [outcome for _, outcome in found if isinstance(outcome, Skipped)]
            vectors = [outcome for _, outcome in found if not isinstance(outcome, Skipped)]
            yield found[0][0], refused[0] if refused else np.concatenate(vectors)


class Pending(Generic[Item]):
    """An item under way: windows that were handed to the network, vectors that came back.

    Attributes:
        weights: how much each window counts.
        vectors: one a window.
        error: why it cannot be used; what came back before is then worth nothing.
    """

    def __init__(self, position: int, item: Item) -> None:
        self.position = position
        self.item = item
        self.weights: list[float] = []
        self.vectors: list[Floats] = []
        self.error: ExampleError | None = None
        self.complete = False

    @property
    def done(self) -> bool:
        return self.complete and len(self.vectors) == len(self.weights)

    def check(self) -> None:
        """Look for reasons not to use it: it has no windows, or numbers that are none."""
        if self.error is None and not self.vectors:
            self.error = ExampleError("there is nothing in it")
        if self.error is None and not all(np.isfinite(one).all() for one in self.vectors):
            self.error = ExampleError(
                "the backbone gives numbers for it that are infinite or not numbers (NaN)"
            )


def run_through(
    decoded: Iterable[tuple[Item, Decoded]], run: Run, preprocessing: Input, *, strict: bool
) -> Generator[Pending[Item]]:
    """Yield each item with what the network gives for its windows, in order.

    With `strict`, nothing is read beyond the first that has an error.
    """
    taken: deque[Pending[Item]] = deque()  # and not yet yielded

    def windows() -> Iterator[Window]:
        for position, (item, outcome) in enumerate(decoded):
            pending = Pending(position, item)
            taken.append(pending)
            if isinstance(outcome, ExampleError):
                pending.error, outcome = outcome, ()
            rest = iter(outcome)
            while True:
                try:
                    window = next(rest, None)
                except Exception as error:  # noqa: BLE001 - of a long sound, decoded as it is taken
                    pending.error = _reason(error)
                    break
                if window is None:
                    break
                pending.weights.append(preprocessing.weight(window))
                yield window
            pending.complete = True
            if strict and pending.error is not None:  # raised in its turn: others are under way
                return

    def finished() -> Iterator[Pending[Item]]:
        while taken and taken[0].done:
            yield taken.popleft()

    for vector in run(windows()):
        yield from finished()
        taken[0].vectors.append(vector)
    yield from finished()


def _outcome(pending: Pending[Example], executor: Executor, *, strict: bool) -> Floats | Skipped:
    if pending.error is None and len(pending.vectors) > 1:
        pending.vectors = [join(pending.vectors, pending.weights, executor.segments)]
    pending.check()
    if pending.error is None:
        return pending.vectors[0]
    return refuse(pending.item, pending.error, strict=strict)


def refuse(example: Example, error: ExampleError, *, strict: bool) -> Skipped:
    """Return why the example is not used. Raises the error with its name, where `strict`."""
    if strict:
        raise type(error)(f"{example.name}: {error}") from error
    return Skipped(name=example.name, reason=str(error))


def decode_ahead(
    examples: Iterable[Example], preprocessing: Input
) -> Generator[tuple[Example, Decoded]]:
    """Yield each example with its windows, or why it has none, in order."""
    return work_ahead(
        examples, lambda example: decode(example.read(), preprocessing), preprocessing
    )


def work_ahead(
    items: Iterable[Item],
    work: Callable[[Item], Iterable[Shaped[np.ndarray, "..."]]],
    preprocessing: Input,
    *,
    views: int = 1,
) -> Generator[tuple[Item, Decoded]]:
    """Yield each item with its windows, made in threads, or the ExampleError that `work` raised.

    `views`: how many times the windows of an example an item has at most.
    """
    threads = num_cores()
    per_task = TEXTS_PER_TASK if preprocessing.modality == "text" else 1
    ahead = max(2 * threads, min(AHEAD, AHEAD_BYTES // (views * _window_bytes(preprocessing))))
    waiting: deque[tuple[list[Item], Future[list[Decoded]]]] = deque()
    source = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="topwork-decode")
    try:
        while True:
            while len(waiting) < ahead and (part := list(islice(source, per_task))):
                waiting.append((part, pool.submit(_work, part, work)))
            if not waiting:
                return
            part, future = waiting.popleft()
            yield from zip(part, future.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _window_bytes(preprocessing: Input) -> int:
    """About what an example takes in memory, decoded."""
    if preprocessing.modality == "image":
        return 3 * preprocessing.size**2
    if preprocessing.modality == "sound":
        return 4 * preprocessing.max_samples
    return 2**16


def _work(items: Sequence[Item], work: Callable[[Item], Iterable[Window]]) -> list[Decoded]:
    outcomes: list[Decoded] = []
    for item in items:
        try:
            outcomes.append(work(item))
        except Exception as error:  # noqa: BLE001 - one example never ends a run
            outcomes.append(_reason(error))
    return outcomes


def _reason(error: Exception) -> ExampleError:
    """Return why an example cannot be used, whatever its decoding raised.

    Raises the error again where it is another that Topwork raises on purpose: it is of the run.
    """
    if isinstance(error, ExampleError):
        return error
    if isinstance(error, TopworkError):
        raise error
    if isinstance(error, MemoryError):
        return TooLargeError(
            "decoding it takes more memory than there is. Save it smaller, or cut it into pieces"
        )
    wrapped = ExampleError(
        f"its decoding failed with {type(error).__name__}: {' '.join(str(error).split())[:200]}. "
        "This is a fault of Topwork; please report it, with the file if you can"
    )
    wrapped.__cause__ = error
    return wrapped
