"""A user's own module as a backbone."""

from pathlib import Path

import pytest
import torch

from topwork.backbones.base import Layout
from topwork.backbones.modules import from_module
from topwork.errors import BackboneError, SettingError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.windows import Input

IMAGE = ImageInput(size=16, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def make(seed: int = 0) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).train()


def test_it_is_copied_and_put_into_eval_mode() -> None:
    module = make()
    network = from_module(module, blocks=["1"], input=IMAGE).build()
    assert module.training
    assert not network.module.training
    assert network.blocks == ("1",)


def test_the_same_module_has_the_same_digest_and_any_change_another() -> None:
    class Other(torch.nn.Sequential):
        pass

    digests = [
        from_module(make(), blocks=["0", "1"], input=IMAGE).digest,
        from_module(make(1), blocks=["0", "1"], input=IMAGE).digest,
        from_module(make(), blocks=["1"], input=IMAGE).digest,
        from_module(make(), blocks=["0", "1"], input=IMAGE, layout="NHWC").digest,
        from_module(make(), blocks=["0", "1"], input=IMAGE, name="b").digest,
        from_module(Other(*make()), blocks=["0", "1"], input=IMAGE).digest,
    ]
    assert len(set(digests)) == len(digests)
    assert digests[0] == from_module(make(), blocks=["0", "1"], input=IMAGE).digest


def test_a_class_without_source_is_taken_by_name() -> None:
    made = type("Made", (torch.nn.ReLU,), {"__module__": "nowhere"})
    assert from_module(torch.nn.Sequential(made()), blocks=["0"], input=IMAGE).digest


@pytest.mark.parametrize(
    ("spec", "layout", "any_length", "is_place"),
    [
        (IMAGE, "NCHW", False, False),
        (ArrayInput(shape=(3, 8)), "NCL", False, False),
        (SoundInput(rate_hz=9, min_samples=9, max_samples=9), "NLC", True, False),
        (TextInput(tokenizer=Path("x"), tokenizer_digest="0", max_tokens=9), "NLC", True, True),
    ],
)
def test_the_input_decides_what_is_not_said(
    spec: Input, layout: Layout, any_length: bool, is_place: bool
) -> None:
    backbone = from_module(make(), blocks=["1"], input=spec)
    network = backbone.build()
    assert backbone.modality == spec.modality
    assert (network.layout, network.any_length, network.prefix_is_place) == (
        layout,
        any_length,
        is_place,
    )
    other = from_module(make(), blocks=["1"], input=spec, any_length=not any_length, layout="NCTF")
    assert (other.build().any_length, other.build().layout) == (not any_length, "NCTF")
    assert other.digest != backbone.digest


@pytest.mark.parametrize(
    ("blocks", "message"), [(["2"], "no block '2'; nearest: '0', '1'"), ([], "No blocks are named")]
)
def test_unknown_blocks_are_refused(blocks: list[str], message: str) -> None:
    with pytest.raises(BackboneError, match=message):
        from_module(make(), blocks=blocks, input=IMAGE)


@pytest.mark.parametrize(
    ("layout", "prefix", "message"),
    [
        ("CHW", 0, "'CHW'; accepted: NCHW, NHWC, NLC, NCL, NCTF"),
        ("NCHW", 1, r"num_prefix_tokens is 1.*'NCHW'; accepted: 0"),
        ("NLC", -1, "num_prefix_tokens is -1"),
    ],
)
def test_unknown_forms_are_refused(layout: Layout, prefix: int, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        from_module(make(), blocks=["0"], input=IMAGE, layout=layout, num_prefix_tokens=prefix)
