"""Tiny networks and sources that the tests of training share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from topwork.training.loop.task import Plan, Task
from topwork.training.settings import Training

NUM_CLASSES = 3


class Rows:
    """A source of rows in memory; the lengths of rows may differ."""

    def __init__(self, rows: Sequence[torch.Tensor]) -> None:
        self.indices = rows
        self.loaded: list[tuple[int, ...]] = []

    @property
    def num_examples(self) -> int:
        return len(self.indices)

    def shape(self, example: int) -> tuple[int, ...]:
        return tuple(self.indices[example].shape)

    def load(self, examples: Sequence[int], epoch: int) -> torch.Tensor:
        self.loaded.append(tuple(examples))
        return torch.stack([self.indices[i] for i in examples])


class Mean(torch.nn.Module):
    """Rows [n, length, 4] of any length to one [n, 4]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


def dense(seed: int = 0, dropout: float = 0.0) -> torch.nn.Sequential:
    """Rows [n, 4] to logits, with a name for each part."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential()
    net.add_module("stem", torch.nn.Linear(4, 8))
    net.add_module("block", torch.nn.Sequential(torch.nn.GELU(), torch.nn.Linear(8, 8)))
    net.add_module("norm", torch.nn.LayerNorm(8))
    net.add_module("drop", torch.nn.Dropout(dropout))
    net.add_module("head", torch.nn.Linear(8, NUM_CLASSES))
    return net


def convolved(seed: int = 0) -> torch.nn.Sequential:
    """Pictures [n, 3, 8, 8] to logits, with a BatchNorm."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential()
    net.add_module("stem", torch.nn.Conv2d(3, 4, 3, bias=False))
    net.add_module("norm", torch.nn.BatchNorm2d(4))
    net.add_module("pool", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    net.add_module("head", torch.nn.Linear(4, NUM_CLASSES))
    return net


def task(
    module: torch.nn.Module | None = None,
    num_examples: int = 40,
    shape: tuple[int, ...] = (4,),
    **values: Any,
) -> Task:
    """Seeded examples whose class shows in their numbers."""
    generator = torch.Generator().manual_seed(7)
    targets = np.arange(num_examples) % NUM_CLASSES
    rows = [torch.randn(shape, generator=generator) + target for target in targets]
    return Task(
        module=dense() if module is None else module,
        source=values.pop("source", Rows(rows)),
        targets=targets,
        num_classes=NUM_CLASSES,
        **values,
    )


def plan(seed: int = 0, micro_batch: int | None = None, **settings: Any) -> Plan:
    """Three epochs of ten examples a step."""
    given = {"epochs": 3, "batch_size": 10, "lr": 0.01, **settings}
    return Plan(settings=Training(**given), seed=seed, micro_batch=micro_batch)


def weights(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Copies of all that a module would save."""
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
