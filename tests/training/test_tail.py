"""Networks of every kind, cut after each block: as the whole network, or not at all."""

import copy
from pathlib import Path

import pytest
import torch

from tests.training.cuts import (
    MAKERS,
    SLOW_MAKERS,
    Sharing,
    Skipping,
    Tabled,
    away,
    batch_of,
    heard,
    inner,
    own_backbone,
)
from topwork.backbones.base import Backbone, Network
from topwork.errors import BackboneError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.training.loop.parameter_groups import FROZEN_MARK
from topwork.training.tail import INNER, learned, resume

LENGTHS = (1.0, 0.7, 2.3)
"""Times the usual one; the last two were not tried when the network was cut."""

REFUSED = {"whisper": ("taps.0",), "albert": ("taps.1",)}
"""What crosses these cuts is not one block's output: it goes on to the layers beside the tap."""


@pytest.fixture(
    params=[*MAKERS, *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW_MAKERS)]
)
def backbone(request: pytest.FixtureRequest, tmp_path: Path) -> Backbone:
    return {**MAKERS, **SLOW_MAKERS}[request.param](tmp_path)


def cuts(backbone: Backbone, network: Network) -> list[str]:
    """Every block but the last; of a long row, some."""
    blocks = list(network.blocks[:-1])
    return blocks if len(blocks) < 10 else blocks[::4]


def test_cut_anywhere_it_gives_what_the_whole_network_does(backbone: Backbone) -> None:
    network = backbone.build()
    last = network.blocks[-1]
    lengths = LENGTHS if network.any_length and backbone.modality != "sound" else (1.0, 2.3)
    refused = []
    for block in cuts(backbone, network):
        try:
            resumed = resume(network, backbone.input, block, name=backbone.name)
        except BackboneError as error:
            refused.append(str(error))
            continue
        for length in lengths if network.any_length else (1.0,):
            for num in (1, 3):
                with torch.inference_mode():
                    batch = batch_of(backbone, network, num, length)
                    given, whole = heard(network, batch, (block, last))
                    (own,) = heard(resumed, given, inner([last]))
                assert away(own, whole) < 1e-4, (block, length, num)
    wanted = REFUSED.get(Path(backbone.name).name, ())
    assert len(refused) == len(wanted)
    for said, block in zip(refused, wanted, strict=True):
        assert f"cannot be cut after {block!r}" in said


def test_gradients_are_those_of_the_whole_network_with_its_beginning_frozen(
    backbone: Backbone,
) -> None:
    network = backbone.build()
    last = network.blocks[-1]
    block = network.blocks[-2] if "albert" not in backbone.name else network.blocks[0]
    resumed = resume(network, backbone.input, block, name=backbone.name)
    whole = copy.deepcopy(network.module).requires_grad_(False)
    wanted = dict(whole.named_parameters())
    own = {n: p for n, p in resumed.module.named_parameters() if p.requires_grad}
    for name in own:
        wanted[name.removeprefix(INNER)].requires_grad_(True)
    batch = batch_of(backbone, network, 2)
    given, _ = heard(network, batch, (block, last))
    (out,) = heard(resumed, given.detach(), inner([last]))
    slope = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    out.backward(slope)
    net = Network(module=whole, blocks=network.blocks, layout=network.layout)
    heard(net, batch, [last])[0].backward(slope)
    assert own
    for name, parameter in own.items():
        assert parameter.grad is not None, name
        reference = wanted[name.removeprefix(INNER)].grad
        assert reference is not None
        assert away(parameter.grad, reference) < 1e-4 or reference.abs().max() < 1e-4, name
    assert set(own) == {
        n for n in learned(resumed.module) if n in dict(resumed.module.named_parameters())
    }


def test_all_parameters_of_later_blocks_learn(backbone: Backbone) -> None:
    if "albert" in backbone.name:
        return  # whose layers are one
    network = backbone.build()
    block = network.blocks[len(network.blocks) // 2 - 1]
    try:
        resumed = resume(network, backbone.input, block, name=backbone.name)
    except BackboneError:
        pytest.skip("cannot be cut there")
    names = learned(resumed.module)
    for later in resumed.blocks:
        for name, _ in resumed.module.get_submodule(later).named_parameters():
            if "relative_attention_bias" not in name and "rel_attn_embed" not in name:
                assert f"{later}.{name}" in names


def test_copies_know_nothing_of_each_other() -> None:
    backbone = MAKERS["vit"](Path())
    network = backbone.build()
    block, last = network.blocks[3], network.blocks[-1]
    resumed = resume(network, backbone.input, block, name="vit")
    copied = copy.deepcopy(resumed.module)
    with torch.inference_mode():
        given, wanted = heard(network, batch_of(backbone, network, 2), (block, last))
        for parameter in resumed.module.parameters():
            parameter.zero_()
        assert learned(copied) == learned(resumed.module)
        of_copy = Network(module=copied, blocks=resumed.blocks, layout=network.layout)
        (own,) = heard(of_copy, given, inner([last]))
        (other,) = heard(resumed, given, inner([last]))
    assert away(own, wanted) < 1e-5
    assert float(other.abs().max()) == 0.0


def test_a_failed_pass_leaves_nothing_behind() -> None:
    backbone = MAKERS["conv2d"](Path())
    network = backbone.build()
    resumed = resume(network, backbone.input, network.blocks[1], name="conv2d")
    given, wanted = heard(network, batch_of(backbone, network, 2), network.blocks[1::2])
    with pytest.raises(RuntimeError, match="channels"):
        resumed.module(given[:, :3])
    assert away(heard(resumed, given, resumed.blocks[-1:])[0], wanted) < 1e-6


def test_what_skips_the_cut_is_noticed() -> None:
    torch.manual_seed(0)
    backbone = own_backbone(Skipping().eval(), ["first", "second", "third", "last"])
    network = backbone.build()
    assert resume(network, backbone.input, "first", name="own").blocks[-1] == "inner.last"
    for block in ("second", "third"):
        with pytest.raises(
            BackboneError, match=f"'own' cannot be cut after '{block}': .*takes more"
        ):
            resume(network, backbone.input, block, name="own")


def test_weights_that_are_used_on_both_sides_do_not_learn() -> None:
    torch.manual_seed(0)
    module = Tabled().eval()
    input = ArrayInput(shape=(6,))
    backbone = own_backbone(module, ["parts.0", "parts.1"], input)
    resumed = resume(backbone.build(), input, "parts.0", name="own")
    assert learned(resumed.module) == {
        f"inner.parts.1.{name}" for name in module.parts[1].state_dict()
    }
    named = dict(resumed.module.named_parameters())
    assert not named["inner.offset"].requires_grad
    assert named["inner.parts.1.0.weight"].requires_grad


def test_nothing_but_weights_that_are_used_on_both_sides() -> None:
    torch.manual_seed(0)
    backbone = own_backbone(Sharing().eval(), ["first", "seams.0", "seams.1", "seams.2"])
    network = backbone.build()
    assert "inner.shared.weight" in learned(
        resume(network, backbone.input, "first", name="own").module
    )
    with pytest.raises(BackboneError, match=r"cannot be cut after 'seams\.0'"):
        resume(network, backbone.input, "seams.0", name="own")


def test_a_beginning_that_must_run_learns_no_statistics() -> None:
    """Of modules that give more than one tensor the parts are there, and see zeros."""

    class Pair(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(6)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
            return self.norm(x), 2

    class Paired(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair, self.one, self.two = Pair(), torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x, times = self.pair(x)
            out: torch.Tensor = self.two(self.one(x)) * times
            return out

    input = ArrayInput(shape=(6,))
    backbone = own_backbone(Paired().eval(), ["one", "two"], input)
    resumed = resume(backbone.build(), input, "one", name="own")
    assert learned(resumed.module) == {"inner.two.weight", "inner.two.bias"}
    norms = [p for p in resumed.module.modules() if isinstance(p, torch.nn.BatchNorm1d)]
    assert all(getattr(norm, FROZEN_MARK, False) for norm in norms)


def test_layers_with_ways_of_their_own_to_be_saved_and_copied() -> None:
    """Of BatchNorm and of weight norm, which look for their tensors."""

    class Normed(torch.nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 6)),
                torch.nn.BatchNorm1d(6),
                torch.nn.Linear(6, 6),
                torch.nn.BatchNorm1d(6),
            )

    torch.manual_seed(0)
    input = ArrayInput(shape=(6,))
    backbone = own_backbone(Normed().eval(), ["0", "1", "2", "3"], input)
    network = backbone.build()
    for block in ("0", "1", "2"):
        resumed = resume(network, input, block, name="own")
        copied = copy.deepcopy(resumed.module)
        copied.load_state_dict(resumed.module.state_dict())
        given, wanted = heard(network, batch_of(backbone, network, 4), (block, "3"))
        of_copy = Network(module=copied, blocks=resumed.blocks, layout=network.layout)
        assert away(heard(of_copy, given, ["inner.3"])[0], wanted) < 1e-6
