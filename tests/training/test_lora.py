"""Low-rank updates: what is trained, what stays, and that they end up in the weights."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import jobs
from tests.training.cuts import MAKERS
from topwork.errors import SettingError
from topwork.training import finetune as finetune_module
from topwork.training.cut import with_head
from topwork.training.finetune import FineTuned, finetune
from topwork.training.lora import add_lora, merge_lora

RANK = 3


class Net(torch.nn.Module):
    """Three linear layers, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Linear(6, 8)
        self.block = torch.nn.Sequential(
            torch.nn.Linear(8, 10), torch.nn.GELU(), torch.nn.Linear(10, 8)
        )
        self.blocked = torch.nn.Linear(8, 8)
        self.head = torch.nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.blocked(self.block(self.stem(x))))
        return out


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def trained(module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def test_updates_and_the_head_are_trained_and_nothing_else(net: Net) -> None:
    x = torch.randn(4, 6)
    before = net(x)
    add_lora(net, RANK, seed=0)
    torch.testing.assert_close(net(x), before)  # it begins at zero
    names = trained(net)
    updates = [p.numel() for name, p in names.items() if ".lora_" in name]
    assert {name for name in names if ".lora_" not in name} == {"head.weight", "head.bias"}
    assert sum(updates) == RANK * ((6 + 8) + (8 + 10) + (10 + 8) + (8 + 8))
    assert not any(name.startswith("head.") and ".lora_" in name for name in names)


def test_the_same_seed_begins_the_same_way_and_leaves_chance_as_it_was() -> None:
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        module = Net()
        state = torch.get_rng_state()
        add_lora(module, RANK, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(module.get_parameter("block.0.lora_A.default.weight"))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_merged_it_gives_the_same_under_plain_names(net: Net) -> None:
    plain = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    add_lora(net, RANK, seed=0)
    with torch.no_grad():
        for parameter in trained(net).values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    x = torch.randn(4, 6)
    before = net(x)
    merge_lora(net)
    torch.testing.assert_close(net(x), before, rtol=1e-5, atol=1e-5)
    assert list(net.state_dict()) == list(plain)
    changed = {n for n, tensor in net.state_dict().items() if not torch.equal(tensor, plain[n])}
    layers = ("stem", "block.0", "block.2", "blocked", "head")
    assert changed == {*(f"{layer}.weight" for layer in layers), "head.bias"}
    update = net.state_dict()["block.0.weight"] - plain["block.0.weight"]
    assert int(torch.linalg.matrix_rank(update, rtol=1e-4)) == RANK


def test_layers_that_do_not_learn_get_none(net: Net) -> None:
    net.block.requires_grad_(False)
    add_lora(net, RANK, seed=0)
    assert {name.partition(".lora_")[0] for name in trained(net)} == {
        "stem", "blocked", "head.weight", "head.bias",
    }  # fmt: skip


def test_a_network_without_linear_layers() -> None:
    job = jobs.make_job(jobs.conv2d(), jobs.colour_examples(4), None, lora=4)
    with pytest.raises(SettingError, match=r"lora is 4, .*no linear"):
        finetune(job, jobs.rows_of(job))


def test_random_weights_get_none() -> None:
    with pytest.raises(SettingError, match=r"lora is 4 .*random weights; accepted"):
        jobs.make_job(jobs.conv2d(), jobs.colour_examples(4), None, lora=4, head_first=False)


def test_peft_is_missing(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(SettingError, match=r"lora is 3, .*topwork\[lora\]"):
        add_lora(net, RANK, seed=0)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "vit", "wav2vec2"])
def test_a_network_of_each_kind_learns_by_updates(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = MAKERS[kind](tmp_path)
    if backbone.modality == "text":
        examples = jobs.text_examples(tmp_path)
    elif backbone.modality == "sound":
        examples = jobs.sound_examples(tmp_path, 3)
    else:
        examples = jobs.colour_examples(3)
    block = backbone.build().blocks[0]
    job = jobs.make_job(backbone, examples, block, lora=RANK, lr=1e-2)
    kept: dict[str, torch.Tensor] = {}
    plain_fit = finetune_module.fit

    def fit(task, plan, **more):  # type: ignore[no-untyped-def]
        fitted = plain_fit(task, plan, **more)
        kept.update({name: t.clone() for name, t in fitted.module.state_dict().items()})
        rows = list(range(4))
        if len({task.source.shape(row) for row in rows}) > 1:
            rows = [0]
        kept["batch"] = task.source.load(rows, 0)
        with torch.inference_mode():
            kept["logits"] = fitted.module(kept["batch"])
        return fitted

    monkeypatch.setattr(finetune_module, "fit", fit)
    fine_tuned = finetune(job, jobs.rows_of(job))
    assert list(fine_tuned.after) == list(fine_tuned.before)
    moved = {n for n, t in fine_tuned.after.items() if not torch.equal(t, fine_tuned.before[n])}
    assert any(name.startswith("body.") for name in moved)
    for name, tensor in fine_tuned.before.items():  # until the end the base is what it was
        base = name.replace(".weight", ".base_layer.weight").replace(".bias", ".base_layer.bias")
        if name.startswith("body."):
            assert torch.equal(kept[base if base in kept else name], tensor), name
    module, _ = fine_tuned.network()
    with torch.inference_mode():
        torch.testing.assert_close(
            logits_of(fine_tuned, kept["batch"]), kept["logits"], rtol=1e-5, atol=1e-5
        )
    state = job.cut.state(module)
    assert list(state) == list(job.cut.network.module.state_dict())
    job.cut.network.module.load_state_dict(state)


def logits_of(fine_tuned: FineTuned, batch: torch.Tensor) -> torch.Tensor:
    """What the merged network gives."""
    whole = with_head(fine_tuned.job.cut.body(), fine_tuned.head, dropout=0.0).eval()
    whole.load_state_dict(fine_tuned.after)
    logits: torch.Tensor = whole(batch)
    return logits


def test_twice_the_same_and_not_as_without_the_updates(tmp_path: Path) -> None:
    examples, backbone = jobs.text_examples(tmp_path), jobs.tiny_bert(tmp_path / "bert")
    found = []
    for rank in (RANK, RANK, None):
        job = jobs.make_job(backbone, examples, None, lora=rank, lr=1e-2)
        found.append(finetune(job, np.arange(10)).after)
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())
    assert not all(torch.equal(tensor, found[2][name]) for name, tensor in found[0].items())
