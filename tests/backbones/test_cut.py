"""A backbone that ends at a block: the same output there, and nothing after it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests import small
from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.cut import until
from topwork.backbones.modules import from_module
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError
from topwork.executors.base import POOLS
from topwork.executors.pooled import pooled_network


def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_every_block_gives_what_it_gives_in_the_whole_network() -> None:
    backbone = get_backbone(small.SMALL)
    network = backbone.build()
    wanted = folders.outputs(network, images())
    for block, output in zip(network.blocks, wanted, strict=True):
        cut = until(backbone, block).build()
        assert cut.blocks == (block,)
        with torch.inference_mode():
            torch.testing.assert_close(cut.module(images()), output)
        assert set(cut.module.state_dict()) == set(network.module.state_dict())


@pytest.mark.parametrize("kind", ["bert", "qwen3", "wav2vec2", "whisper"])
def test_the_layers_of_transformers_too(kind: str, tmp_path: Path) -> None:
    is_sound = kind in ("wav2vec2", "whisper")
    write: Callable[..., object] = folders.sound_folder if is_sound else folders.text_folder
    write(tmp_path, kind)
    backbone = get_backbone(tmp_path)
    windows = torch.randint(4, 30, (2, 9))
    if is_sound:
        windows = torch.randn(1, 12, 80) if kind == "whisper" else torch.randn(1, 4800)
    network = backbone.build()
    for block, output in zip(network.blocks, folders.outputs(network, windows), strict=True):
        with torch.inference_mode():
            cut = until(backbone, block).build()
            for _ in range(2):  # what stopped it leaves nothing behind
                torch.testing.assert_close(cut.module(windows), output)


class Refuses(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("it was computed")


def test_nothing_after_the_block_is_computed() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), Refuses())
    backbone = from_module(module, blocks=["0", "1"], input=small.tiny_backbone().input)
    assert until(backbone, "1").build().module(images()).shape == (2, 4, 62, 62)


def test_the_network_itself_stays_as_it_was() -> None:
    backbone = small.tiny_backbone()  # every build gives the same module
    before = backbone.build().module(images())
    cut = until(backbone, "1").build().module
    assert cut(images()).shape != before.shape
    torch.testing.assert_close(backbone.build().module(images()), before)
    assert not any(one._forward_hooks for one in backbone.build().module.modules())


def test_it_says_what_it_is(tiny_backbone: Backbone) -> None:
    cut = until(tiny_backbone, "1")
    assert cut.name == "tiny until 1"
    assert cut.architecture is None
    assert (cut.input, cut.card) == (tiny_backbone.input, tiny_backbone.card)
    digests = {tiny_backbone.digest, cut.digest, until(tiny_backbone, "3").digest}
    assert len(digests) == 3
    assert until(tiny_backbone, "1").digest == cut.digest


def test_another_block_is_refused(tiny_backbone: Backbone) -> None:
    with pytest.raises(BackboneError, match="'tiny' has no block '2'; nearest: '1', '3'"):
        until(tiny_backbone, "2").build()


def test_it_has_the_pools_of_its_block() -> None:
    backbone = get_backbone(small.SMALL)
    block = backbone.build().blocks[2]
    whole = [s for s in pooled_network(backbone, POOLS)[1] if s.block == block]
    assert list(pooled_network(until(backbone, block), POOLS)[1]) == whole
