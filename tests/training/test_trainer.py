"""The trainer against loops written by hand, and against itself after a stop."""

import math

import numpy as np
import pytest
import torch

from tests.training import nets
from topwork.training.batches import steps_of_epoch
from topwork.training.trainer import fit


def by_hand(module: torch.nn.Module, task: nets.Task, plan: nets.Plan) -> None:
    """AdamW, warm-up, cosine and clipping, with no batch cut up."""
    module.train()
    decayed = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        lr=plan.lr,
    )
    steps_each = math.ceil(task.source.num_examples / plan.batch_size)
    total = plan.epochs * steps_each
    warm = round(0.1 * total)
    step = 0
    for epoch in range(1, plan.epochs + 1):
        for rows in steps_of_epoch(task.source, plan.batch_size, seed=plan.seed, epoch=epoch):
            factor = (
                (step + 1) / warm
                if step < warm
                else 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
            )
            for group in optimiser.param_groups:
                group["lr"] = plan.lr * factor
            step += 1
            inputs = task.source.load(rows.tolist(), epoch)
            loss = torch.nn.functional.cross_entropy(
                module(inputs), torch.from_numpy(task.targets[rows]), label_smoothing=0.1
            )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()


@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize("net", ["dense", "convolved"])
def test_gives_the_weights_of_a_loop_by_hand(net: str, micro_batch: int | None) -> None:
    shape = (4,) if net == "dense" else (3, 8, 8)
    if net == "convolved" and micro_batch:
        pytest.skip("BatchNorm sees the micro-batch")
    make = getattr(nets, net)
    task = nets.task(make(), shape=shape, label_smoothing=0.1)
    plan = nets.plan(micro_batch=micro_batch, weight_decay=0.05)
    reference = make()
    by_hand(reference, task, plan)
    fitted = fit(task, plan)
    assert fitted.module is task.module
    assert not fitted.module.training
    found = nets.weights(fitted.module)
    for name, wanted in nets.weights(reference).items():
        np.testing.assert_allclose(found[name], wanted, atol=1e-6, err_msg=name)
