"""Graphs that pool every block.

The same as pooled.py makes of a torch module, drawn with OpenVINO's operators: no torch is loaded.
A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino
import openvino.opset13 as ops

from topwork.backbones.base import Backbone, Graph
from topwork.backbones.graphs.operators import Node, numbers, whole
from topwork.core.shapes import Shaped
from topwork.errors import BackboneError
from topwork.examples.images.preprocessing import ImageInput
from topwork.executors.base import WHOLE, Segment, WindowForm, order_pools
from topwork.executors.block_shapes import (
    BlockShape,
    blank_window,
    read_shapes,
    whole_segment,
    window_form,
)
from topwork.executors.join import GRIDS
from topwork.executors.pooled import mean_weights


def pooled_graph(
    backbone: Backbone, graph: Graph, pools: Sequence[str]
) -> tuple[Any, tuple[Segment, ...], WindowForm]:
    """Draw the backbone with the pools behind each block.

    Returns:
        OpenVINO's model from a batch of windows to float32 [N, sum of segment sizes]; its segments;
        and what windows it takes. Of `WHOLE`: to the one block's output as it lies.

    Raises:
        BackboneError: the network cannot take windows of this form.
    """
    chosen = order_pools(pools, or_whole=True)
    window = blank_window(backbone.input)
    form = window_form(graph, backbone.input, window)
    try:
        taken = [-1 if form.max_batch > 1 else 1, *(-1 if n is None else n for n in form.shape)]
        entry, outputs = _draw_blocks(backbone, graph, window, taken)
        blank = outputs
        if -1 in taken:  # the shapes for one window are asked of a graph of fixed shape
            _, blank = _draw_blocks(backbone, graph, window, [1, *window.shape])
        found = {block: tuple(one.shape) for block, one in blank.items()}
    except RuntimeError as error:
        raise BackboneError(
            f"Backbone {backbone.name!r} does not run on an input of {list(window.shape)}: "
            f"{str(error).splitlines()[-1]}. Give the size that it was made for (?size=...)."
        ) from error
    segments: tuple[Segment, ...]
    if chosen == (WHOLE,):
        segments = (whole_segment(found, backbone.name),)
        (result,) = outputs.values()
    else:
        shapes = read_shapes(found, graph, backbone.input, backbone.name)
        segments = tuple(segment for shape in shapes for segment in shape.segments(chosen))
        result = ops.concat([_pool_block(outputs[s.block], s, chosen) for s in shapes], 1)
    return openvino.Model([ops.result(result)], [entry], "backbone"), segments, form


def _draw_blocks(
    backbone: Backbone, graph: Graph, window: Shaped[np.ndarray, "..."], shape: Sequence[int]
) -> tuple[Any, Mapping[str, Node]]:
    """Return the graph's input, and what the blocks give."""
    entry = ops.parameter(openvino.PartialShape(list(shape)), window.dtype)
    x: Node = entry
    if isinstance(backbone.input, ImageInput):
        # Normalised as it lies, [N, S, S, 3]: the compiled form then never moves the pixels.
        std, mean = np.array(backbone.input.std), np.array(backbone.input.mean)
        x = ops.convert(x, "f32") * numbers(1 / (255 * std)) + numbers(-mean / std)
        x = ops.transpose(x, whole([0, 3, 1, 2]))
    outputs = graph.draw(x)
    return entry, {block: outputs[block] for block in graph.blocks}


def _pool_block(output: Node, shape: BlockShape, pools: Sequence[str]) -> Node:
    """Pool the output of one block into [N, sum of its segments], as pooled.py does."""
    if shape.layout is None:
        return ops.reshape(output, whole([0, -1]), True)
    tokens = _as_rows(output, shape)
    places = tokens
    if not shape.prefix_is_place and shape.num_prefix_tokens:
        places = _cut(tokens, shape.num_prefix_tokens, None)
    mean = ops.reduce_mean(places, whole([1]), True)
    cells = {}
    if not shape.in_row:
        means = ops.matmul(numbers(mean_weights(shape, pools)), places, False, False)
        mean, start = _cut(means, 0, 1), 1
        for pool in (pool for pool in GRIDS if pool in pools and shape.side):
            cells[pool] = _cut(means, start, start + GRIDS[pool] ** 2)
            start += GRIDS[pool] ** 2
    found = []
    for pool in (segment.pool for segment in shape.segments(pools)):
        if pool in GRIDS:
            grid = cells[pool] if pool in cells else _stretches(places, GRIDS[pool])
            found.append(_flat(ops.transpose(grid, whole([0, 2, 1]))))
        elif pool == "mean":
            found.append(_flat(mean))
        elif pool == "std":
            away = ops.squared_difference(places, mean)
            found.append(ops.sqrt(ops.reduce_mean(away, whole([1]), False)))
        elif pool == "max":
            found.append(ops.reduce_max(places, whole([1]), False))
        elif pool == "last":
            found.append(_flat(_cut(tokens, -1, None)))
        else:
            found.append(_flat(_cut(tokens, 0, shape.num_prefix_tokens)))
    return ops.concat(found, 1)


def _as_rows(output: Node, shape: BlockShape) -> Node:
    """Return a block's output as [N, places, channels]."""
    if shape.layout == "NCHW":
        output = ops.transpose(output, whole([0, 2, 3, 1]))
        return ops.reshape(output, whole([0, -1, shape.num_channels]), True)
    if shape.layout == "NHWC":
        return ops.reshape(output, whole([0, -1, shape.num_channels]), True)
    if shape.layout == "NCTF":
        output = ops.transpose(output, whole([0, 2, 1, 3]))
        return ops.reshape(output, whole([0, 0, shape.num_channels]), True)
    return ops.transpose(output, whole([0, 2, 1])) if shape.layout == "NCL" else output


def _cut(rows: Node, start: int, stop: int | None) -> Node:
    """Return the places from `start` to before `stop` of [N, places, C]."""
    end = np.iinfo(np.int64).max if stop is None else stop
    return ops.slice(rows, whole([start]), whole([end]), whole([1]), whole([1]))


def _flat(rows: Node) -> Node:
    return ops.reshape(rows, whole([0, -1]), True)


def _stretches(places: Node, grid: int) -> Node:
    """Return [N, grid, C]: the mean of each stretch of a row of any length."""
    count = ops.gather(ops.shape_of(places), whole(1), whole(0))
    at = ops.unsqueeze(ops.range(whole(0), count, whole(1), "i64"), whole(0))
    cell = whole(np.arange(grid)[:, None].tolist())
    start = ops.divide(cell * count, whole(grid))
    end = ops.divide((cell + whole(1)) * count + whole(grid - 1), whole(grid))
    inside = ops.logical_and(ops.greater_equal(at, start), ops.less(at, end))
    share = ops.convert(inside, "f32")
    share = share / ops.reduce_sum(share, whole([1]), True)
    return ops.matmul(share, places, False, False)
