"""A user's own module as a backbone."""

import pytest
import torch

from topwork.backbones.base import Form
from topwork.backbones.modules import from_module
from topwork.errors import BackboneError, SettingError
from topwork.examples.decode import ImageInput

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
        from_module(make(), blocks=["0", "1"], input=IMAGE, form="NHWC").digest,
        from_module(make(), blocks=["0", "1"], input=IMAGE, name="b").digest,
        from_module(Other(*make()), blocks=["0", "1"], input=IMAGE).digest,
    ]
    assert len(set(digests)) == len(digests)
    assert digests[0] == from_module(make(), blocks=["0", "1"], input=IMAGE).digest


def test_a_class_without_source_is_taken_by_name() -> None:
    made = type("Made", (torch.nn.ReLU,), {"__module__": "nowhere"})
    assert from_module(torch.nn.Sequential(made()), blocks=["0"], input=IMAGE).digest


@pytest.mark.parametrize(
    ("blocks", "message"), [(["2"], "no block '2'; nearest: '0', '1'"), ([], "No blocks are named")]
)
def test_unknown_blocks_are_refused(blocks: list[str], message: str) -> None:
    with pytest.raises(BackboneError, match=message):
        from_module(make(), blocks=blocks, input=IMAGE)


@pytest.mark.parametrize(
    ("form", "prefix", "message"),
    [
        ("CHW", 0, "form is 'CHW'; accepted: NCHW, NHWC, NLC"),
        ("NCHW", 1, "num_prefix_tokens is 1 with form 'NCHW'; accepted: 0"),
        ("NLC", -1, "num_prefix_tokens is -1"),
    ],
)
def test_unknown_forms_are_refused(form: Form, prefix: int, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        from_module(make(), blocks=["0"], input=IMAGE, form=form, num_prefix_tokens=prefix)
