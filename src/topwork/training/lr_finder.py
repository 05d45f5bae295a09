"""A learning rate to begin with, from a short run in which it grows until the loss explodes.

The range test of Smith (2017, "Cyclical learning rates for training neural networks"), as fastai
made it common. What it does not know: which rate is best at the end of training; it finds one that
learns fast at the start and is stable.
"""

from __future__ import annotations

import copy
import logging
import math
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from topwork.errors import SettingError, TrainingError
from topwork.training.batches import load_ahead, steps_of_epoch
from topwork.training.fabric import make_fabric, repeatable
from topwork.training.learner import Learner
from topwork.training.task import Plan, Task

SMOOTHING = 0.9
"""Of the loss's moving average. fastai's 0.98 is for hundreds of steps; here there are 60."""

EXPLODED = 4.0
"""Times the least loss so far: there the run stops (fastai's factor)."""

SKIPPED_STEPS = 5
"""At the start, where the moving average rests on too few losses for a slope."""

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
    task: Task, plan: Plan, *, lowest: float = 1e-6, highest: float = 1.0, num_steps: int = 60
) -> Suggestion:
    """Run the test on a copy of the task's module; nothing else is changed.

    Rates of groups (layer decay, the head's own) keep their proportion to the plan's `lr`, whose
    own value does not matter.

    Raises:
        SettingError: the range is empty, or the steps too few.
        TrainingError: the loss explodes at once, or does not fall at any rate.
    """
    if not 0 < lowest < highest or num_steps < 2 * SKIPPED_STEPS:
        raise SettingError(
            f"The range of learning rates is {lowest:g} to {highest:g} in {num_steps} steps; "
            f"accepted: above 0, rising, in {2 * SKIPPED_STEPS} steps or more."
        )
    settings = plan.settings.changed(num_devices=1)
    plan = replace(plan, settings=settings)
    trial = replace(task, module=copy.deepcopy(task.module))
    rates = np.geomspace(lowest, highest, num_steps)
    with repeatable(None):
        smoothed = _losses(trial, plan, rates)
    lr = _steepest(rates[: len(smoothed)], np.array(smoothed))
    logger.info("The learning-rate test suggests %.2g.", lr)
    return Suggestion(lr=lr, lrs=tuple(rates[: len(smoothed)].tolist()), losses=tuple(smoothed))


def _losses(task: Task, plan: Plan, rates: np.ndarray) -> list[float]:
    """Return the smoothed loss at each rate, up to where it explodes."""
    import torch

    torch.manual_seed(plan.seed)
    learner = Learner(make_fabric(plan), task, plan)
    learner.train()
    smoothed: list[float] = []
    average = 0.0
    epoch = 0
    while len(smoothed) < len(rates):
        epoch += 1
        steps = steps_of_epoch(task.source, plan.batch_size, seed=plan.seed, epoch=epoch)
        steps = steps[: len(rates) - len(smoothed)]
        with closing(load_ahead(task.source, steps, epoch=epoch, num_threads=2)) as loaded:
            for batch, parts in zip(steps, loaded, strict=True):
                learner.set_rates(float(rates[len(smoothed)]) / plan.lr)
                loss = float(learner.step(parts, batch)[0])
                average = SMOOTHING * average + (1 - SMOOTHING) * loss
                value = average / (1 - SMOOTHING ** (len(smoothed) + 1))
                if not math.isfinite(value) or value > EXPLODED * min(smoothed, default=math.inf):
                    return smoothed
                smoothed.append(value)
    return smoothed


def _steepest(rates: np.ndarray, losses: np.ndarray) -> float:
    """Return the rate at the steepest descent, before the least loss: after it, it only rises."""
    end = int(np.argmin(losses)) + 1 if len(losses) else 0
    if end <= SKIPPED_STEPS + 1:
        raise TrainingError(
            f"The loss does not fall at any learning rate tried (it was taken {len(losses)} times, "
            "least at the start). Look at the labels, try a lower range, or give lr yourself."
        )
    slopes = np.gradient(losses[:end], np.log(rates[:end]))
    return float(rates[SKIPPED_STEPS + int(np.argmin(slopes[SKIPPED_STEPS:]))])
