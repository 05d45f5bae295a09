"""The one trainer: fine-tuning, training from scratch and pre-training all come here.

    task, plan -> epochs of steps, a checkpoint after each -> the module, trained, with its history

What it does not know: which network it is, which part of it is trained (the task's settings say
it), and what the examples are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from topwork.training.checkpoints import Checkpoints
from topwork.training.fabric import make_fabric, repeatable
from topwork.training.loop import Loop, Outcome, Report
from topwork.training.scalars import Scalars
from topwork.training.task import Epoch, Fitted, Plan, Task, digest_run

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def fit(
    task: Task,
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    resume: bool = True,
    on_epoch: Report | None = None,
    stop_at: float | None = None,
    log: Path | None = None,
) -> Fitted:
    """Train the task's module.

    A run that is killed, or stopped with Ctrl-C, goes on from its last finished epoch when it is
    called again with the same task, plan and checkpoint folder; on a CPU the weights at the end
    are then the same to the last bit. A checkpoint of another run is passed over, and said so.

    Where the numbers run out (a loss that is infinite or not a number), and at the deadline,
    training stops with the weights of the last epoch that went well; `stopped` says why.

    Args:
        checkpoint: a folder of its own; None: nothing is written.
        resume: go on from a checkpoint of this run, where there is one.
        on_epoch: called after each epoch, when it is on the disk.
        stop_at: deadline, of `time.monotonic`; an epoch that would not end before is not begun.
        log: folder for TensorBoard.

    Raises:
        SettingError: a name, device or number of the plan does not fit.
        TrainingError: not even the first epoch went well, or memory is too short for one example.
        StoreError: a checkpoint cannot be written.
    """
    fabric = make_fabric(plan)
    outcome = _train(
        fabric,
        task,
        plan,
        checkpoint=checkpoint,
        resume=resume,
        on_epoch=on_epoch,
        stop_at=stop_at,
        log=log,
    )
    return Fitted(
        module=task.module,
        history=outcome.history,
        stopped=outcome.stopped,
        micro_batch=outcome.micro_batch,
    )


def _train(
    fabric: Fabric,
    task: Task,
    plan: Plan,
    *,
    checkpoint: Path | None,
    resume: bool,
    on_epoch: Report | None,
    stop_at: float | None,
    log: Path | None,
) -> Outcome:
    """Train in this process, alone or as one of several."""
    checkpoints = None if checkpoint is None else Checkpoints(checkpoint, digest_run(task, plan))
    state = checkpoints.load() if checkpoints is not None and resume else None
    with (
        repeatable(None if state is None else state.num_threads),
        Scalars(log if fabric.is_global_zero else None) as scalars,
    ):

        def report(epoch: Epoch) -> None:
            scalars.write(epoch)
            if on_epoch is not None and fabric.is_global_zero:
                on_epoch(epoch)

        loop = Loop(fabric, task, plan, checkpoints=checkpoints, stop_at=stop_at)
        outcome = loop.run(state, report)
        loop.release()
    return outcome
