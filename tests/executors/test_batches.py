"""What is computed together, and that it comes back in order."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.executors import batches
from topwork.executors.base import WindowForm
from topwork.executors.batches import Window, equal_shapes, run_batches

TEXTS = WindowForm(dtype="int64", shape=(None,), max_batch=4)
IMAGES = WindowForm(dtype="uint8", shape=(2, 2, 3), max_batch=4)


class Recorder:
    """Computes the sum of each window, and notes what it got together and what was under way."""

    def __init__(self) -> None:
        self.batches: list[tuple[tuple[int, ...], int]] = []
        self.under_way = self.most = 0

    def start(self, batch: Sequence[Window]) -> np.ndarray:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        stacked = np.stack(batch)  # fails where shapes differ
        self.batches.append((stacked.shape[1:], len(batch)))
        return stacked

    def finish(self, started: np.ndarray) -> list[np.ndarray]:
        self.under_way -= 1
        return [np.array([w.sum()], np.float32) for w in started]

    def run(
        self, windows: Iterator[Window] | Sequence[Window], form: WindowForm, waiting: int = 3
    ) -> list[float]:
        out = run_batches(
            windows, form, 1, start=self.start, finish=self.finish, num_waiting=waiting
        )
        return [float(vector[0]) for vector in out]


@given(st.lists(st.integers(1, 5), max_size=60))
def test_texts_come_back_in_order_and_only_equal_lengths_go_together(lengths: list[int]) -> None:
    windows = [np.full(n, i, np.int64) for i, n in enumerate(lengths)]
    recorder = Recorder()
    assert recorder.run(windows, TEXTS) == [float(w.sum()) for w in windows]
    assert all(size <= 4 for _, size in recorder.batches)
    assert sum(size for _, size in recorder.batches) == len(windows)
    assert recorder.most <= 3
    assert recorder.under_way == 0


def test_among_many_the_batches_are_full() -> None:
    rng = np.random.default_rng(0)
    windows = [np.zeros(n, np.int64) for n in rng.integers(1, 6, 1000)]
    recorder = Recorder()
    recorder.run(windows, TEXTS)
    assert len(recorder.batches) <= 1000 / 4 + 5


def test_the_look_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LOOK_AHEAD", 16)
    pulled = 0

    def windows() -> Iterator[Window]:
        nonlocal pulled
        while True:
            pulled += 1
            yield np.zeros(1 + pulled % 3, np.int64)

    recorder = Recorder()
    out = run_batches(
        windows(), TEXTS, 1, start=recorder.start, finish=recorder.finish, num_waiting=2
    )
    next(out)
    assert pulled <= 17


def test_one_shape_goes_as_it_comes() -> None:
    windows = [np.full((2, 2, 3), i, np.uint8) for i in range(10)]
    recorder = Recorder()
    assert recorder.run(iter(windows), IMAGES, waiting=2) == [float(w.sum()) for w in windows]
    assert [size for _, size in recorder.batches] == [4, 4, 2]
    assert recorder.most == 2


def test_long_texts_go_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_TOKENS", 10)
    windows = [np.zeros(5, np.int64)] * 4 + [np.zeros(11, np.int64)] * 2
    found = list(equal_shapes(windows, TEXTS))
    assert found == [[4], [5], [0, 1], [2, 3]]
