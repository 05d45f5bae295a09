"""Predictions of a stream of inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from topwork.examples.example import Example, Skipped
from topwork.executors.base import Executor
from topwork.features.stream import stream_networks
from topwork.model.parts import ModelParts
from topwork.model.predictions import Prediction, make_predictions

CHUNK = 256
"""Inputs whose features are held at a time while predicting."""


def stream_predictions(
    parts: ModelParts,
    executors: Sequence[Executor],
    examples: Iterable[Example],
    *,
    reject: float | None,
    report: Callable[[int, int], None],
) -> Iterator[Prediction]:
    """Yield a prediction of every example, in order; `report` is told how many are done."""
    total = len(examples) if isinstance(examples, Sequence) else 0
    names: deque[str] = deque()

    def named() -> Iterator[Example]:
        for example in examples:
            names.append(example.name)
            yield example

    made = partial(make_predictions, head=parts.head, classes=parts.classes,
                   detector=parts.detector, reject=reject, decision=parts.decision)  # fmt: skip
    waiting: list[tuple[str, npt.NDArray[np.float32] | Skipped]] = []
    done = 0
    for _, result in stream_networks(named(), executors, parts.backbone):
        waiting.append((names.popleft(), result))
        if len(waiting) == CHUNK:
            yield from made(waiting)
            done += len(waiting)
            waiting.clear()
            report(done, total)
    yield from made(waiting)
    report(done + len(waiting), total)
