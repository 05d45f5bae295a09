"""Progress of several trainings' epochs."""

from __future__ import annotations

from typing import final

from topwork.core.progress import staged
from topwork.training.loop.task import Epoch


@final
class EpochProgress:
    """Turns epochs into progress: so many trainings of so many epochs each."""

    def __init__(self, stage: str, *, epochs: int, num_trainings: int) -> None:
        self._report = staged(stage)
        self._epochs, self._total = epochs, epochs * num_trainings
        self.begin(0)

    def begin(self, training: int) -> None:
        """Say that so many trainings are done."""
        self._done = training * self._epochs
        self._report(self._done, self._total)

    def __call__(self, epoch: Epoch) -> None:
        """Take an epoch's end."""
        self._report(self._done + epoch.number, self._total)
