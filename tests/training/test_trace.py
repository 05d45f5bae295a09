"""What a run of a network shows: which modules are over when, and shapes at any length."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import small
from tests.training.cuts import MAKERS, Skipping, own_backbone
from topwork.training.trace import Shapes, Trace, make_batch


def test_a_shape_at_any_length() -> None:
    tokens = Shapes(short=(1, 9, 32), long=(1, 14, 32))
    assert tokens.share((3, 9, 32)) == 0.0
    assert tokens.share((3, 14, 32)) == 1.0
    halved = Shapes(short=(1, 4, 9), long=(1, 6, 14))
    for length in (5, 9, 11, 30):
        assert tokens.at(tokens.share((2, length, 32))) == (1, length, 32)
        assert halved.at(tokens.share((2, length, 32)))[2] == length
    assert halved.at(tokens.share((2, 24, 32))) == (1, 10, 24)
    assert halved.at(-5.0) == (1, 1, 1)
    fixed = Shapes(short=(1, 3, 8), long=(1, 3, 8))
    assert fixed.share((7, 3, 8)) == 0.0
    assert fixed.at(0.0) == (1, 3, 8)


def test_what_is_over_when_a_block_is() -> None:
    backbone = own_backbone(Skipping().eval(), ["first", "second", "third", "last"])
    seen = Trace.of(backbone.build(), backbone.input)
    assert [seen.is_over(name, "second") for name in ("first", "second", "third")] == [
        True, True, False,
    ]  # fmt: skip
    assert seen.begins_after("third", "second")
    assert not seen.begins_after("second", "second")
    assert not seen.begins_after("nothing of that name", "second")
    assert seen.outermost("second") == ["first", "second"]
    assert seen.shapes["first"][0].short == (1, 8, 16, 16)
    assert seen.input.short == (1, 3, 32, 32)


def test_what_lies_within_another_is_not_named_twice() -> None:
    backbone = MAKERS["vit"](Path())
    seen = Trace.of(backbone.build(), backbone.input)
    outermost = seen.outermost("blocks.1")
    assert {"blocks.0", "blocks.1", "patch_embed"} <= set(outermost)
    assert not [name for name in outermost if name.startswith("blocks.0.")]


def test_of_any_length_it_is_run_twice() -> None:
    backbone = small.tiny_text_backbone()
    seen = Trace.of(backbone.build(), backbone.input)
    (shapes,) = seen.shapes["1"]
    assert shapes.long[1] > shapes.short[1]
    assert shapes.short[2] == shapes.long[2] == 12
    assert seen.dtype == torch.int64


@pytest.mark.parametrize("kind", ["image", "sound"])
def test_a_batch_as_networks_take_it(kind: str) -> None:
    backbone = small.tiny_backbone() if kind == "image" else small.tiny_sound_backbone()
    if kind == "image":
        window = np.full((32, 32, 3), 128, np.uint8)
        batch = make_batch(backbone.input, [window, window])
        assert batch.shape == (2, 3, 32, 32)
        assert float(batch.abs().max()) == 0.0
    else:
        assert make_batch(backbone.input, [np.ones(800, np.float32)]).shape == (1, 800)
