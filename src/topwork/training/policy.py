"""How fine-tuning is set where the user says nothing: depth, epochs, learning rate, views.

What it does not know: what is better for these examples than for others (strategy.py).
"""

from __future__ import annotations

import math

from topwork.backbones.base import Network
from topwork.examples.example import Modality
from topwork.examples.views import DEFAULT_AUGMENT
from topwork.training.settings import Training

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

LEARNS_STATISTICS = 500
"""Examples from which BatchNorm learns its statistics, where all blocks are trained. The same
network, statistics frozen and learned: from 100 examples 0.925 and 0.924, from 500 0.983 and 0.991.
What comes after a cut keeps its own: what goes in there has not changed."""

STEPS_TRANSFORMER, MIN_TRANSFORMER, MAX_TRANSFORMER = 80, 3, 10
"""Transformers are fine-tuned for 2 to 4 epochs (Devlin et al. 2019, section A.3), of few examples
longer (Mosbach et al. 2021)."""

BATCHES = ((8, 160), (16, 400), (32, math.inf))
"""Examples of a step, and below how many examples in all: the same steps from fewer epochs."""

NUM_VIEWS = 5
"""Views that are saved of each example: itself and four that were altered."""

LR_NETWORK, LR_TRANSFORMER = 1e-3, 1e-4
"""Of AdamW. 1,000 hand signs, the last 7 blocks, 5 epochs, errors: 1.1% with 3e-4, 0.4% with
1e-3."""

LR_LORA = 5e-4
"""Of AdamW, for low-rank updates: Hu et al. 2022, table 9, of RoBERTa base, 4e-4 to 5e-4."""

SGD_FACTOR = 10.0
"""SGD with momentum wants about ten times Adam's rate."""

WEIGHT_DECAY = 0.02


def usual_depth(num_blocks: int) -> int:
    """Return how many of the last blocks to train."""
    return max(1, min(num_blocks - 1, round(DEPTH * num_blocks)))


def tuning_settings(
    num_examples: int,
    modality: Modality,
    network: Network,
    given: Training,
    *,
    whole: bool = False,
) -> Training:
    """Return the settings with all filled in that was left to None or `auto`.

    BatchNorm keeps the statistics that it came with where the examples are few: those of some
    hundred are no better, and a network that is judged with other statistics than it was trained
    with is what ruins fine-tuning in other tools.

    Args:
        whole: whether all blocks are trained, not the last alone.
    """
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
    augment = DEFAULT_AUGMENT[modality] if given.augment is None else given.augment
    batch = given.batch_size or batch_size(num_examples)
    filled = {
        "epochs": min(most, max(fewest, round(steps * batch / num_examples))),
        "batch_size": batch,
        "lr": rate,
        "weight_decay": WEIGHT_DECAY,
        "augment": augment,
        "num_views": NUM_VIEWS if augment else 1,
        "average": "auto",
    }
    changes = {name: value for name, value in filled.items() if getattr(given, name) is None}
    if given.batch_norm == "auto":
        learns = whole and num_examples >= LEARNS_STATISTICS
        changes["batch_norm"] = "train" if learns else "frozen"
    return given.changed(**changes)


def batch_size(num_examples: int) -> int:
    """Return how many examples a step of the optimiser sees."""
    return next(size for size, below in BATCHES if num_examples < below)


def is_transformer(network: Network) -> bool:
    """Whether the network's blocks attend; these want a smaller learning rate."""
    import torch

    return not any(
        isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in network.module.modules()
    ) and any(isinstance(part, torch.nn.LayerNorm) for part in network.module.modules())
