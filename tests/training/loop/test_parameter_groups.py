"""Groups of parameters: rates by depth and name, what is frozen, what decays."""

import copy

import pytest
import timm
import torch

from tests.training import nets
from topwork.errors import SettingError
from topwork.training.loop.parameter_groups import (
    freeze_batch_norm,
    make_optimiser,
    parameter_groups,
    put_in_training,
)
from topwork.training.settings import Training


def rates(module: torch.nn.Module, settings: Training, blocks: tuple[str, ...]) -> dict[str, float]:
    groups = parameter_groups(module, blocks, settings, lr=1.0)
    return {name: group["lr"] for group in groups for name in group["names"]}


def test_every_parameter_is_in_one_group() -> None:
    net = nets.dense()
    groups = parameter_groups(net, ("block",), Training(layer_decay=0.5), lr=1.0)
    names = [name for group in groups for name in group["names"]]
    assert sorted(names) == sorted(name for name, _ in net.named_parameters())
    for group in groups:
        found = [net.get_parameter(name) for name in group["names"]]
        assert all(a is b for a, b in zip(found, group["params"], strict=True))


def test_rates_fall_by_depth_from_the_head() -> None:
    net = timm.create_model("vit_tiny_patch16_224", depth=3, num_classes=2)
    blocks = ("blocks.0", "blocks.1", "blocks.2")
    found = rates(net, Training(layer_decay=0.5, head_lr=3.0), blocks)
    assert found["head.weight"] == 3.0
    assert found["norm.weight"] == found["blocks.2.mlp.fc1.weight"] == 0.5
    assert found["blocks.1.norm1.bias"] == 0.25
    assert found["blocks.0.norm1.bias"] == found["patch_embed.proj.weight"] == 0.125
    assert found["pos_embed"] == found["cls_token"] == 0.125


def test_the_longest_prefix_gives_the_rate() -> None:
    net = torch.nn.ModuleDict(
        {"blocks": torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(11))}
    )
    found = rates(net, Training(learning_rates={"blocks": 0.3, "blocks.1": 0.2}), ())
    assert found["blocks.1.weight"] == 0.2
    assert found["blocks.10.weight"] == found["blocks.0.weight"] == 0.3


def test_vectors_do_not_decay() -> None:
    groups = parameter_groups(nets.dense(), (), Training(weight_decay=0.1), lr=1.0)
    decay = {name: group["weight_decay"] for group in groups for name in group["names"]}
    assert {n for n, d in decay.items() if d == 0.1} == {
        "stem.weight", "block.1.weight", "head.weight",
    }  # fmt: skip


def test_what_is_frozen_has_no_gradient() -> None:
    net = nets.dense()
    found = rates(net, Training(freeze=("stem", "block.1.bias")), ())
    assert "stem.weight" not in found
    assert "block.1.bias" not in found
    assert "block.1.weight" in found
    assert not net.get_parameter("stem.weight").requires_grad


@pytest.mark.parametrize(
    ("settings", "blocks", "message"),
    [
        (Training(freeze=("stam",)), (), "freeze names 'stam'.*nearest: 'stem'"),
        (Training(learning_rates={"blick": 0.1}), (), "learning_rates names 'blick'.*'block'"),
        (Training(), ("blok",), "blocks names 'blok'.*nearest: 'block'"),
        (Training(freeze=("stem", "block", "norm", "head")), (), "nothing is left to train"),
    ],
)
def test_names_that_fit_nothing(settings: Training, blocks: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parameter_groups(nets.dense(), blocks, settings, lr=1.0)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Training(optimiser="adamw"), torch.optim.AdamW),
        (Training(optimiser="adam"), torch.optim.Adam),
        (Training(optimiser="sgd"), torch.optim.SGD),
        (Training(optimiser="sgd", momentum=0.0), torch.optim.SGD),
    ],
)
def test_optimisers(settings: Training, kind: type) -> None:
    groups = parameter_groups(nets.dense(), (), settings, lr=0.5)
    optimiser = make_optimiser(groups, settings)
    assert type(optimiser) is kind
    assert optimiser.param_groups[0]["lr"] == 0.5
    if kind is torch.optim.SGD:
        momentum = settings.momentum
        assert optimiser.defaults["momentum"] == momentum
        assert optimiser.defaults["nesterov"] is (momentum > 0)


def test_frozen_batch_norms_keep_their_statistics() -> None:
    net = timm.create_model("tf_efficientnet_lite0", num_classes=2)  # its norms are timm's own kind
    count = freeze_batch_norm(net)
    net = copy.deepcopy(net)
    put_in_training(net)
    still = [part for part in net.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert count == len(still) > 40
    assert not any(part.training for part in still)
    assert net.conv_stem.training
    before = net.bn1.running_mean.clone()
    net(torch.randn(2, 3, 64, 64))
    torch.testing.assert_close(net.bn1.running_mean, before, rtol=0, atol=0)


def test_batch_norms_of_frozen_parts_keep_theirs() -> None:
    net = nets.convolved()
    parameter_groups(net, (), Training(freeze=("norm",)), lr=1.0)
    put_in_training(net)
    assert (net.norm.training, net.stem.training) == (False, True)
