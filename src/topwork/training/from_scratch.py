"""The settings that train a network from random weights, where the user names none.

What it does not know: what the examples are, and how they are trained on.
"""

from __future__ import annotations

from topwork.backbones.base import Network
from topwork.examples.example import Modality
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.executors.openvino import cpu_precision
from topwork.training.settings import Optimiser, Training

LABEL_SMOOTHING = 0.1
"""Szegedy et al. 2016, section 7; ever since then usual for networks trained from nothing."""

EXAMPLES_SEEN = 600_000
MIN_EPOCHS, MAX_EPOCHS = 10, 200
"""All epochs together show so many examples, within these bounds: 20,000 pictures 30 times. The
200 are what small picture sets are trained for (Zagoruyko and Komodakis 2016, section 3)."""

MAX_BATCH, MIN_BATCH, MIN_STEPS = 128, 16, 12
"""He et al. 2016, section 4.2, take 128. Of few examples fewer, so that an epoch has some steps;
with fewer than 16, BatchNorm's means are too rough (Wu and He 2018, figure 1)."""

LR: dict[Optimiser, float] = {"sgd": 0.1, "adamw": 1e-3, "adam": 1e-3}
"""SGD as He et al. 2016, section 4.2; the others as Kingma and Ba 2015."""

LR_LAYER_NORM = 5e-4
"""Of Adam where a network has LayerNorm, as transformers have: Touvron et al. 2021, table 9."""

WEIGHT_DECAY: dict[Optimiser, float] = {"sgd": 5e-4, "adamw": 0.05, "adam": 0.0}
"""SGD: Zagoruyko and Komodakis 2016, section 3. AdamW: Touvron et al. 2021, table 9."""


def scratch_settings(
    num_examples: int,
    modality: Modality,
    given: Training | None = None,
    *,
    network: Network | None = None,
    device: str = "cpu",
) -> Training:
    """Return the settings with all filled in that was left to None or `auto`.

    BatchNorm learns its statistics: those of random weights are of no use. On a CPU that computes
    in bfloat16 natively, the forward passes do (2.6 times the pictures a second, measured on a
    small ResNet), but for networks of depthwise convolutions, which are slower so (EfficientNet-
    Lite0's last 7 blocks: 68 pictures a second, 115 in float32).

    Args:
        num_examples: that are trained on.
        given: what the user said; it is kept.
        network: what is trained; None: not known.
        device: `cpu`, `cuda`, ...
    """
    given = given or Training()
    optimiser = given.optimiser
    lr = LR[optimiser]
    if optimiser != "sgd" and network is not None and _has_layer_norm(network):
        lr = LR_LAYER_NORM
    filled = {
        "epochs": min(MAX_EPOCHS, max(MIN_EPOCHS, round(EXAMPLES_SEEN / num_examples))),
        "batch_size": _batch_size(num_examples),
        "lr": lr,
        "weight_decay": WEIGHT_DECAY[optimiser],
        "augment": DEFAULT_AUGMENT[modality],
    }
    changes = {name: value for name, value in filled.items() if getattr(given, name) is None}
    if given.batch_norm == "auto":
        changes["batch_norm"] = "train"
    dense = network is None or not _has_depthwise(network)
    native = device == "cpu" and cpu_precision("bf16") == "bf16"
    if given.precision == "auto" and native and dense:
        changes["precision"] = "bf16"
    return given.changed(**changes)


def _batch_size(num_examples: int) -> int:
    size = MAX_BATCH
    while size > MIN_BATCH and num_examples < size * MIN_STEPS:
        size //= 2
    return size


def _has_depthwise(network: Network) -> bool:
    import torch

    convolutions = (p for p in network.module.modules() if isinstance(p, torch.nn.Conv2d))
    return any(one.groups == one.in_channels > 1 for one in convolutions)


def _has_layer_norm(network: Network) -> bool:
    import torch

    return any(isinstance(part, torch.nn.LayerNorm) for part in network.module.modules())
