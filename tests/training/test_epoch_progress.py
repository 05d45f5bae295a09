"""Epochs of several trainings, as progress of one stage."""

import pytest

from topwork.core.progress import listening
from topwork.training import epoch_progress as module
from topwork.training.epoch_progress import EpochProgress
from topwork.training.loop.task import Epoch


def epoch(number: int) -> Epoch:
    return Epoch(number=number, loss=1.0, accuracy=0.5, lr=0.1, seconds=0.1, examples=10)


def test_trainings_are_counted_in_epochs() -> None:
    told: list[tuple[str, int, int]] = []
    with listening(lambda *step: told.append(step)):
        progress = EpochProgress("train all", epochs=3, num_trainings=2)
        progress(epoch(1))
        progress(epoch(2))  # the training is stopped here
        progress.begin(1)
        progress(epoch(1))
        progress.begin(2)
    assert told == [("train all", done, 6) for done in (0, 1, 2, 3, 4, 6)]


def test_it_needs_nobody_to_listen() -> None:
    EpochProgress("train all", epochs=3, num_trainings=2)(epoch(1))


def test_the_first_epoch_tells_how_long_all_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    told: list[float] = []
    progress = EpochProgress("try all", epochs=3, num_trainings=5, on_timed=told.append)
    progress.begin(2)  # two were kept on the disk
    clock[0] = 5.1  # 5 seconds for the head, 0.1 for the epoch
    progress(epoch(1))
    # two epochs and the scoring; then two folds and one training on everything, head and all
    assert told == [pytest.approx(0.3 + 3 * (5 + 0.4))]
    progress(epoch(2))
    assert len(told) == 1
