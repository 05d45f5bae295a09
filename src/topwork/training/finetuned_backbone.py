"""Fine-tuned network as a backbone."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from topwork.backbones.base import RANDOM, Backbone
from topwork.core.digests import digest_bytes, digest_settings
from topwork.training.finetune import FineTuned
from topwork.training.strategy import Strategy

if TYPE_CHECKING:
    import torch


def finetuned_backbone(fine_tuned: FineTuned, alpha: float, strategy: Strategy) -> Backbone:
    """Return the backbone with the trained weights, `alpha` of them, in place of its own.

    It computes in float32: bfloat16 moves probabilities by more than a training's last epochs do.
    """
    cut = fine_tuned.job.cut
    module, _ = fine_tuned.network(alpha)
    state = cut.state(module)
    network = copy.deepcopy(cut.network.module)
    network.load_state_dict(state)
    done = replace(cut.network, module=network.eval())
    name = f"{cut.backbone.name}, {strategy} tuned"
    if strategy.kind == "scratch":
        name = f"{cut.backbone.name.removesuffix(RANDOM)}, from scratch"
    return replace(
        cut.backbone,
        name=name,
        digest=digest_settings([cut.backbone.digest, str(strategy), _digest(state)]),
        precision="f32",
        build=lambda: done,
        graph=None,  # that of the weights before the training, as what was compiled
        compiled={},
    )


def _digest(state: Mapping[str, torch.Tensor]) -> str:
    import torch

    return digest_settings(
        {
            name: digest_bytes(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
            for name, tensor in state.items()
        }
    )
