"""Pictures of a network's first filters.

A filter of the first layer is a picture of what it looks for: it gives most where the pixels are
like it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.shapes import Doubles, Float, Pixels, UInt8

if TYPE_CHECKING:
    import torch


MAX_FILTERS = 64

COLOURED = 0.5
"""Share of a filter's squared weights that are differences between colours, above which it counts
as one of colours; of one that sees red alone it is two thirds. Of EfficientNet-Lite0's 32 filters
13 lie above it."""


def first_filters(backbone: Backbone) -> UInt8[np.ndarray, "k h w 3"] | None:
    """Return the filters of the first convolution as uint8 [K, h, w, 3], at most MAX_FILTERS.

    Middle grey is a weight of 0, and each filter is brought to full scale, so that strength is not
    seen. Of more, those with the largest weights. In order: those of light and dark, by the
    direction of their edge; then those of colours, by hue.

    None: there is nothing to show, as the network is not one for images, or does not begin with a
    convolution over red, green and blue (nor with patches that are embedded by one).

    Raises BackboneError where the network cannot be built.
    """
    if backbone.modality != "image":
        return None
    weights = _first_weights(backbone.build().module)
    return None if weights is None else draw(weights)


def draw(weights: Float[np.ndarray, "k 3 h w"]) -> UInt8[np.ndarray, "k h w 3"]:
    """Draw filters [K, 3, h, w] as `first_filters` does."""
    pictures = np.nan_to_num(np.asarray(weights, np.float64)).transpose(0, 2, 3, 1)
    strength = np.square(pictures).sum((1, 2, 3))
    kept = np.sort(np.argsort(-strength, kind="stable")[:MAX_FILTERS])
    pictures = pictures[kept]
    pictures = pictures[_in_order(pictures)]
    top = np.abs(pictures).max((1, 2, 3), keepdims=True)
    scaled: Pixels = np.round(127.5 + 127.5 * pictures / np.maximum(top, 1e-30)).astype(np.uint8)
    return scaled


def _first_weights(module: torch.nn.Module) -> npt.NDArray[np.float32] | None:
    """Return the weights [K, 3, h, w] of the first layer that sees three channels as a picture.

    timm registers its layers in the order in which they run.
    """
    import torch

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):
            if layer.in_channels != 3 or layer.groups != 1:
                return None  # the picture was folded into more channels before
            taken: npt.NDArray[np.float32] = layer.weight.detach().float().cpu().numpy()
            return taken
    return None


def _in_order(pictures: Doubles) -> npt.NDArray[np.intp]:
    """Return positions: light and dark by the direction of the edge, then colours by hue."""
    light = pictures.mean(3, keepdims=True)
    colour = pictures - light
    total = np.maximum(np.square(pictures).sum((1, 2, 3)), 1e-30)
    coloured = np.square(colour).sum((1, 2, 3)) / total > COLOURED
    angle = np.where(coloured, _hue(colour), _edge_angle(light[..., 0]))
    return np.lexsort((angle, coloured))


def _edge_angle(light: Doubles) -> Doubles:
    """Return the main direction of change of pictures [K, h, w], 0 to pi.

    That of the structure tensor: the mean of the gradients' angles, doubled so that the two senses
    of a direction are one.
    """
    if min(light.shape[1:]) < 2:
        return np.zeros(len(light))
    down, across = np.gradient(light, axis=(1, 2))
    twice: Doubles = np.arctan2((2 * across * down).sum((1, 2)), (across**2 - down**2).sum((1, 2)))
    return np.mod(twice, 2 * np.pi) / 2


def _hue(colour: Doubles) -> Doubles:
    """Return the hue, 0 to 2 pi, of where pictures [K, h, w, 3] are most colourful."""
    flat = colour.reshape(len(colour), -1, 3)
    most = flat[np.arange(len(flat)), np.square(flat).sum(2).argmax(1)]
    red, green, blue = most.T
    hue: Doubles = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    return np.mod(hue, 2 * np.pi)
