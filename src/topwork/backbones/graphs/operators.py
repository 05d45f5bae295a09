"""Layers as operators of OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino.opset13 as ops

from topwork.core.shapes import Float32, Shaped

Node = Any
"""An output of OpenVINO's graph; its Python package has no types."""

Tensors = Mapping[str, Shaped[np.ndarray, "..."]]


def numbers(values: Any) -> Node:
    """Return a constant, float32."""
    return ops.constant(np.ascontiguousarray(values, dtype=np.float32))


def whole(values: Sequence[int] | int) -> Node:
    """Return a constant, int64."""
    return ops.constant(np.asarray(values, dtype=np.int64))


def convolve(
    x: Node,
    kernel: Float32[np.ndarray, "out in height width"],
    *,
    stride: int = 1,
    pad: Sequence[int] | None = (0, 0),
    depthwise: bool = False,
    bias: Float32[np.ndarray, " out"] | None = None,
) -> Node:
    """Convolve [N, C, H, W].

    Args:
        pad: on both sides of the height and of the width; None: as TensorFlow's SAME, whose odd
            pixel goes to the end.
        depthwise: whether every channel has a kernel of its own, [C, 1, h, w].
    """
    before = [0, 0] if pad is None else list(pad)
    more = {"auto_pad": "SAME_UPPER" if pad is None else "EXPLICIT"}
    strides, dilations = [stride, stride], [1, 1]
    if depthwise:
        grouped = numbers(kernel[:, None])
        y = ops.group_convolution(x, grouped, strides, before, before, dilations, **more)
    else:
        y = ops.convolution(x, numbers(kernel), strides, before, before, dilations, **more)
    return y if bias is None else y + numbers(bias.reshape(1, -1, 1, 1))


def normalise_batch(x: Node, tensors: Tensors, name: str, *, epsilon: float) -> Node:
    """Normalise the channels of [N, C, H, W] by the statistics that are kept."""
    weight, bias, mean, variance = (
        numbers(tensors[f"{name}.{part}"])
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return ops.batch_norm_inference(x, weight, bias, mean, variance, epsilon)


def normalise_layer(x: Node, tensors: Tensors, name: str, *, epsilon: float) -> Node:
    """Normalise the last dimension."""
    normal = ops.mvn(x, whole([-1]), True, epsilon, "INSIDE_SQRT")
    return normal * numbers(tensors[f"{name}.weight"]) + numbers(tensors[f"{name}.bias"])


def project(x: Node, tensors: Tensors, name: str) -> Node:
    """Multiply the last dimension by a matrix [out, in], and add the bias."""
    product = ops.matmul(x, numbers(tensors[f"{name}.weight"]), False, True)
    return product + numbers(tensors[f"{name}.bias"])
