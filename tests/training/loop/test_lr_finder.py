"""The learning-rate test: a rate that learns, and nothing else changed."""

import numpy as np
import pytest
import torch

from tests.training import nets
from topwork.errors import SettingError, TrainingError
from topwork.training.loop.lr_finder import find_lr
from topwork.training.loop.trainer import fit


def test_suggests_a_rate_that_learns_and_changes_nothing() -> None:
    task, plan = nets.task(num_examples=90), nets.plan(lr=123.0)
    before = nets.weights(task.module)
    random = torch.get_rng_state()
    found = find_lr(task, plan)
    assert found == find_lr(task, plan)
    for name, value in nets.weights(task.module).items():
        np.testing.assert_array_equal(value, before[name])
    assert torch.equal(torch.get_rng_state(), random)
    assert len(found.lrs) == len(found.losses) <= 60
    assert 1e-4 < found.lr < 1
    assert found.lr in found.lrs
    fitted = fit(task, nets.plan(epochs=10, lr=found.lr))
    assert fitted.history[-1].loss < 0.7 * fitted.history[0].loss


def test_stops_when_the_loss_explodes() -> None:
    found = find_lr(nets.task(), nets.plan(optimiser="sgd", clip=0.0), lowest=1e-4, highest=1e6)
    assert len(found.lrs) < 60
    assert found.lr < 10


def test_ranges_that_cannot_be_used() -> None:
    for values in ({"lowest": 0.0}, {"lowest": 20.0}, {"num_steps": 5}):
        with pytest.raises(SettingError, match="range of learning rates is"):
            find_lr(nets.task(), nets.plan(), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [0.0, float("nan")])
def test_a_loss_that_never_falls(factor: float) -> None:
    class Times(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * factor

    task = nets.task(torch.nn.Sequential(nets.dense(), Times()))
    with pytest.raises(TrainingError, match="does not fall at any of the"):
        find_lr(task, nets.plan())
