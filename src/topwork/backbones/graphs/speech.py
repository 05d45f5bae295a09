"""The speech embedding without torch.

Its blocks and tensors are named as those of the torch module (speech.py).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from topwork.backbones.base import Graph
from topwork.backbones.speech import (
    BLOCKS,
    CHANNELS,
    FFT,
    HOP,
    NORM_EPSILON,
    NUM_MELS,
    POOLED_BEFORE,
    SLOPE,
    fourier_kernels,
    mel_bands,
)
from topwork.core.shapes import Shaped
from topwork.errors import WeightsError

LAST = len(CHANNELS)
COUNTER = "pair0.norm.num_batches_tracked"
"""A module's norm has it; nothing uses it."""

FLOOR = -0.4
"""Below which nothing behind a convolution falls."""

_FIRST = "model/conv2d/StatefulPartitionedCall/StatefulPartitionedCall/Conv2D/ReadVariableOp:0"
_NORM = "model/batch_normalization"
PUBLISHED = {
    "pair0.stem.weight": _FIRST,
    "pair0.norm.weight": f"{_NORM}/ReadVariableOp:0",
    "pair0.norm.bias": f"{_NORM}/ReadVariableOp_1:0",
    "pair0.norm.running_mean": f"{_NORM}/FusedBatchNormV3/ReadVariableOp:0",
    "pair0.norm.running_var": f"{_NORM}/FusedBatchNormV3/ReadVariableOp_1:0",
    "embedding.time.weight": "model/conv2d_19/Conv2D/ReadVariableOp:0",
} | {
    f"pair{pair}.{over}.{kind}": f"model/conv2d_{2 * pair + number}/Conv2D_{name}_fused_bn"
    for pair in range(LAST)
    for number, over in ((1, "frequency"), (2, "time"))
    for kind, name in (("weight", "weights"), ("bias", "bias"))
}
"""What the published ONNX file calls each tensor."""


def _shapes() -> dict[str, tuple[int, ...]]:
    bins = FFT // 2 + 1
    found: dict[str, tuple[int, ...]] = {
        "mel.kernels": (2 * bins, 1, FFT),
        "mel.bands": (bins, NUM_MELS),
    }
    last = CHANNELS[0]
    for pair, channels in enumerate(CHANNELS):
        if pair == 0:
            found["pair0.stem.weight"] = (channels, 1, 3, 3)
            for name in ("weight", "bias", "running_mean", "running_var"):
                found[f"pair0.norm.{name}"] = (channels,)
            found[COUNTER] = ()
        for over, taken, window in (("frequency", last, (1, 3)), ("time", channels, (3, 1))):
            found[f"pair{pair}.{over}.weight"] = (channels, taken, *window)
            found[f"pair{pair}.{over}.bias"] = (channels,)
        last = channels
    found["embedding.time.weight"] = (last, last, 3, 1)
    return found


SHAPES = _shapes()
"""Of every tensor, by its name, in the module's order."""


def read_tensors(spectrogram: Path, embedding: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Read the tensors of the two published ONNX files. Raises WeightsError on others."""
    front, net = _constants(spectrogram), _constants(embedding)
    try:
        fourier = [front[f"0.stft.conv_{part}.weight"] for part in ("real", "imag")]
        found = {"mel.kernels": np.concatenate(fourier), "mel.bands": front["1.melW"]}
        found |= {name: net[published] for name, published in PUBLISHED.items()}
    except KeyError as error:
        raise _not_those(spectrogram, embedding, f"there is no {error}") from error
    found[COUNTER] = np.zeros((), np.int64)
    return {name: found[name] for name in SHAPES}


def _not_those(spectrogram: Path, embedding: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"The weights in {spectrogram} and {embedding} are not those of the speech embedding: "
        f"{reason}. Run: pip install --force-reinstall --no-deps openwakeword==0.4.0"
    )


def _constants(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    import openvino

    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in {path} cannot be read: {str(error).splitlines()[0]}. Accepted: an "
            "ONNX file. Fetch it again."
        ) from error
    return {
        node.get_friendly_name(): np.array(node.data)
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
    }


def random_tensors(seed: int) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Return the true spectrogram and random convolutions (He et al. 2015, equation 15)."""
    drawn = np.random.default_rng(seed)
    found: dict[str, Shaped[np.ndarray, "..."]] = {}
    for name, shape in SHAPES.items():
        if name.startswith("mel."):
            found[name] = fourier_kernels() if name == "mel.kernels" else mel_bands()
        elif len(shape) == 4:
            spread = (2 / (1 + SLOPE**2) / np.prod(shape[1:])) ** 0.5
            found[name] = drawn.normal(0, spread, shape).astype(np.float32)
        else:
            start = np.ones if name.endswith(("norm.weight", "running_var")) else np.zeros
            found[name] = start(shape, np.int64 if name == COUNTER else np.float32)
    return found


def speech_graph(tensors: dict[str, Shaped[np.ndarray, "..."]]) -> Graph:
    """Return the graph with these tensors, of samples [N, T]."""
    return Graph(
        tensors=tensors,
        draw=partial(_draw, tensors),
        blocks=BLOCKS,
        layout="NCTF",
        any_length=True,
    )


def _draw(tensors: dict[str, Shaped[np.ndarray, "..."]], samples: Any) -> dict[str, Any]:
    import openvino.opset13 as ops

    from topwork.backbones.graphs.operators import convolve, normalise_batch

    def over(x: Any, name: str, pad: tuple[int, int]) -> Any:
        bias = tensors.get(f"{name}.bias")
        return convolve(x, tensors[f"{name}.weight"], pad=pad, bias=bias)

    def act(x: Any) -> Any:
        leaky = ops.prelu(x, ops.constant(np.array([SLOPE], np.float32)))
        return ops.maximum(leaky, ops.constant(np.float32(FLOOR)))

    def pool(x: Any, pair: int) -> Any:
        window = list(POOLED_BEFORE[pair])
        return ops.max_pool(
            x, window, [1, 1], [0, 0], [0, 0], window, auto_pad="VALID", index_element_type="i64"
        ).output(0)

    x = _log_mel(samples, tensors)
    outputs = {"mel": x}
    for pair in range(LAST):
        name = f"pair{pair}"
        x = pool(x, pair) if pair in POOLED_BEFORE else x
        if pair == 0:
            x = ops.relu(over(x, "pair0.stem", (0, 1)))
            x = act(normalise_batch(x, tensors, "pair0.norm", epsilon=NORM_EPSILON))
        x = act(over(x, f"{name}.frequency", (0, 1)))
        x = outputs[name] = act(over(x, f"{name}.time", (0, 0)))
    outputs["embedding"] = over(pool(x, LAST), "embedding.time", (0, 0))
    return outputs


def _log_mel(samples: Any, tensors: dict[str, Shaped[np.ndarray, "..."]]) -> Any:
    """Samples [N, T] to decibels, divided by 10, plus 2: [N, 1, spectra, bands]."""
    import openvino.opset13 as ops

    from topwork.backbones.graphs.operators import numbers, whole

    wave = ops.unsqueeze(samples, whole(1))
    kernels = numbers(tensors["mel.kernels"])
    both = ops.convolution(wave, kernels, [HOP], [0], [0], [1])
    real, imaginary = ops.split(ops.multiply(both, both), whole(1), 2).outputs()
    power = ops.transpose(ops.add(real, imaginary), whole([0, 2, 1]))
    bands = ops.maximum(
        ops.matmul(power, numbers(tensors["mel.bands"]), False, False), numbers(1e-10)
    )
    decibels = ops.log(bands) * numbers(10 / np.log(10))
    loudest = ops.reduce_max(decibels, whole([1, 2]), True)
    decibels = ops.maximum(decibels, loudest - numbers(80))
    return ops.unsqueeze(decibels / numbers(10) + numbers(2), whole(1))
