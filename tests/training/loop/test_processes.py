"""Several processes that share each step, against one."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import jobs, nets
from topwork.errors import SettingError, TrainingError
from topwork.training.finetune import finetune
from topwork.training.loop.task import Epoch
from topwork.training.loop.trainer import fit


def lengths_task() -> nets.Task:
    """Rows of three lengths, weighted: the processes have micro-batches of unequal number."""
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randn(1 + i % 3, 4, generator=generator) + i % 3 for i in range(31)]
    module = torch.nn.Sequential(nets.Mean(), nets.dense())
    weights = np.linspace(0.5, 2, 31, dtype=np.float32)
    return nets.task(module, num_examples=31, source=nets.Rows(rows), weights=weights)


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(tmp_path: Path) -> None:
    told: list[Epoch] = []
    one = fit(lengths_task(), nets.plan())
    two = fit(
        lengths_task(), nets.plan(num_devices=2), checkpoint=tmp_path, on_epoch=told.append
    )  # fmt: skip
    assert tuple(told) == two.history
    assert not two.module.training
    found = nets.weights(two.module)
    for name, wanted in nets.weights(one.module).items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-5, err_msg=name)
    for a, b in zip(one.history, two.history, strict=True):
        assert (a.number, a.accuracy, a.examples) == (b.number, b.accuracy, b.examples)
        assert a.loss == pytest.approx(b.loss, abs=1e-5)
    alone = fit(lengths_task(), nets.plan(), checkpoint=tmp_path)  # one goes on where two were
    for name, wanted in nets.weights(alone.module).items():
        np.testing.assert_array_equal(found[name], wanted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pictures", "texts"])
def test_two_processes_tune_what_comes_after_a_cut(kind: str, tmp_path: Path) -> None:
    """Its classes are made inside of functions; what was saved lies mapped in memory."""
    if kind == "pictures":
        job = jobs.make_job(jobs.conv2d(), jobs.colour_examples(5), "block0")
    else:
        none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        backbone = jobs.tiny_bert(tmp_path / "bert", **none)  # each process draws its own
        block = backbone.build().blocks[0]
        job = jobs.make_job(backbone, jobs.text_examples(tmp_path), block, lora=2)
    found = []
    for num_devices in (1, 2):
        own = replace(job, settings=job.settings.changed(num_devices=num_devices))
        found.append(finetune(own, jobs.rows_of(job)).after)
    for name, wanted in found[0].items():
        torch.testing.assert_close(found[1][name], wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_what_fails_in_a_process_is_told_here() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 2))
    with pytest.raises(TrainingError, match=r"One of 2 processes failed: TrainingError: The netw"):
        fit(nets.task(module), nets.plan(num_devices=2))


def test_names_that_fit_nothing_are_told_before_any_process_starts() -> None:
    with pytest.raises(SettingError, match="freeze names 'stam'"):
        fit(nets.task(), nets.plan(num_devices=2, freeze=("stam",)))


def test_tasks_that_cannot_be_handed_over() -> None:
    source = nets.task().source
    source.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(SettingError, match=r"num_devices is 2, and a part .* num_devices = 1"):
        fit(nets.task(source=source), nets.plan(num_devices=2))
