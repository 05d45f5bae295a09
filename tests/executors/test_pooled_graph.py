"""Every pool of every block: the graph gives what the torch module gives."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
import torch

from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.cut import until
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError
from topwork.executors.base import POOLS, WHOLE, Segment
from topwork.executors.pooled import pooled_network
from topwork.executors.pooled_graph import pooled_graph

TOLERANCE = 1e-4
"""Of a pool's largest number, or of 1 where that is smaller."""


def assert_agree(
    backbone: Backbone, windows: Sequence[np.ndarray], pools: Sequence[str] = POOLS
) -> None:
    """Compare the two for batches of windows, pool by pool."""
    assert backbone.graph is not None
    model, segments, form = pooled_graph(backbone, backbone.graph(), pools)
    module, wanted_segments, wanted_form = pooled_network(backbone, pools)
    assert (segments, form) == (wanted_segments, wanted_form)
    core = openvino.Core()
    compiled: Any = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for window in windows:
        with torch.inference_mode():
            wanted = module(torch.from_numpy(window)).numpy()
        found = compiled(window)[0]
        assert found.shape == wanted.shape
        if tuple(pools) == (WHOLE,):
            _compare(found, wanted, segments[0])
            continue
        start = 0
        for segment in segments:
            own = slice(start, start + segment.size)
            start += segment.size
            _compare(found[:, own], wanted[:, own], segment)
        assert start == found.shape[1]


def _compare(found: np.ndarray, wanted: np.ndarray, segment: Segment) -> None:
    scale = max(1.0, float(np.abs(wanted).max()))
    assert float(np.abs(found - wanted).max()) <= TOLERANCE * scale, segment


def noise(shape: tuple[int, ...], kind: str) -> np.ndarray:
    drawn = np.random.default_rng(0)
    if kind == "image":
        return drawn.integers(0, 256, shape, dtype=np.uint8)
    if kind == "text":
        return drawn.integers(999, 20_000, shape)
    return (3000 * drawn.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("options", ["", "?size=97", "?pretrained=false&size=64"])
def test_images(options: str) -> None:
    backbone = get_backbone(f"efficientnet-lite0{options}")
    size = backbone.input.size  # type: ignore[union-attr]
    assert_agree(backbone, [noise((1, size, size, 3), "image")])


@pytest.mark.parametrize("options", ["", "?pretrained=false"])
def test_sounds_of_any_length(options: str) -> None:
    lengths = (12_512, 16_000, 12_512 + 7 * 1_280, 60_000)
    windows = [noise((1, length), "sound") for length in lengths]
    assert_agree(get_backbone(f"speech-embedding{options}"), windows)


@pytest.mark.parametrize("options", ["", "?pretrained=false"])
def test_texts_of_any_length_in_batches(options: str) -> None:
    windows = [noise(shape, "text") for shape in ((1, 3), (4, 50), (2, 200), (1, 2))]
    assert_agree(get_backbone(f"minilm-l6{options}"), windows)


@pytest.mark.parametrize("pools", [("max",), ("std", "grid3"), ("prefix", "grid2")])
def test_some_pools_alone(pools: tuple[str, ...]) -> None:
    assert_agree(
        get_backbone("efficientnet-lite0?size=64"), [noise((1, 64, 64, 3), "image")], pools
    )
    assert_agree(get_backbone("minilm-l6"), [noise((2, 9), "text")], pools)


def test_the_whole_output_of_one_block() -> None:
    for name, block, window in (
        ("efficientnet-lite0?size=64", "blocks.3.1", noise((1, 64, 64, 3), "image")),
        ("minilm-l6", "model.encoder.layer.2", noise((2, 9), "text")),
        ("speech-embedding", "pair4", noise((1, 16_000), "sound")),
    ):
        assert_agree(until(get_backbone(name), block), [window], (WHOLE,))
    backbone = get_backbone("minilm-l6")
    assert backbone.graph is not None
    with pytest.raises(BackboneError, match=r"has 7 blocks; accepted: one\. Cut it first"):
        pooled_graph(backbone, backbone.graph(), (WHOLE,))


@pytest.mark.parametrize("pooling", [None, "mean", "cls", "max"])
def test_a_bert_of_a_folder(pooling: str | None, tmp_path: Path) -> None:
    model = folders.text_folder(tmp_path, "bert")
    if pooling is not None:
        modules = [
            {"type": "a.Transformer", "path": ""},
            {"type": "a.Pooling", "path": "1_Pooling"},
        ]
        (tmp_path / "modules.json").write_text(json.dumps(modules))
        (tmp_path / "1_Pooling").mkdir()
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling}))
    backbone = get_backbone(tmp_path)
    size = model.config.vocab_size
    windows = [np.random.default_rng(0).integers(0, size, shape) for shape in ((1, 2), (3, 12))]
    assert_agree(backbone, windows)


def test_a_first_text_of_one_token_harms_none_after_it(tmp_path: Path) -> None:
    model = folders.text_folder(tmp_path, "bert", prefix=False)  # no special tokens around a text
    size = model.config.vocab_size
    windows = [np.random.default_rng(0).integers(0, size, shape) for shape in ((1, 1), (3, 12))]
    assert_agree(get_backbone(tmp_path), windows)


def test_a_network_that_does_not_take_its_own_input_is_refused() -> None:
    backbone = get_backbone("efficientnet-lite0?size=64")
    assert backbone.graph is not None
    graph = backbone.graph()
    doubled = replace(graph, draw=lambda x: graph.draw(openvino.opset13.concat([x, x], 1)))
    with pytest.raises(BackboneError, match=r"does not run on an input of \[64, 64, 3\].*size="):
        pooled_graph(backbone, doubled, POOLS)
