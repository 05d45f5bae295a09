"""The one trainer.

task, plan -> epochs of steps, a checkpoint after each -> the module, trained, with its history
"""

from __future__ import annotations

from pathlib import Path

from topwork.training.loop.checkpoints import Checkpoints
from topwork.training.loop.epochs import Loop, Report
from topwork.training.loop.fabric import make_fabric, repeatable, sound_convolutions
from topwork.training.loop.task import Epoch, FitResult, Plan, Task, digest_run
from topwork.training.loop.tensorboard import scalars


def fit(
    task: Task,
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    resume: bool = True,
    on_epoch: Report | None = None,
    stop_at: float | None = None,
    log: Path | None = None,
) -> FitResult:
    """Train the task's module.

    A run that is killed, or stopped with Ctrl-C, goes on from the last epoch that was written when
    it is called again with the same task, plan and checkpoint folder (each is, but where that would
    take more than a twentieth of the time); on a CPU the weights at the end are then the same to
    the last bit. A checkpoint of another run is passed over, and said so.

    Where the numbers run out (a loss that is infinite or not a number), and at the deadline,
    training stops with the weights of the last epoch that went well; `stopped` says why.

    Args:
        checkpoint: a folder of its own; None: nothing is written.
        resume: go on from a checkpoint of this run, where there is one.
        on_epoch: called after each epoch.
        stop_at: deadline, of `time.monotonic`; an epoch that would not end before is not begun.
        log: folder for TensorBoard.

    Raises:
        SettingError: a name, device or number of the plan does not fit.
        TrainingError: not even the first epoch went well, or memory is too short for one example.
        StoreError: a checkpoint cannot be written.
    """
    fabric = make_fabric(plan)
    checkpoints = None if checkpoint is None else Checkpoints(checkpoint, digest_run(task, plan))
    state = checkpoints.load() if checkpoints is not None and resume else None
    threads = None if state is None else state.num_threads
    with scalars(log) as write:

        def report(epoch: Epoch) -> None:
            write(epoch)
            if on_epoch is not None:
                on_epoch(epoch)

        with sound_convolutions(task.module), repeatable(fabric, threads):
            loop = Loop(fabric, task, plan, checkpoints=checkpoints, stop_at=stop_at)
            return loop.run(state, report)
