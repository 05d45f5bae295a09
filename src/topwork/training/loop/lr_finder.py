"""Learning rate range test.

The range test of Smith (2017, "Cyclical learning rates for training neural networks"), as fastai
made it common.
"""

from __future__ import annotations

import copy
import logging
import math
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from topwork.core.shapes import Doubles
from topwork.errors import SettingError, TrainingError
from topwork.training.loop.batches import load_ahead, steps_of_epoch
from topwork.training.loop.fabric import make_fabric, repeatable
from topwork.training.loop.learner import Learner
from topwork.training.loop.task import Plan, Task

WIDTH = 3.0
"""Of the bell that smooths the losses, in steps. A bell does not lag, as a moving average does: by
a decade of rates here, where there are ten steps to each."""

EXPLODED = 4.0
"""Times the least mean of recent losses: there the run stops (fastai's factor)."""

NUM_RECENT = 5

MIN_STEPS = 10

LEAST_FALL = 0.01
"""Share of the first loss by which it must fall: less is noise, and a slope of it means nothing."""

if TYPE_CHECKING:
    from lightning_fabric import Fabric


logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What the test found.

    Attributes:
        lr: where the smoothed loss falls fastest with the logarithm of the rate.
        lrs: the rates tried, rising by the same factor.
        losses: the smoothed loss before each rate's step.
    """

    lr: float
    lrs: tuple[float, ...]
    losses: tuple[float, ...]


def find_lr(
    task: Task, plan: Plan, *, lowest: float = 1e-6, highest: float = 10.0, num_steps: int = 60
) -> Suggestion:
    """Run the test on a copy of the task's module; nothing else is changed.

    Rates of groups (layer decay, the head's own) keep their proportion to the plan's `lr`, whose
    own value does not matter.

    Raises:
        SettingError: the range is empty, or the steps too few.
        TrainingError: the loss explodes at once, or does not fall at any rate.
    """
    if not 0 < lowest < highest or num_steps < MIN_STEPS:
        raise SettingError(
            f"The range of learning rates is {lowest:g} to {highest:g} in {num_steps} steps; "
            f"accepted: above 0, rising, in {MIN_STEPS} steps or more."
        )
    trial = replace(task, module=copy.deepcopy(task.module))
    rates = np.geomspace(lowest, highest, num_steps)
    fabric = make_fabric(plan)
    with repeatable(fabric):
        losses = _losses(fabric, trial, plan, rates)
    rates = rates[: len(losses)]
    smoothed = gaussian_filter1d(losses, WIDTH, mode="nearest") if losses else np.empty(0)
    lr = _steepest(rates, smoothed)
    logger.info("The learning-rate test suggests %.2g.", lr)
    return Suggestion(lr=lr, lrs=tuple(rates.tolist()), losses=tuple(smoothed.tolist()))


def _losses(fabric: Fabric, task: Task, plan: Plan, rates: Doubles) -> list[float]:
    """Return the loss at each rate, up to where it explodes."""
    import torch

    torch.manual_seed(plan.seed)
    learner = Learner(fabric, task, plan)
    learner.train()
    losses: list[float] = []
    least = math.inf
    epoch = 0
    while len(losses) < len(rates):
        epoch += 1
        steps = steps_of_epoch(task.source, plan.batch_size, seed=plan.seed, epoch=epoch)
        steps = steps[: len(rates) - len(losses)]
        with closing(load_ahead(task.source, steps, epoch=epoch, num_threads=2)) as loaded:
            for batch, parts in zip(steps, loaded, strict=True):
                learner.set_rates(float(rates[len(losses)]) / plan.lr)
                loss = float(learner.step(parts, batch)[0])
                if not math.isfinite(loss):
                    return losses
                losses.append(loss)
                recent = sum(losses[-NUM_RECENT:]) / len(losses[-NUM_RECENT:])
                if recent > EXPLODED * least:
                    return losses
                least = min(least, recent)
    return losses


def _steepest(rates: Doubles, losses: Doubles) -> float:
    """Return the rate at the steepest descent, before the least loss: after it, it only rises."""
    end = int(np.argmin(losses)) + 1 if len(losses) else 0
    if end < 2 or losses[end - 1] > (1 - LEAST_FALL) * losses[0]:
        raise TrainingError(
            f"The loss does not fall at any of the {len(rates)} learning rates that were tried. "
            "Look at the labels, try a lower range, or give lr yourself."
        )
    slopes = np.gradient(losses[:end], np.log(rates[:end]))
    return float(rates[int(np.argmin(slopes))])
