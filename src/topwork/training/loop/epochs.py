"""Epochs of one process."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, final

import numpy as np

from topwork.errors import TrainingError
from topwork.training.loop.batches import load_ahead, num_steps, steps_of_epoch
from topwork.training.loop.checkpoints import Checkpoints, State
from topwork.training.loop.learner import Learner
from topwork.training.loop.task import Epoch, FitResult, Plan, Task
from topwork.training.settings import Training

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

SAVED_SECONDS = 20.0
"""Of training that a second of writing a checkpoint saves, at least: it never takes more than a
twentieth of the time. Of 47 texts, a pass through all layers of MiniLM takes 0.6 s, and writing
its weights and AdamW's numbers 0.2 s."""

CHECK_EVERY = 16
"""Steps on a GPU between two looks at the loss: each look waits until the GPU is done."""

logger = logging.getLogger(__name__)

Report = Callable[[Epoch], None]


def rate_factor(step: int, num_steps: int, settings: Training) -> float:
    """Return what the learning rates are multiplied by at a step, counted from 0 over all epochs.

    From 1/w at the first of w steps of warm-up to 1 at the last; then, for `cosine`, half a cosine
    that would reach 0 one step after the end.
    """
    warm = round(settings.warmup * num_steps)
    if step < warm:
        return (step + 1) / warm
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, num_steps - warm)))


@final
class Loop:
    """A run under way."""

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        plan: Plan,
        *,
        checkpoints: Checkpoints | None,
        stop_at: float | None = None,
    ) -> None:
        """Put the module on its device. Raises SettingError where nothing is left to train."""
        self._fabric, self._task, self._plan = fabric, task, plan
        self._checkpoints = checkpoints
        self._stop_at = math.inf if stop_at is None else stop_at
        self._learner = Learner(fabric, task, plan)
        self._num_steps = num_steps(task.source.num_examples, plan.batch_size)
        self._history: tuple[Epoch, ...] = ()
        self._good: Mapping[str, torch.Tensor] | None = None
        self._written, self._writing_seconds = 0.0, 0.0

    def run(self, state: State | None, on_epoch: Report) -> FitResult:
        """Train from `state` on, until the end, the deadline, or numbers that are none.

        Raises:
            TrainingError: the very first epoch gives no finite numbers.
        """
        if state is not None:
            self._learner.load(state.tensors)
            self._learner.micro_batch = state.micro_batch
            self._history, self._good = state.history, state.tensors
        stopped = None
        for number in range(len(self._history) + 1, self._plan.epochs + 1):
            if self._history and self._overdue(self._history[-1].seconds):
                stopped = self._out_of_time()
                break
            epoch, failed = self._epoch(number)
            if epoch is None:
                stopped = self._back(failed)
                break
            self._keep(epoch)
            on_epoch(epoch)
            if failed:
                stopped = failed
                break
        if stopped:
            logger.warning("%s", stopped)
        self._learner.release()
        return FitResult(
            module=self._task.module,
            history=self._history,
            stopped=stopped,
            micro_batch=self._learner.micro_batch,
        )

    def _epoch(self, number: int) -> tuple[Epoch | None, str]:
        """Return what one pass gave, or None, and why it ended early ("" where it did not)."""
        import torch

        plan, fabric = self._plan, self._fabric
        # one number of both, so that a resumed epoch draws what it would have drawn
        seed = np.random.SeedSequence([plan.seed, number, 0]).generate_state(1, np.uint64)[0]
        torch.manual_seed(int(seed))
        self._learner.train()
        batches = steps_of_epoch(self._task.source, plan.batch_size, seed=plan.seed, epoch=number)
        on_gpu = fabric.device.type == "cuda"
        total = torch.zeros(3, dtype=torch.float64)
        pending: list[tuple[torch.Tensor, int]] = []
        started, seen, rate = time.monotonic(), 0, 0.0
        with closing(
            load_ahead(
                self._task.source,
                batches,
                epoch=number,
                num_threads=_num_loaders(on_gpu),
                pin=on_gpu,
            )
        ) as loaded:
            for index, (batch, parts) in enumerate(zip(batches, loaded, strict=True)):
                if self._overdue(0.0) and (self._history or seen):
                    break
                rate = self._rate(number, index)
                pending.append((self._learner.step(parts, batch), len(batch)))
                seen += len(batch)
                if not on_gpu or len(pending) == CHECK_EVERY or index == len(batches) - 1:
                    total += _added(pending)
                    pending = []
                    if not bool(torch.isfinite(total).all()):
                        return None, self._not_finite(number, rate)
            total += _added(pending)
        if not (bool(torch.isfinite(total).all()) and self._learner.is_finite()):
            return None, self._not_finite(number, rate)
        whole = seen == self._task.source.num_examples
        if not whole and self._history:
            return None, self._out_of_time()
        epoch = Epoch(
            number=number,
            loss=float(total[0]) / seen,
            accuracy=float(total[1]) / seen,
            lr=rate,
            seconds=time.monotonic() - started,
            examples=seen,
        )
        return epoch, "" if whole else self._out_of_time()

    def _rate(self, number: int, index: int) -> float:
        step = (number - 1) * self._num_steps + index
        total = self._plan.epochs * self._num_steps
        return self._learner.set_rates(rate_factor(step, total, self._plan.settings))

    def _keep(self, epoch: Epoch) -> None:
        """Note an epoch that went well, in memory and, if it was whole and it is time, on disk."""
        import torch

        self._history = (*self._history, epoch)
        checkpoints, whole = self._checkpoints, epoch.examples == self._task.source.num_examples
        started = time.monotonic()
        is_last = epoch.number == self._plan.epochs
        is_time = is_last or started - self._written >= SAVED_SECONDS * self._writing_seconds
        saves = checkpoints is not None and whole and is_time
        tensors = self._learner.tensors(optimiser=saves)
        self._good = {k: v for k, v in tensors.items() if k.startswith("module/")}
        if checkpoints is not None and saves:
            checkpoints.save(
                State(
                    history=self._history,
                    micro_batch=self._learner.micro_batch,
                    num_threads=torch.get_num_threads(),
                    tensors=tensors,
                )
            )
            self._written = time.monotonic()
            self._writing_seconds = self._written - started

    def _back(self, why: str) -> str:
        """Put the last good weights back."""
        if self._good is None:
            raise TrainingError(f"{why} No epoch before it went well.")
        self._learner.load({k: v for k, v in self._good.items() if k.startswith("module/")})
        return f"{why} The weights are those after epoch {len(self._history)}."

    def _overdue(self, seconds_needed: float) -> bool:
        """Whether the deadline comes before so many seconds have passed."""
        return time.monotonic() + seconds_needed > self._stop_at

    def _out_of_time(self) -> str:
        done = len(self._history)
        return (
            f"The time limit ended training in epoch {done + 1} of {self._plan.epochs}. A longer "
            "limit or fewer epochs would let the learning rate come down to 0."
        )

    def _not_finite(self, number: int, rate: float) -> str:
        half = self._fabric.strategy.precision.precision != "32-true"
        smaller = "a smaller lr, or precision = 'f32'" if half else "a smaller lr"
        return (
            f"The loss or its gradient became infinite or not a number in epoch {number}, at a "
            f"learning rate of {rate:.2g}. Use {smaller}."
        )


def _added(pending: list[tuple[torch.Tensor, int]]) -> torch.Tensor:
    """Return summed losses (each counts as its examples do), right answers and gradient norms."""
    import torch

    if not pending:
        return torch.zeros(3, dtype=torch.float64)
    sums = torch.stack([one for one, _ in pending]).cpu().double()  # one wait for the GPU
    counts = torch.tensor([count for _, count in pending], dtype=torch.float64)
    sums[:, 0] *= counts
    return sums.sum(0)


def _num_loaders(on_gpu: bool) -> int:
    """Threads that load: a CPU that trains has no more to spare; beside a GPU it has nothing else.

    More than 8 wait for each other on Python's lock.
    """
    from topwork.executors.openvino import num_cores

    return max(2, min(8, num_cores())) if on_gpu else 2
