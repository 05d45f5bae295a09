"""Blocks of timm's network families, as data.

A network of no family here is cut where timm's own `feature_info` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from topwork.backbones.base import Layout
from topwork.core.digests import digest_settings
from topwork.examples.windows import Input

RULES_VERSION = 1
"""Raise it when FAMILIES or SIZES change, or any backbone's blocks: it is part of every digest."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Where the blocks of a kind of network are.

    Attributes:
        classes: names of timm's classes; a network belongs to the family by its class.
        blocks: module names, `#` standing for any number.
        layout: how the blocks' outputs lie in memory.
        without_prefix: blocks before the class token and registers are added.
    """

    classes: tuple[str, ...]
    blocks: tuple[str, ...]
    layout: Layout
    without_prefix: tuple[str, ...] = ()


FAMILIES = (
    # EfficientNet (Lite, v2), MobileNet v2, TinyNet, MNASNet: stem, every block, last convolution
    Family(classes=("EfficientNet",), blocks=("bn1", "blocks.#.#", "bn2"), layout="NCHW"),
    # MobileNet v3 and v4: the last convolution stands behind the pooling, so it has no places
    Family(classes=("MobileNetV3",), blocks=("bn1", "blocks.#.#", "act2"), layout="NCHW"),
    # ResNet, ResNeXt, SE-ResNet, ResNet-D, ECA-ResNet
    Family(classes=("ResNet",), blocks=("maxpool", "layer#.#"), layout="NCHW"),
    Family(classes=("RegNet",), blocks=("stem", "s#.b#"), layout="NCHW"),
    Family(classes=("ConvNeXt",), blocks=("stem", "stages.#.blocks.#"), layout="NCHW"),
    # ViT, DeiT, CLIP, SigLIP, DINOv2 (VisionTransformer); EVA-02, DINOv3 (Eva); BEiT
    Family(
        classes=("VisionTransformer", "VisionTransformerDistilled", "Eva", "Beit"),
        blocks=("patch_embed", "blocks.#", "norm"),
        layout="NLC",
        without_prefix=("patch_embed",),
    ),
    # Swin, Swin V2
    Family(
        classes=("SwinTransformer", "SwinTransformerV2"),
        blocks=("patch_embed", "layers.#.blocks.#", "norm"),
        layout="NHWC",
    ),
)

SIZES = {"_dinov2": 224}
"""Input size where the published one does not suit: DINOv2 is published at 518, its last training
phase; that is 1,369 tokens, some seven times the time of 224 (256 tokens), the size at which its
authors evaluate frozen features on ImageNet (Oquab et al. 2023, section 7)."""


def find_family(class_name: str) -> Family | None:
    """Return the family of a network, given the name of its class in timm."""
    return next((family for family in FAMILIES if class_name in family.classes), None)


def match_blocks(patterns: Iterable[str], modules: Iterable[str]) -> list[str]:
    """Return the modules that the patterns name, pattern by pattern, in the modules' order."""
    names = list(modules)
    found: list[str] = []
    for pattern in patterns:
        expression = re.compile(re.escape(pattern).replace(r"\#", "#").replace("#", r"\d+"))
        found += [name for name in names if expression.fullmatch(name)]
    return found


def backbone_digest(spec: Input, **parts: Any) -> str:
    """Return the digest of all that a named backbone's output depends on."""
    return digest_settings({"rules": RULES_VERSION, "input": spec.settings(), **parts})
