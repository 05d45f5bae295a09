"""Streams examples through a network: images are decoded in threads, a window ahead of it.

What it does not know: where the features go, and which are known already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import numpy as np
import numpy.typing as npt

from topwork.errors import ExampleError
from topwork.examples.decode import decode_image
from topwork.examples.example import Example, Skipped
from topwork.examples.image_input import ImageInput
from topwork.executors.base import Executor
from topwork.executors.openvino import num_cores

WINDOW = 256
"""Two batches of a GPU; at 224 px it holds 39 MB."""

WINDOW_BYTES = 64 * 2**20

Pixels = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]
Run = Callable[[Iterable[Pixels]], Iterator[Vector]]


def stream_features(
    examples: Iterable[Example], executor: Executor, spec: ImageInput, *, strict: bool = False
) -> Iterator[tuple[int, Vector | Skipped]]:
    """Yield each example's position and its features, float32 [width], or why it has none.

    In order, and in memory that does not grow. Nothing is stored, nor rounded to float16.

    Raises:
        ExampleError: with `strict`, an example cannot be read; its name is in front. What comes
            before it is yielded first.
    """
    return stream(examples, executor.run, spec, strict=strict)


def stream(
    examples: Iterable[Example], run: Run, spec: ImageInput, *, strict: bool
) -> Generator[tuple[int, Vector | Skipped]]:
    """`stream_features`, for whatever turns images into vectors in their order."""
    taken: deque[tuple[int, Example, ExampleError | None]] = deque()  # and not yet yielded

    def images() -> Iterator[Pixels]:
        for position, (example, pixels) in enumerate(decoded):
            if not isinstance(pixels, ExampleError):
                taken.append((position, example, None))
                yield pixels
                continue
            taken.append((position, example, pixels))
            if strict:  # raised in its turn: what went before is still under way
                return

    def broken() -> Iterator[tuple[int, Skipped]]:
        while taken and (error := taken[0][2]) is not None:
            position, example, _ = taken.popleft()
            yield position, _skip(example, error, strict=strict)

    with closing(decode_ahead(examples, spec)) as decoded:
        for vector in run(images()):
            yield from broken()
            position, example, _ = taken.popleft()
            if np.isfinite(vector).all():
                yield position, vector
            else:
                error = ExampleError(
                    "the backbone gives numbers for it that are infinite or not numbers (NaN)"
                )
                yield position, _skip(example, error, strict=strict)
        yield from broken()


def _skip(example: Example, error: ExampleError, *, strict: bool) -> Skipped:
    if strict:
        raise type(error)(f"{example.name}: {error}") from error
    return Skipped(name=example.name, reason=str(error))


def decode_ahead(
    examples: Iterable[Example], spec: ImageInput
) -> Generator[tuple[Example, Pixels | ExampleError]]:
    """Yield each example with its pixels [S, S, 3], or why it has none, in order."""
    threads = num_cores()
    window = max(2 * threads, min(WINDOW, WINDOW_BYTES // (3 * spec.size**2)))
    waiting: deque[tuple[Example, Future[Pixels | ExampleError]]] = deque()
    source = iter(examples)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="topwork-decode")
    try:
        while True:
            while len(waiting) < window and (example := next(source, None)) is not None:
                waiting.append((example, pool.submit(_decode, example, spec)))
            if not waiting:
                return
            example, future = waiting.popleft()
            yield example, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _decode(example: Example, spec: ImageInput) -> Pixels | ExampleError:
    try:
        return decode_image(example.read(), spec)
    except ExampleError as error:
        return error
