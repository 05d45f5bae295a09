"""The twin in torch: the same numbers, there and back."""

import numpy as np
import pytest
import torch

from topwork.features.table import ArrayTable
from topwork.heads.dense import DenseHead, fresh_head
from topwork.heads.dense_torch import from_torch, to_torch
from topwork.heads.kernel import Transform
from topwork.heads.softmax import softmax

from .data import SEGMENTS
from .test_dense import TABLE, filled

X = torch.from_numpy(TABLE.matrix.astype(np.float32))


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("units", [(), (5,), (9, 4)])
def test_it_gives_the_same_logits(unit: bool, units: tuple[int, ...]) -> None:
    head = filled(units=units, unit=unit)
    with torch.inference_mode():
        logits = to_torch(head)(X).numpy()
    expected = softmax(logits @ head.softmax.matrix + head.softmax.bias)
    np.testing.assert_allclose(head.predict(TABLE), expected, atol=1e-5)


def test_segments_may_stand_in_any_order() -> None:
    segments = (SEGMENTS[0], SEGMENTS[2], SEGMENTS[1])
    table = ArrayTable(np.random.default_rng(0).normal(size=(9, 38)).astype(np.float32), segments)
    head = fresh_head(segments, Transform.identity(segments), units=(5,), num_classes=2)
    module = to_torch(head)
    with torch.no_grad():
        module.get_parameter("layers.1.weight").copy_(torch.randn(2, 5))
    head = from_torch(module, head)
    with torch.inference_mode():
        logits = module(torch.from_numpy(table.matrix)).numpy()
    np.testing.assert_allclose(head.predict(table), softmax(logits), atol=1e-5)


def trained(head: DenseHead, seed: int) -> DenseHead:
    chance = torch.Generator().manual_seed(seed)
    module = to_torch(head, dropout=0.3, generator=chance).train()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(X), torch.arange(50) % 3).backward()
        optimiser.step()
    return from_torch(module, head)


def test_layers_are_trained_and_nothing_else() -> None:
    head = filled(units=(9, 4))
    module = to_torch(head)
    names = [name for name, _ in module.named_parameters()]
    assert names == [f"layers.{i}.{what}" for i in range(3) for what in ("weight", "bias")]
    before = head.predict(TABLE)
    after = trained(head, seed=0)
    assert after.transform is head.transform
    assert np.abs(after.predict(TABLE) - before).max() > 1e-3
    np.testing.assert_array_equal(head.predict(TABLE), before)  # a module has copies of its own


def test_chance_is_its_own() -> None:
    head = filled(units=(9,))
    torch.manual_seed(0)
    first = trained(head, seed=1)
    torch.manual_seed(1)
    for other, same in ((trained(head, seed=1), True), (trained(head, seed=2), False)):
        equal = [np.array_equal(a.weight, b.weight) for a, b in zip(first.layers, other.layers)]  # noqa: B905
        assert all(equal) is same


def test_there_and_back_is_every_bit() -> None:
    head = filled(units=(9, 4))
    back = from_torch(to_torch(head), head)
    for name, tensor in head.tensors().items():
        np.testing.assert_array_equal(back.tensors()[name], tensor)


def test_dropout_is_for_training_alone() -> None:
    head = filled(units=(9,))
    module = to_torch(head, dropout=0.5)
    assert not torch.equal(module(X), module(X))
    module.eval()
    assert torch.equal(module(X), module(X))
    assert torch.equal(module(X), to_torch(head)(X))


def test_a_row_at_the_mean_has_slopes() -> None:
    """Of a vector of no length the direction is unknown: it must not become NaN."""
    head = filled(units=(9,))
    middle = torch.zeros(1, 120)
    at = 30 + 8
    middle[:, at : at + 32] = torch.from_numpy(head.transform.standardisers[0].mean)
    middle[:, 80:] = torch.from_numpy(head.transform.standardisers[1].mean)
    middle.requires_grad_()
    to_torch(head)(middle).sum().backward()
    assert middle.grad is not None
    assert torch.isfinite(middle.grad).all()
