"""Training in one process or several."""

from __future__ import annotations

import builtins
import io
import multiprocessing
import pickle
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.errors import SettingError, TrainingError
from topwork.training.loop.checkpoints import Checkpoints
from topwork.training.loop.epochs import Loop, Outcome, Report
from topwork.training.loop.fabric import repeatable
from topwork.training.loop.parameter_groups import parameter_groups
from topwork.training.loop.task import Epoch, Plan, Task, digest_run

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

    from lightning_fabric import Fabric


News = Epoch | Outcome | None
"""What the first process tells the parent: each epoch, the outcome; and the parent itself, the end
(None)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProcessRun:
    """What every process of a run is told; see `fit`."""

    task: Task
    plan: Plan
    checkpoint: Path | None
    resume: bool
    stop_at: float | None


def run_here(fabric: Fabric, run: ProcessRun, report: Report) -> Outcome:
    """Train in this process, alone or as one of several."""
    checkpoints = None
    if run.checkpoint is not None:
        checkpoints = Checkpoints(run.checkpoint, digest_run(run.task, run.plan))
    state = checkpoints.load() if checkpoints is not None and run.resume else None
    with repeatable(fabric, None if state is None else state.num_threads):
        loop = Loop(fabric, run.task, run.plan, checkpoints=checkpoints, stop_at=run.stop_at)
        outcome = loop.run(state, report)
        loop.release()
    return outcome


def run_apart(fabric: Fabric, run: ProcessRun, report: Report) -> Outcome:
    """Train in as many new processes as Fabric has devices, and take over the first one's weights.

    Raises:
        SettingError: something of the task cannot be handed to another process.
        TrainingError: a process failed; its last words are in the message.
    """
    from safetensors.torch import load_file
    from torch.multiprocessing.spawn import ProcessRaisedException

    task, plan = run.task, run.plan
    told = _packed(run)
    # a name that fits nothing is told here, as it is with one device
    parameter_groups(task.module, task.blocks, plan.settings, lr=plan.lr)
    news: SimpleQueue[News] = multiprocessing.get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="topwork-") as folder, ThreadPoolExecutor(1) as pool:
        result = Path(folder) / "trained.safetensors"
        listening = pool.submit(_listen, news, report)
        try:
            # not as arguments, nor as a result: Fabric looks into these for tensors, and refuses
            # frozen dataclasses
            fabric.launch(partial(_share, told=told, news=news, result=result))
        except ProcessRaisedException as error:
            raise TrainingError(
                f"One of {plan.settings.num_devices} processes failed: {_last_words(error)} "
                "Correct that, or use num_devices = 1, where the error is told in full."
            ) from error
        finally:
            news.put(None)
        outcome = listening.result()
        trained = load_file(result)
    task.module.load_state_dict(trained, strict=False)
    task.module.eval()
    return outcome


def _packed(run: ProcessRun) -> bytes:
    """Return the run as bytes: its module's classes too, for many are made inside of functions.

    Raises:
        SettingError: something of it cannot be handed over, such as an open file.
    """
    import cloudpickle

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            # what a module holds for all (transformers: a context variable, which its hooks read)
            # is there in the other process too
            home = sys.modules.get(type(value).__module__)
            if home not in (None, builtins) and not callable(value):
                for name, held in vars(home).items():
                    if held is value:
                        return getattr, (home, name)
            return super().reducer_override(value)

    out = io.BytesIO()
    try:
        Pickler(out).dump(run)
    except (AttributeError, TypeError, ValueError, pickle.PicklingError) as error:
        raise SettingError(
            f"num_devices is {run.plan.settings.num_devices}, and a part of the task cannot be "
            f"handed to other processes: {error}. Use num_devices = 1."
        ) from error
    return out.getvalue()


def _share(fabric: Fabric, *, told: bytes, news: SimpleQueue[News], result: Path) -> None:
    """One process's part, with a module of its own."""
    import cloudpickle
    from safetensors.torch import save_file

    run: ProcessRun = cloudpickle.loads(told)
    module = run.task.module
    outcome = run_here(fabric, run, news.put if fabric.is_global_zero else _nobody)
    if fabric.is_global_zero:
        save_file({k: v.clone().contiguous() for k, v in module.state_dict().items()}, result)
        news.put(outcome)


def _listen(news: SimpleQueue[News], report: Report) -> Outcome:
    """Pass reports on until the outcome, or the end (None), is told."""
    outcome = Outcome(history=(), stopped="No process told how training went.", micro_batch=0)
    while (told := news.get()) is not None:
        if isinstance(told, Outcome):
            outcome = told
        else:
            report(told)
    return outcome


def _nobody(epoch: Epoch) -> None:
    """Take a report that another process makes too."""


def _last_words(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    last = lines[-1].strip() if lines else type(error).__name__
    return last.removeprefix("topwork.errors.")
