"""Hyperparameters of training, where the user says nothing."""

from __future__ import annotations

import math
from typing import Any

from topwork.backbones.base import Network
from topwork.examples.example import Modality
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.executors.openvino import cpu_precision
from topwork.training.settings import Optimiser, Training
from topwork.training.strategy import Strategy

DEPTH = 0.4
"""Share of the blocks that `auto` trains: of EfficientNet-Lite0 the last 7 of 18. Hand signs from
1,000, errors after 5 epochs: the last 2 blocks 3.2%, 7 0.4%."""

STEPS, MIN_EPOCHS, MAX_EPOCHS = 156, 5, 30
"""Of the optimiser, in all; and the epochs that they may make. Hand signs, the last 7 blocks,
accuracy: from 50 with 84 steps 0.798 and with 156 0.916; from 100 with 84 steps 0.951, with 156
0.959; from 1,000 with 156 0.996."""

STEPS_ALL, MAX_EPOCHS_ALL = 480, 40
"""Where all blocks are trained, about as many as BiT takes below 20,000 examples (Kolesnikov et al.
2020). 500 hand signs at 32 px, a small network pre-trained on CIFAR-10: 10 epochs 0.965, 30
0.991."""

STEPS_TRANSFORMER, MIN_TRANSFORMER, MAX_TRANSFORMER = 80, 3, 10
"""Transformers are fine-tuned for 2 to 4 epochs (Devlin et al. 2019, section A.3), of few examples
longer (Mosbach et al. 2021)."""

STEPS_CONTRAST, EPOCHS_CONTRAST, MAX_BATCH_CONTRAST = 20, 12, 128
"""Least steps and epochs by pairs, and examples of a step: up to so many, all of them. TREC from 8
of each of 6 classes, MiniLM's last 3 layers, means of three draws: 60 steps at 1e-4 81 (of two),
30 at 2e-4 80.7, 20 at 3e-4 80.0, 12 at 4e-4 79.2; the head 57. From 64 of each, of two draws: 21
steps 90.4, 42 91.1; the head 82.7."""

STEPS_CONTRAST_DEEP, DEEP_UP_TO = 12, 150
"""The same where all blocks but the first are trained; and up to how many examples `auto` trains so
many. MiniLM, the last 3 layers (20 steps) and all 6 (12 steps, in about the same time): TREC from 8
of each, five draws, 74.5 and 78.6; from 16, three draws, 86.4 and 89.1; from 64, two draws and 36
steps each, 90.3 and 88.9. All 6 from 8 of each: 12 steps at 2e-4 78.6, 20 78.5, 12 at 3e-4 77.6."""

EXAMPLES_SEEN, MIN_SCRATCH, MAX_SCRATCH = 600_000, 10, 200
"""From random weights: all epochs together show so many examples, within these bounds: 20,000
pictures 30 times. The 200 are what small picture sets are trained for (Zagoruyko and Komodakis
2016, section 3)."""

BATCHES = ((8, 160), (16, 400), (32, math.inf))
"""Examples of a step, and below how many examples in all: the same steps from fewer epochs."""

MAX_BATCH, MIN_BATCH, MIN_STEPS = 128, 16, 12
"""From random weights: He et al. 2016, section 4.2, take 128. Of few examples fewer, so that an
epoch has some steps; with fewer than 16, BatchNorm's means are too rough (Wu and He 2018, figure
1)."""

LEARNS_STATISTICS = 500
"""Examples from which BatchNorm learns its statistics, where all blocks are trained. The same
network, statistics frozen and learned: from 100 examples 0.925 and 0.924, from 500 0.983 and 0.991.
What comes after a cut keeps its own: what goes in there has not changed."""

NUM_VIEWS = 5
"""Views that are saved of each example: itself and four that were altered."""

LR_NETWORK, LR_TRANSFORMER = 1e-3, 1e-4
"""Of AdamW. 1,000 hand signs, the last 7 blocks, 5 epochs, errors: 1.1% with 3e-4, 0.4% with
1e-3."""

MAX_EXAMPLES_CONTRAST = 500
"""Up to which `auto` trains by pairs, and texts alone: 616 questions of 77 classes, errors of the
head and by pairs 13.5% and 16.0%; 50 hand signs, by pairs and by classes 27% and 2.5%."""

LR_CONTRAST_TRANSFORMER, LR_CONTRAST_DEEP = 3e-4, 2e-4
"""Of AdamW, by pairs; and where all blocks but the first are trained."""

LR_LORA = 5e-4
"""Of AdamW, for low-rank updates: Hu et al. 2022, table 9, of RoBERTa base, 4e-4 to 5e-4."""

SGD_FACTOR = 10.0
"""SGD with momentum wants about ten times Adam's rate."""

LR_SCRATCH: dict[Optimiser, float] = {"sgd": 0.1, "adamw": 1e-3, "adam": 1e-3}
"""From random weights: SGD as He et al. 2016, section 4.2; the others as Kingma and Ba 2015."""

LR_LAYER_NORM = 5e-4
"""From random weights, of Adam, where a network has LayerNorm, as transformers have: Touvron et al.
2021, table 9."""

WEIGHT_DECAY = 0.02
WEIGHT_DECAY_SCRATCH: dict[Optimiser, float] = {"sgd": 5e-4, "adamw": 0.05, "adam": 0.0}
"""SGD: Zagoruyko and Komodakis 2016, section 3. AdamW: Touvron et al. 2021, table 9."""


def usual_depth(num_blocks: int) -> int:
    """Return how many of the last blocks to train."""
    return max(1, min(num_blocks - 1, round(DEPTH * num_blocks)))


def usual_pair_depth(num_blocks: int, num_examples: int) -> int:
    """Return how many of the last blocks to train by pairs: of few examples all but the first."""
    return num_blocks - 1 if num_examples <= DEEP_UP_TO else usual_depth(num_blocks)


def pairs_may_pay(modality: Modality, num_examples: int) -> bool:
    """Whether `auto` tries to train by pairs, before it trains by classes."""
    return modality == "text" and num_examples <= MAX_EXAMPLES_CONTRAST


def hyperparameters(
    given: Training,
    strategy: Strategy,
    num_examples: int,
    modality: Modality,
    network: Network,
    *,
    device: str = "cpu",
) -> Training:
    """Return the settings with all filled in that was left to None or `auto`.

    BatchNorm keeps the statistics that it came with where the examples are few: those of some
    hundred are no better, and a network that is judged with other statistics than it was trained
    with is what ruins fine-tuning in other tools. Those of random weights are of no use.

    Args:
        given: what the user said; it is kept.
        num_examples: that are trained on.
        device: `cpu`, `cuda`, ...
    """
    augment = DEFAULT_AUGMENT[modality] if given.augment is None else given.augment
    if strategy.kind == "scratch":
        usual = _from_random_weights(given, num_examples, network, device)
    else:
        whole = strategy.kind == "all"
        usual = _finetuning(given, num_examples, network, whole=whole)
        if strategy.kind == "contrast":
            deep = (strategy.last_blocks or 0) >= len(network.blocks) - 1
            usual |= _by_pairs(given, num_examples, network, deep=deep)
        usual |= {"num_views": NUM_VIEWS if augment else 1, "average": "auto"}
    usual["augment"] = augment
    # `auto` is decided like None, where there is something to decide
    undecided = {name for name in usual if getattr(given, name) in (None, "auto")}
    return given.changed(**{name: usual[name] for name in undecided})


def _finetuning(
    given: Training, num_examples: int, network: Network, *, whole: bool
) -> dict[str, Any]:
    """Return the row of pre-trained weights; `whole`: all blocks are trained."""
    rate, steps, fewest, most = LR_NETWORK, STEPS, MIN_EPOCHS, MAX_EPOCHS
    if whole:
        steps, most = STEPS_ALL, MAX_EPOCHS_ALL
    if is_transformer(network):
        rate, steps = LR_TRANSFORMER, STEPS_TRANSFORMER
        fewest, most = MIN_TRANSFORMER, MAX_TRANSFORMER
    if given.lora is not None:
        rate = LR_LORA
    if given.optimiser == "sgd":
        rate *= SGD_FACTOR
    batch = given.batch_size or next(size for size, below in BATCHES if num_examples < below)
    return {
        "epochs": min(most, max(fewest, round(steps * batch / num_examples))),
        "batch_size": batch,
        "lr": rate,
        "weight_decay": WEIGHT_DECAY,
        "batch_norm": "train" if whole and num_examples >= LEARNS_STATISTICS else "frozen",
    }


def _by_pairs(
    given: Training, num_examples: int, network: Network, *, deep: bool
) -> dict[str, Any]:
    """Return what is other where pairs are learned from; `deep`: all blocks but the first do."""
    batch = given.batch_size or min(num_examples, MAX_BATCH_CONTRAST)
    steps, rate = STEPS_CONTRAST, LR_CONTRAST_TRANSFORMER
    if deep:
        steps, rate = STEPS_CONTRAST_DEEP, LR_CONTRAST_DEEP
    epochs = max(EPOCHS_CONTRAST, math.ceil(steps * batch / num_examples))
    usual: dict[str, Any] = {"epochs": epochs, "batch_size": batch}
    plain = given.lora is None and given.optimiser != "sgd"  # these have rates of their own
    return usual | ({"lr": rate} if is_transformer(network) and plain else {})


def _from_random_weights(
    given: Training, num_examples: int, network: Network, device: str
) -> dict[str, Any]:
    """Return the row of random weights.

    On a CPU that computes in bfloat16 natively, the forward passes do (2.6 times the pictures a
    second, measured on a small ResNet), but for networks of depthwise convolutions, which are
    slower so (EfficientNet-Lite0's last 7 blocks: 68 pictures a second, 115 in float32).
    """
    lr = LR_SCRATCH[given.optimiser]
    if given.optimiser != "sgd" and _has_layer_norm(network):
        lr = LR_LAYER_NORM
    size = MAX_BATCH
    while size > MIN_BATCH and num_examples < size * MIN_STEPS:
        size //= 2
    native = device == "cpu" and cpu_precision("bf16") == "bf16"
    return {
        "epochs": min(MAX_SCRATCH, max(MIN_SCRATCH, round(EXAMPLES_SEEN / num_examples))),
        "batch_size": size,
        "lr": lr,
        "weight_decay": WEIGHT_DECAY_SCRATCH[given.optimiser],
        "batch_norm": "train",
        "precision": "bf16" if native and not _has_depthwise(network) else "auto",
    }


def is_transformer(network: Network) -> bool:
    """Whether the network's blocks attend; these want a smaller learning rate."""
    import torch

    return _has_layer_norm(network) and not any(
        isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in network.module.modules()
    )


def _has_depthwise(network: Network) -> bool:
    import torch

    convolutions = (p for p in network.module.modules() if isinstance(p, torch.nn.Conv2d))
    return any(one.groups == one.in_channels > 1 for one in convolutions)


def _has_layer_norm(network: Network) -> bool:
    import torch

    return any(isinstance(part, torch.nn.LayerNorm) for part in network.module.modules())
