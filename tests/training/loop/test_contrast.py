"""The loss of pairs against loops, and what it does to a network."""

import copy

import numpy as np
import pytest
import torch

from tests.training import nets
from topwork.errors import TrainingError
from topwork.training.loop import learner
from topwork.training.loop.contrast import contrast_loss, num_beside_own
from topwork.training.loop.task import Task
from topwork.training.loop.trainer import fit


def by_loops(vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            a, b = vectors[i], vectors[j]
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            alike = bool(targets[i] == targets[j])
            pair = weights[i] * weights[j]
            sums[alike][0] += pair * (float(alike) - cosine) ** 2
            sums[alike][1] += pair
    means = [total / weight for total, weight in sums.values() if weight]
    return float(np.mean(means)) if means else 0.0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("targets", [[0, 0, 1, 2, 1, 0], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]])
def test_it_is_that_of_loops(targets: list[int], weighted: bool) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 5))
    weights = rng.uniform(0.2, 3, 6) if weighted else np.ones(6)
    found = contrast_loss(
        torch.from_numpy(vectors),
        torch.tensor(targets),
        torch.from_numpy(weights) if weighted else None,
    )
    assert float(found) == pytest.approx(by_loops(vectors, np.array(targets), weights), abs=1e-12)


def test_one_example_has_no_pair() -> None:
    vectors = torch.ones(1, 3, requires_grad=True)
    loss = contrast_loss(vectors, torch.tensor([0]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert vectors.grad is not None
    assert not vectors.grad.any()


def test_who_is_beside_its_own() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.8, 0.2]])
    assert int(num_beside_own(vectors, torch.tensor([0, 0, 1, 1]))) == 3


def test_a_step_is_that_of_all_pairs_of_the_batch() -> None:
    """Whatever the shapes that the batch is loaded in."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn((2 + i % 3, 4), generator=generator) for i in range(12)]
    targets = np.arange(12) // 4
    torch.manual_seed(0)
    module = torch.nn.Sequential(nets.Mean(), torch.nn.Linear(4, 5))
    by_hand = copy.deepcopy(module)
    vectors = torch.cat([by_hand(row[None]) for row in rows])
    loss = contrast_loss(vectors, torch.from_numpy(targets))
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in by_hand.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad
    plan = nets.plan(
        epochs=1, batch_size=12, optimiser="sgd", momentum=0.0, lr=0.1, weight_decay=0.0,
        warmup=0.0, schedule="constant", clip=0.0, precision="f32",
    )  # fmt: skip
    task = Task(
        module=module, source=nets.Rows(rows), targets=targets, num_classes=3, contrast=True
    )
    result = fit(task, plan)
    assert result.history[0].loss == pytest.approx(float(loss.detach()), abs=1e-6)
    for name, tensor in by_hand.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor, atol=1e-6, rtol=0)


def test_memory_that_is_too_short_for_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(learner, "contrast_loss", full)
    with pytest.raises(TrainingError, match=r"with 10 examples .*smaller batch_size"):
        fit(nets.task(contrast=True), nets.plan())
