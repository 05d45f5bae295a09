"""Steps that leave out no example, and their loading."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training.nets import Rows
from topwork.errors import TrainingError
from topwork.training.loop.batches import load_ahead, num_steps, steps_of_epoch


def rows(lengths: Sequence[int]) -> Rows:
    return Rows([torch.full((length, 2), float(i)) for i, length in enumerate(lengths)])


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=70),
    st.integers(1, 20),
    st.integers(0, 5),
)
def test_steps_take_every_example_once(lengths: list[int], batch_size: int, epoch: int) -> None:
    steps = steps_of_epoch(rows(lengths), batch_size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(lengths)))
    sizes = [len(step) for step in steps]
    assert len(steps) == num_steps(len(lengths), batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_the_order_is_of_the_seed_and_the_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        steps = steps_of_epoch(rows([1] * 50), 8, seed=seed, epoch=epoch)
        return [int(row) for step in steps for row in step]

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_examples_of_one_shape_come_together() -> None:
    lengths = [1 + i % 8 for i in range(400)]
    steps = steps_of_epoch(rows(lengths), 16, seed=0, epoch=1)
    shapes = [len({lengths[row] for row in step}) for step in steps]
    assert np.mean(shapes) < 3  # of 8; without sorting all but one


def test_parts_are_of_one_shape_and_hold_the_right_rows() -> None:
    source = rows([1, 3, 1, 2, 3, 3])
    steps = [np.array([0, 1, 2, 4]), np.array([3, 5])]
    loaded = list(load_ahead(source, steps, epoch=1, num_threads=2))
    assert [sorted(row for part in parts for row in part.indices) for parts in loaded] == [
        [0, 1, 2, 4], [3, 5],
    ]  # fmt: skip
    for parts in loaded:
        for part in parts:
            np.testing.assert_array_equal(part.inputs[:, 0, 0].numpy(), part.indices)


def test_an_empty_share_has_no_parts() -> None:
    assert list(load_ahead(rows([1]), [np.array([], np.int64)], epoch=1, num_threads=1)) == [[]]


def test_loading_is_ahead_and_bounded() -> None:
    source = rows([1] * 100)
    steps = [np.array([i]) for i in range(100)]
    loading = load_ahead(source, steps, epoch=1, num_threads=2)
    next(loading)
    next(loading)
    loading.close()
    assert len(source.loaded) <= 2 + 3
    assert not [t for t in threading.enumerate() if t.name.startswith("topwork-load")]


def test_a_source_that_gives_another_shape() -> None:
    class Short(Rows):
        def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
            return super().load(examples, epoch)[:, :1]

    source = Short([torch.zeros(3, 2)])
    with pytest.raises(TrainingError, match=r"shape \(1, 1, 2\); accepted here: \(1, 3, 2\)"):
        list(load_ahead(source, [np.array([0])], epoch=1, num_threads=1))
