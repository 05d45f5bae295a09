"""The pools, against numpy; and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from topwork.backbones.base import Backbone, Layout, Network
from topwork.backbones.cut import until
from topwork.backbones.modules import from_module
from topwork.errors import BackboneError
from topwork.examples.images.decode import ImageInput
from topwork.executors.base import POOLS, WHOLE, Segment
from topwork.executors.block_shapes import BlockShape, block_shapes
from topwork.executors.pooled import (
    cell_weights,
    mean_weights,
    pool_block,
    pool_row,
    pooled_network,
)

IMAGE = ImageInput(size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def reference(places: np.ndarray, pool: str) -> np.ndarray:
    """Pool [N, C, H, W] in float64, cell by cell."""
    if pool in ("mean", "std", "max"):
        return getattr(places, pool)(axis=(2, 3))
    grid, (height, width) = int(pool[-1]), places.shape[2:]
    cells = [
        places[
            :,
            :,
            i * height // grid : -(-(i + 1) * height // grid),
            j * width // grid : -(-(j + 1) * width // grid),
        ].mean(axis=(2, 3))
        for i in range(grid)
        for j in range(grid)
    ]
    return np.stack(cells, axis=2).reshape(len(places), -1)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("grid", [2, 3])
def test_cells_are_those_of_adaptive_average_pooling(side: int, grid: int) -> None:
    x = torch.rand(2, 3, side, side, dtype=torch.float64)
    expected = torch.nn.functional.adaptive_avg_pool2d(x, grid).flatten(2)
    found = x.flatten(2) @ torch.from_numpy(cell_weights(side, grid)).t()
    assert torch.allclose(found, expected)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "NLC"])
@pytest.mark.parametrize("prefix", [0, 2])
def test_pools_agree_with_numpy(layout: Layout, prefix: int) -> None:
    prefix = prefix if layout == "NLC" else 0
    rng = np.random.default_rng(3)
    places = rng.normal(100, 1, (2, 4, 7, 7))  # a large mean: where E[x^2] - E[x]^2 fails
    tokens = rng.normal(size=(2, prefix, 4))
    laid = {
        "NCHW": places,
        "NHWC": places.transpose(0, 2, 3, 1),
        "NLC": np.concatenate([tokens, places.reshape(2, 4, 49).transpose(0, 2, 1)], axis=1),
    }[layout]
    shape = BlockShape(
        block="b", layout=layout, num_channels=4, num_places=49, side=7, num_prefix_tokens=prefix
    )
    weights = torch.from_numpy(mean_weights(shape, POOLS))
    found = pool_block(torch.from_numpy(laid).float(), shape, POOLS, weights).numpy()
    start = 0
    for segment in shape.segments(POOLS):
        part = found[:, start : start + segment.size]
        start += segment.size
        expected = (
            tokens.reshape(2, -1) if segment.pool == "prefix" else reference(places, segment.pool)
        )
        assert np.allclose(part, expected, rtol=1e-4), segment
    assert start == found.shape[1]
    assert [s.pool for s in shape.segments(POOLS)] == [
        p for p in POOLS[:-1] if p != "prefix" or prefix
    ]


def shape_of(
    shape: tuple[int, ...], layout: Layout, prefix: int = 0, early: bool = False
) -> BlockShape:
    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(x), *shape)

    network = Network(
        module=torch.nn.Sequential(Fixed()),
        blocks=["0"],
        layout=layout,
        num_prefix_tokens=prefix,
        without_prefix=("0",) if early else (),
    )
    (found,) = block_shapes(network, IMAGE, "fixed")
    return found


@pytest.mark.parametrize(
    ("given", "pools"),
    [
        (((4, 6, 6), "NCHW"), ["mean", "std", "max", "grid2", "grid3"]),
        (((4, 6, 5), "NCHW"), ["mean", "std", "max"]),  # no square
        (((4, 1, 1), "NCHW"), ["mean"]),
        (((4,), "NLC"), ["mean"]),
        (((17, 4), "NLC", 1), list(POOLS[:-1])),
        (((16, 4), "NLC", 1, True), ["mean", "std", "max", "grid2", "grid3"]),
        (((15, 4), "NLC", 1), ["mean", "std", "max", "prefix"]),
        (((4, 4, 9), "NLC", 1), ["mean", "std", "max", "grid2", "grid3"]),  # not yet in a row
        (((4, 4, 9), "NHWC"), ["mean", "std", "max", "grid2", "grid3"]),
    ],
)
def test_a_block_has_the_pools_that_its_shape_allows(given: Any, pools: list[str]) -> None:
    assert [s.pool for s in shape_of(*given).segments(POOLS)] == pools


def test_a_block_without_places_is_taken_whatever_the_pools() -> None:
    (segment,) = shape_of((4,), "NCHW").segments(("max",))
    assert (segment.pool, segment.size) == ("mean", 4)


def test_a_shape_that_is_not_as_promised_is_refused() -> None:
    with pytest.raises(BackboneError, match=r"\[1, 5, 4\]; accepted .*'NCHW': NCHW"):
        shape_of((5, 4), "NCHW")
    with pytest.raises(BackboneError, match=r"accepted with layout 'NLC': \[N, L, C\] or"):
        shape_of((5, 4, 3, 2), "NLC")


class Pair(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class First(torch.nn.Module):
    def forward(self, x: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return x[0]


class Idle(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = torch.nn.ReLU(), torch.nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


@pytest.mark.parametrize(
    ("module", "block", "message"),
    [
        (torch.nn.Sequential(Pair(), First()), "0", r"'0' .*'odd' gives tuple, not one"),
        (Idle(), "idle", r"'idle' .*'odd' does not take part"),
        (torch.nn.Sequential(torch.nn.Linear(3, 3)), "0", r"not run on an input of \[1, 3, 8, 8\]"),
    ],
)
def test_modules_that_cannot_be_cut_there_are_refused(
    module: torch.nn.Module, block: str, message: str
) -> None:
    backbone = from_module(module, blocks=[block], input=IMAGE, name="odd")
    with pytest.raises(BackboneError, match=message):
        pooled_network(backbone, ["mean"])


def test_pixels_are_normalised_and_no_hook_stays(tiny: Backbone) -> None:
    module, segments, form = pooled_network(tiny, ["max", "mean"])
    assert (form.dtype, form.shape, form.max_batch) == ("uint8", (20, 20, 3), 1)
    assert [(s.block, s.pool, s.size) for s in segments] == [
        ("1", "mean", 4),
        ("1", "max", 4),
        ("2", "mean", 6),
        ("2", "max", 6),
        ("6", "mean", 5),
    ]
    image = torch.arange(20 * 20 * 3).reshape(1, 20, 20, 3).remainder(256).to(torch.uint8)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (tiny.input.mean, tiny.input.std))
    pixels = (image.permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        found = module(image)
        network: Any = tiny.build().module
        last = network(pixels)
        # the block's own output, before the ReLU that follows changes it in place
        second = network[2](network[1](network[0](pixels)))
    assert torch.allclose(found[:, -5:], last, atol=1e-5)
    assert torch.allclose(found[:, 8:14], second.mean((2, 3)), atol=1e-5)
    assert not any(m._forward_hooks for m in module.modules())


def test_another_input_size_moves_no_name(tiny: Backbone) -> None:
    larger = replace(tiny, input=replace(tiny.input, size=32))
    assert pooled_network(larger, POOLS)[1] == pooled_network(tiny, POOLS)[1]


def test_a_whole_output_is_the_block_s_own(tiny: Backbone) -> None:
    network: Any = tiny.build().module
    module, segments, _ = pooled_network(until(tiny, "2"), [WHOLE])
    assert segments == (Segment(block="2", pool=WHOLE, size=6 * 5 * 5),)
    image = torch.randint(0, 256, (2, 20, 20, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (tiny.input.mean, tiny.input.std))
    pixels = (image.permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        # before the ReLU that follows changes it in place
        wanted = network[2](network[1](network[0](pixels)))
        torch.testing.assert_close(module(image), wanted, rtol=1e-4, atol=1e-5)
        # also where the network goes on
        going_on = replace(tiny.build(), blocks=("2",))
        module, _, _ = pooled_network(replace(tiny, build=lambda: going_on), [WHOLE])
        torch.testing.assert_close(module(image), wanted, rtol=1e-4, atol=1e-5)


def test_a_whole_output_is_of_one_block(tiny: Backbone) -> None:
    with pytest.raises(BackboneError, match=r"'tiny' has 3 blocks; accepted: one\. Cut"):
        pooled_network(tiny, [WHOLE])


@pytest.mark.parametrize("layout", ["NLC", "NCL", "NCTF"])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
@pytest.mark.parametrize(("prefix", "is_place"), [(0, False), (1, True), (1, False)])
def test_rows_agree_with_numpy(layout: Layout, length: int, prefix: int, is_place: bool) -> None:
    rng = np.random.default_rng(3)
    laid: np.ndarray = rng.normal(100, 1, (2, length + prefix, 6))
    tokens = laid  # [N, L, C]
    if layout == "NCL":
        laid = tokens.transpose(0, 2, 1)
    elif layout == "NCTF":  # three channels of two frequencies
        laid = tokens.reshape(2, -1, 3, 2).transpose(0, 2, 1, 3)
    places = tokens if is_place else tokens[:, prefix:]
    shape = BlockShape(
        block="b", layout=layout, num_channels=6, num_places=places.shape[1], in_row=True,
        num_prefix_tokens=prefix, prefix_is_place=is_place, causal=True,
    )  # fmt: skip
    row = torch.from_numpy(places.transpose(0, 2, 1))
    adaptive = {
        f"grid{n}": torch.nn.functional.adaptive_avg_pool1d(row, n).flatten(1) for n in (2, 3)
    }
    expected = {
        "mean": places.mean(1),
        "std": places.std(1),
        "max": places.max(1),
        "prefix": tokens[:, :prefix].reshape(2, -1),
        "last": tokens[:, -1],
        **{name: value.numpy() for name, value in adaptive.items()},
    }
    found = pool_row(torch.from_numpy(laid).float(), shape, POOLS).numpy()
    start = 0
    for segment in shape.segments(POOLS):
        part = found[:, start : start + segment.size]
        start += segment.size
        np.testing.assert_allclose(part, expected[segment.pool], rtol=1e-4, atol=1e-4)
    assert start == found.shape[1]
    assert [s.pool for s in shape.segments(POOLS)] == [p for p in POOLS if p != "prefix" or prefix]
