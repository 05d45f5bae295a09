"""The trainer against loops written by hand, against itself after a stop, and in trouble."""

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import nets
from topwork.errors import SettingError, TrainingError
from topwork.training.loop.batches import steps_of_epoch
from topwork.training.loop.checkpoints import Checkpoints, State
from topwork.training.loop.epochs import rate_factor
from topwork.training.loop.parameter_groups import freeze_batch_norm
from topwork.training.loop.task import Epoch, Plan, Task
from topwork.training.loop.trainer import fit
from topwork.training.settings import Training


def assert_same(one: torch.nn.Module, other: torch.nn.Module, atol: float = 0.0) -> None:
    found, wanted = nets.weights(one), nets.weights(other)
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=atol, err_msg=name)


def by_hand(module: torch.nn.Module, task: Task, plan: Plan) -> None:
    """AdamW, warm-up, cosine and clipping, with no batch cut up."""
    module.train()
    decayed = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        lr=plan.lr,
    )
    total = plan.epochs * math.ceil(task.source.num_examples / plan.batch_size)
    warm = round(0.1 * total)
    step = 0
    for epoch in range(1, plan.epochs + 1):
        for rows in steps_of_epoch(task.source, plan.batch_size, seed=plan.seed, epoch=epoch):
            done = (step - warm) / (total - warm)
            factor = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * done))
            for group in optimiser.param_groups:
                group["lr"] = plan.lr * factor
            step += 1
            losses = torch.nn.functional.cross_entropy(
                module(task.source.load(rows.tolist(), epoch)),
                torch.from_numpy(task.targets[rows]),
                label_smoothing=0.1,
                reduction="none",
            )
            weights = torch.ones(len(rows))
            if task.weights is not None:
                weights = torch.from_numpy(task.weights[rows])
            loss = (losses * weights).sum() / weights.sum()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("micro_batch", [None, 3])
def test_gives_the_weights_of_a_loop_by_hand(micro_batch: int | None, weighted: bool) -> None:
    weights = np.linspace(0.5, 2, 43, dtype=np.float32) if weighted else None
    task = nets.task(num_examples=43, label_smoothing=0.1, weights=weights)
    plan = nets.plan(micro_batch=micro_batch, weight_decay=0.05)
    reference = nets.dense()
    by_hand(reference, task, plan)
    fitted = fit(task, plan)
    assert fitted.module is task.module
    assert not fitted.module.training
    assert_same(fitted.module, reference, atol=1e-6)


def test_convolutions_give_the_weights_of_a_loop_by_hand() -> None:
    task = nets.task(nets.convolved(), shape=(3, 8, 8), label_smoothing=0.1)
    plan = nets.plan(weight_decay=0.05)
    reference = nets.convolved()
    by_hand(reference, task, plan)
    fitted = fit(task, plan)
    assert_same(fitted.module, reference, atol=1e-6)
    assert fitted.module.get_parameter("stem.weight").is_contiguous()


def test_examples_of_several_shapes_make_one_step() -> None:
    """Rows that are repeated have the same mean: their gradient is that of the rows once."""
    generator = torch.Generator().manual_seed(3)
    short = [torch.randn(1, 4, generator=generator) for _ in range(9)]
    source = nets.Rows([row.repeat(1 + i % 3, 1) for i, row in enumerate(short)])
    module = torch.nn.Sequential(nets.Mean(), nets.dense())
    reference = torch.nn.Sequential(nets.Mean(), nets.dense())
    settings: dict[str, Any] = {"batch_size": 9, "optimiser": "sgd", "epochs": 2}
    fit(nets.task(module, num_examples=9, source=source), nets.plan(**settings))
    fit(nets.task(reference, num_examples=9, source=nets.Rows(short)), nets.plan(**settings))
    assert_same(module, reference, atol=1e-6)


def test_learns_and_tells_how() -> None:
    told: list[Epoch] = []
    fitted = fit(nets.task(num_examples=60), nets.plan(epochs=20, lr=0.02), on_epoch=told.append)
    assert tuple(told) == fitted.history
    assert [epoch.number for epoch in told] == list(range(1, 21))
    assert told[-1].loss < 0.5 * told[0].loss
    assert told[-1].accuracy > 0.8
    assert all(epoch.examples == 60 for epoch in told)
    assert fitted.stopped is None
    assert fitted.micro_batch == 10


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    plan = nets.plan()
    one = fit(nets.task(nets.dense(dropout=0.5)), plan).module
    torch.manual_seed(5)
    two = fit(nets.task(nets.dense(dropout=0.5)), plan).module
    torch.manual_seed(5)
    other = fit(nets.task(nets.dense(dropout=0.5)), nets.plan(seed=1)).module
    assert_same(one, two)
    assert not np.array_equal(nets.weights(one)["stem.weight"], nets.weights(other)["stem.weight"])
    torch.manual_seed(5)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.are_deterministic_algorithms_enabled()


def test_what_is_frozen_stays() -> None:
    task = nets.task(nets.convolved(), shape=(3, 8, 8))
    before = nets.weights(task.module)
    freeze_batch_norm(task.module)
    after = nets.weights(fit(task, nets.plan(freeze=("stem",))).module)
    for name in ("stem.weight", "norm.running_mean", "norm.running_var"):
        np.testing.assert_array_equal(before[name], after[name])
    assert not np.array_equal(before["head.weight"], after["head.weight"])


def test_rates_climb_then_fall() -> None:
    settings = Training(warmup=0.2)
    factors = [rate_factor(step, 10, settings) for step in range(10)]
    assert factors[:3] == [0.5, 1.0, 1.0]
    assert factors[2:] == sorted(factors[2:], reverse=True)
    assert 0 < factors[-1] < 0.05
    constant = settings.changed(schedule="constant")
    assert [rate_factor(step, 10, constant) for step in (0, 1, 9)] == [0.5, 1.0, 1.0]


# ---- stops


class Interrupted(nets.Rows):
    """Ctrl-C at the first load of an epoch."""

    at: int | None = None

    def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
        if epoch == self.at:
            raise KeyboardInterrupt
        return super().load(examples, epoch)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("net", ["dense", "convolved"])
def test_a_run_that_was_interrupted_goes_on(net: str, optimiser: str, tmp_path: Path) -> None:
    def task(at: int | None) -> Task:
        module = nets.dense(dropout=0.3) if net == "dense" else nets.convolved()
        made = nets.task(module, shape=(4,) if net == "dense" else (3, 8, 8))
        source = Interrupted(made.source.indices)  # type: ignore[attr-defined]
        source.at = at
        return nets.task(module, source=source)

    plan = nets.plan(epochs=4, optimiser=optimiser)
    undisturbed = fit(task(None), plan)
    with pytest.raises(KeyboardInterrupt):
        fit(task(3), plan, checkpoint=tmp_path)
    told: list[Epoch] = []
    resumed = fit(task(None), plan, checkpoint=tmp_path, on_epoch=told.append)
    assert [epoch.number for epoch in told] == [3, 4]
    assert_same(resumed.module, undisturbed.module)
    assert [(e.number, e.loss, e.lr) for e in resumed.history] == [
        (e.number, e.loss, e.lr) for e in undisturbed.history
    ]
    again = fit(task(1), plan, checkpoint=tmp_path)  # nothing is left to do
    assert_same(again.module, undisturbed.module)


def test_writing_checkpoints_takes_a_small_part_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def save(_self: Checkpoints, state: State) -> None:
        time.sleep(0.001)
        written.append(len(state.history))

    monkeypatch.setattr(Checkpoints, "save", save)
    monkeypatch.setattr("topwork.training.loop.epochs.SAVED_SECONDS", 1e6)
    fit(nets.task(), nets.plan(epochs=6), checkpoint=tmp_path)
    assert written == [1, 6]  # the first, which shows what it takes, and the end
    monkeypatch.setattr("topwork.training.loop.epochs.SAVED_SECONDS", 0.0)
    fit(nets.task(), nets.plan(epochs=6), checkpoint=tmp_path)
    assert written[2:] == [1, 2, 3, 4, 5, 6]


def test_begin_anew_when_asked(tmp_path: Path) -> None:
    fit(nets.task(), nets.plan(), checkpoint=tmp_path)
    told: list[Epoch] = []
    fit(nets.task(), nets.plan(), checkpoint=tmp_path, resume=False, on_epoch=told.append)
    assert len(told) == 3


def test_a_checkpoint_of_another_run_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(nets.task(), nets.plan(), checkpoint=tmp_path)
    fitted = fit(nets.task(), nets.plan(seed=1), checkpoint=tmp_path)
    assert "is of another run" in caplog.text
    assert_same(fitted.module, fit(nets.task(), nets.plan(seed=1)).module)


def test_the_deadline_ends_it_after_a_whole_epoch() -> None:
    told: list[Epoch] = []

    class Slow(nets.Rows):
        def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
            if epoch == 2:
                time.sleep(0.5)
            return super().load(examples, epoch)

    task = nets.task()
    task = nets.task(source=Slow(task.source.indices))  # type: ignore[attr-defined]
    one = fit(nets.task(), nets.plan(epochs=3), stop_at=time.monotonic() + 60)
    assert one.stopped is None
    stop_at = time.monotonic() + 0.6
    fitted = fit(task, nets.plan(epochs=1000), on_epoch=told.append, stop_at=stop_at)
    assert fitted.stopped is not None
    assert "time limit" in fitted.stopped
    assert len(fitted.history) == len(told) >= 1
    assert told[-1].examples == 40


def test_a_deadline_in_the_first_epoch_keeps_what_was_learned(tmp_path: Path) -> None:
    fitted = fit(nets.task(), nets.plan(), stop_at=time.monotonic() - 1, checkpoint=tmp_path)
    assert [epoch.examples for epoch in fitted.history] == [10]
    assert fitted.stopped is not None
    assert "in epoch 1 of 3" in fitted.stopped
    assert list(tmp_path.glob("epoch-*")) == []  # half an epoch is no place to go on from


# ---- trouble


class Breaking(torch.nn.Module):
    """Passes rows on; from one call on, as not-a-number, or with memory running out."""

    def __init__(self, *, after: int, most: int | None = None) -> None:
        super().__init__()
        self.calls, self.after, self.most = 0, after, most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.most is not None:
            if self.calls > self.after and len(x) > self.most:
                raise RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory: you ...")
            return x
        return x * float("nan") if self.calls > self.after else x


def breaking(**values: Any) -> torch.nn.Module:
    return torch.nn.Sequential(Breaking(**values), nets.dense())


def test_numbers_that_run_out_end_it_with_the_last_good_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # 4 steps an epoch: it breaks in the third
    fitted = fit(nets.task(breaking(after=9)), nets.plan(epochs=5), checkpoint=tmp_path)
    assert fitted.stopped is not None
    assert "not a number in epoch 3, at a learning rate of 0.00" in fitted.stopped
    assert "Use a smaller lr. The weights are those after epoch 2." in fitted.stopped
    assert fitted.stopped in caplog.text
    wanted = nets.dense()
    reference = fit(nets.task(torch.nn.Sequential(torch.nn.Identity(), wanted)),
                    nets.plan(epochs=5, freeze=()), stop_at=None)  # fmt: skip
    assert len(fitted.history) == 2
    assert fitted.history[1].loss == reference.history[1].loss
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-000001", "epoch-000002"]
    kept = fit(nets.task(breaking(after=0)), nets.plan(epochs=5), checkpoint=tmp_path)
    assert_same(kept.module, fitted.module)
    assert all(np.isfinite(value).all() for value in nets.weights(kept.module).values())


def test_numbers_that_run_out_at_once_are_an_error() -> None:
    with pytest.raises(TrainingError, match=r"epoch 1.*smaller lr.*No epoch before"):
        fit(nets.task(breaking(after=0)), nets.plan())
    with pytest.raises(TrainingError, match=r"smaller lr, or precision = 'f32'"):
        fit(nets.task(breaking(after=0)), nets.plan(precision="bf16"))


def test_memory_that_runs_out_halves_the_micro_batch(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    fitted = fit(nets.task(breaking(after=5, most=3)), nets.plan())
    plain = fit(nets.task(torch.nn.Sequential(torch.nn.Identity(), nets.dense())), nets.plan())
    assert fitted.micro_batch == 2
    assert "with 10 examples at a time; going on with 5" in caplog.text
    assert "with 5 examples at a time; going on with 2" in caplog.text
    assert_same(fitted.module, plain.module, atol=1e-6)


def test_no_memory_for_one_example_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"one example at a time \(cpu\)"):
        fit(nets.task(breaking(after=0, most=0)), nets.plan())


def test_no_memory_for_the_optimiser_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr(torch.optim.AdamW, "step", refuse)
    with pytest.raises(TrainingError, match=r"\(AdamW\).*optimiser = 'sgd"):
        fit(nets.task(), nets.plan())


def test_other_errors_of_the_network_pass_through() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
        fit(nets.task(shape=(5,)), nets.plan())


def test_a_head_of_another_size_is_an_error() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 2))
    with pytest.raises(TrainingError, match=r"\(10, 2\) for 10 examples; accepted: \(10, 3"):
        fit(nets.task(module), nets.plan())


def test_devices_that_are_not_here() -> None:
    with pytest.raises(SettingError, match="no device 'cuda:99' here"):
        fit(nets.task(), Plan(settings=nets.plan().settings, device="cuda:99"))


def test_bf16_on_a_cpu_only_where_asked() -> None:
    seen: list[torch.dtype] = []

    class Looking(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = super().forward(x)
            seen.append(out.dtype)
            return out

    fit(nets.task(Looking(4, 3)), nets.plan(epochs=1))
    assert set(seen) == {torch.float32}
    fitted = fit(nets.task(Looking(4, 3)), nets.plan(epochs=1, precision="bf16"))
    assert seen[-1] == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in fitted.module.parameters())
