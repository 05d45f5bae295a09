"""Progress of several trainings' epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import final

from topwork.core.progress import staged
from topwork.training.loop.task import Epoch

SCORING_EPOCHS = 1
"""What scoring the examples left out takes, in epochs, at most. 490 texts, the last 3 blocks of
MiniLM: an epoch 4.1 s, the five shares of the weights on a fold 1.9 s."""


@final
class EpochProgress:
    """Turns epochs into progress: so many trainings of so many epochs each."""

    def __init__(
        self,
        stage: str,
        *,
        epochs: int,
        num_trainings: int,
        on_timed: Callable[[float], None] | None = None,
    ) -> None:
        """Begin with the first training.

        Args:
            on_timed: called once, after the first epoch that is run: how many seconds the rest of
                this training and each further one will take at most, and one more on everything.
        """
        self._report = staged(stage)
        self._epochs, self._num_trainings = epochs, num_trainings
        self._on_timed = on_timed
        self.begin(0)

    def begin(self, training: int) -> None:
        """Say that so many trainings are done."""
        self._training, self._started = training, time.monotonic()
        self._report(training * self._epochs, self._num_trainings * self._epochs)

    def __call__(self, epoch: Epoch) -> None:
        """Take an epoch's end."""
        done = self._training * self._epochs + epoch.number
        self._report(done, self._num_trainings * self._epochs)
        if self._on_timed is not None:
            self._on_timed(self._seconds_left(epoch))
            self._on_timed = None

    def _seconds_left(self, epoch: Epoch) -> float:
        before = max(time.monotonic() - self._started - epoch.seconds, 0.0)  # the head was fitted
        whole = before + (self._epochs + SCORING_EPOCHS) * epoch.seconds
        own = (self._epochs - epoch.number + SCORING_EPOCHS) * epoch.seconds
        return own + (self._num_trainings - self._training) * whole
