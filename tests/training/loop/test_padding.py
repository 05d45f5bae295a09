"""Rows of several lengths in one batch give what each gives by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training import nets
from tests.training.cuts import MAKERS
from topwork.executors.pooled import ROW_LENGTHS
from topwork.training.cut import Cut
from topwork.training.loop import learner
from topwork.training.loop.batches import BatchPart
from topwork.training.loop.padding import LONGEST, hiding, padded
from topwork.training.loop.task import Task
from topwork.training.loop.trainer import fit

LENGTHS = (5, 6, 7, 9, 14, 20)


def parts_of(lengths: tuple[int, ...], width: int, *, seed: int = 0) -> list[BatchPart]:
    """Return two rows of noise of each length."""
    generator = torch.Generator().manual_seed(seed)
    return [
        BatchPart(
            indices=np.array([2 * i, 2 * i + 1]),
            inputs=torch.randn(2, length, width, generator=generator),
        )
        for i, length in enumerate(lengths)
    ]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12, unique=True))
def test_each_row_is_there_once_and_none_is_padded_to_far_more(lengths: list[int]) -> None:
    given_parts = parts_of(tuple(lengths), 3)
    joined = padded(given_parts)
    rows = {int(i): row for part in given_parts for i, row in zip(part.indices, part.inputs)}  # noqa: B905
    seen = []
    for part in joined:
        own = part.lengths
        if own is None:
            own = torch.full((len(part.indices),), part.inputs.shape[1])
        assert int(own.max()) == part.inputs.shape[1] <= LONGEST * int(own.min())
        for i, row, length in zip(part.indices.tolist(), part.inputs, own.tolist(), strict=True):
            assert torch.equal(row[:length], rows[i])
            assert not row[length:].any()
            seen.append(i)
    assert sorted(seen) == sorted(rows)


@pytest.mark.parametrize("kind", ["bert", "modernbert", "gpt2", "llama"])
def test_vectors_and_gradients_are_those_of_rows_by_themselves(kind: str, tmp_path: Path) -> None:
    backbone = MAKERS[kind](tmp_path)
    network = backbone.build()
    body = Cut.of(backbone, list(network.blocks)[-2]).body().eval()
    parts = parts_of(LENGTHS, 32)
    found = []
    for own in (parts, padded(parts)):
        body.zero_grad()
        vectors = []
        for part in own:
            with hiding(part.lengths):
                vectors.append(body(part.inputs))
        order = np.argsort(np.concatenate([part.indices for part in own]))
        together = torch.cat(vectors)[order]
        (together**2).mean().backward()
        grads = [p.grad.flatten() for p in body.parameters() if p.grad is not None]
        found.append((together.detach(), torch.cat(grads)))
    assert len(padded(parts)) < len(parts)
    (alone, grads), (together, padded_grads) = found
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded_grads, grads, rtol=1e-3, atol=1e-6)


def test_nothing_is_hidden_afterwards() -> None:
    with hiding(torch.tensor([3, 4])):
        assert ROW_LENGTHS.get() is not None
    assert ROW_LENGTHS.get() is None
    query = torch.randn(1, 2, 4, 8)
    attention = torch.nn.functional.scaled_dot_product_attention
    plain = attention(query, query, query)
    with hiding(None):
        torch.testing.assert_close(attention(query, query, query), plain)


def test_what_attention_is_given_by_place_stays_in_its_place() -> None:
    query = torch.randn(2, 2, 4, 8, generator=torch.Generator().manual_seed(0))
    attention = torch.nn.functional.scaled_dot_product_attention
    own = torch.ones(4, 4, dtype=torch.bool).tril()
    with hiding(torch.tensor([4, 3])):
        by_name = attention(query, query, query, attn_mask=own, dropout_p=0.0)
        torch.testing.assert_close(attention(query, query, query, own, 0.0, False), by_name)
        causal = attention(query, query, query, None, 0.0, True)
    torch.testing.assert_close(causal[:, :, :3], by_name[:, :, :3])
    alone = attention(query[1:, :, :3], query[1:, :, :3], query[1:, :, :3])
    with hiding(torch.tensor([4, 3])):
        together = attention(query, query, query, None, 0.0)
    torch.testing.assert_close(together[1:, :, :3], alone)


class ByHand(torch.nn.Module):
    """Attention that nobody can mask from outside, then the mean: of [n, L, 4], [n, 3]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(x)
        weights: torch.Tensor = torch.softmax(y @ y.transpose(1, 2), dim=-1)
        return self.head((weights @ x).mean(1))


def test_a_network_that_cannot_be_masked_runs_length_by_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = torch.Generator().manual_seed(0)
    rows = nets.Rows([torch.randn(4 + i % 3, 4, generator=rng) for i in range(18)])
    targets = np.arange(18) % 3

    def trained(*, may_join: bool) -> torch.Tensor:
        task = Task(module=ByHand(), source=rows, targets=targets, num_classes=3, rows=may_join)
        fitted = fit(task, nets.plan(epochs=2, batch_size=18))
        return torch.cat([p.detach().flatten() for p in fitted.module.parameters()])

    calls = []
    monkeypatch.setattr(learner, "padded", lambda parts: calls.append(1) or padded(parts))
    assert torch.equal(trained(may_join=True), trained(may_join=False))
    assert len(calls) == 1  # it was tried, once
