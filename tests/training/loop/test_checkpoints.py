"""Checkpoints that are whole or passed over, and runs that are killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small import ROOT
from tests.training import nets
from topwork.errors import StoreError
from topwork.training.loop.checkpoints import STATE, TENSORS, Checkpoints, State
from topwork.training.loop.task import Epoch
from topwork.training.loop.trainer import fit


def state(num_epochs: int, value: float = 1.0) -> State:
    history = tuple(
        Epoch(number=k + 1, loss=0.5, accuracy=0.5, lr=0.1, seconds=1.0, examples=4)
        for k in range(num_epochs)
    )
    return State(
        history=history, micro_batch=4, num_threads=1, tensors={"a": torch.full((2,), value)}
    )


def test_there_and_back_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "run")
    assert checkpoints.load() is None
    for k in (1, 2, 3):
        checkpoints.save(state(k, value=k))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-000002", "epoch-000003"]
    found = Checkpoints(tmp_path, "run").load()
    assert found is not None
    assert found.history == state(3).history
    assert (found.micro_batch, found.num_threads) == (4, 1)
    assert found.tensors["a"].tolist() == [3.0, 3.0]


@pytest.mark.parametrize("harm", ["cut", "flipped", "no state", "bad state", "no tensors"])
def test_a_damaged_one_is_passed_over(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path, "run")
    checkpoints.save(state(1))
    checkpoints.save(state(2))
    tensors, facts = tmp_path / "epoch-000002" / TENSORS, tmp_path / "epoch-000002" / STATE
    if harm == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-1])
    elif harm == "flipped":
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\xff")
    elif harm == "no tensors":
        tensors.unlink()
    elif harm == "no state":
        facts.unlink()
    else:
        facts.write_text(facts.read_text().replace('"loss": 0.5', '"loss": 0.4'))
    found = Checkpoints(tmp_path, "run").load()
    assert found is not None
    assert len(found.history) == 1
    assert "is damaged" in caplog.text


def test_one_of_another_run_is_passed_over_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Checkpoints(tmp_path, "other").save(state(5))
    mine = Checkpoints(tmp_path, "mine")
    assert mine.load() is None
    assert "is of another run" in caplog.text
    mine.save(state(1))
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-000001"]


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"Writing the checkpoint .* failed"):
        Checkpoints(tmp_path / "file", "run").save(state(1))


CHILD = """
import sys
from pathlib import Path
from tests.training import nets
from topwork.training.loop.trainer import fit

print("ready", flush=True)
task = nets.task(nets.dense(dropout=0.3), num_examples=200)
fit(task, nets.plan(epochs=60), checkpoint=Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kills_at_any_moment_change_nothing(tmp_path: Path) -> None:
    moments = random.Random(0)
    undisturbed = fit(nets.task(nets.dense(dropout=0.3), num_examples=200), nets.plan(epochs=60))
    folder = tmp_path / "checkpoint"
    reached = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as here: more threads round otherwise
        )
        assert child.stdout is not None
        child.stdout.readline()
        wanted = reached + moments.randint(1, 8)
        while child.poll() is None and newest(folder) < wanted:
            time.sleep(0.0005)
        time.sleep(moments.uniform(0, 0.02))
        child.kill()
        child.wait(timeout=60)
        child.stdout.close()
        assert newest(folder) >= reached
        reached = newest(folder)
    assert reached > 0
    told: list[Epoch] = []
    task = nets.task(nets.dense(dropout=0.3), num_examples=200)
    resumed = fit(task, nets.plan(epochs=60), checkpoint=folder, on_epoch=told.append)
    assert len(told) <= 60 - reached + 1
    for name, wanted_values in nets.weights(undisturbed.module).items():
        np.testing.assert_array_equal(nets.weights(resumed.module)[name], wanted_values)
    assert list(folder.glob(".*")) == []


def newest(folder: Path) -> int:
    return max((int(p.name[-6:]) for p in folder.glob("epoch-*")), default=0)
