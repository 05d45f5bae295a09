"""A fine-tuned network as a backbone of its own, which every executor runs as it runs any other.

What it does not know: the head on top of it, and how it is saved.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from topwork.backbones.architecture import build_bare
from topwork.backbones.base import Backbone
from topwork.core.digests import digest_bytes, digest_settings
from topwork.errors import SettingError
from topwork.training.finetune import Tuned
from topwork.training.strategy import Way

if TYPE_CHECKING:
    import torch

RANDOM = ", random weights"
"""At the end of a name."""


def tuned_backbone(tuned: Tuned, share: float, way: Way) -> Backbone:
    """Return the backbone with the trained weights, `share` of them, in place of its own.

    It computes in float32: bfloat16 moves probabilities by more than a training's last epochs do.
    """
    cut = tuned.job.cut
    module, _ = tuned.network(share)
    state = cut.state(module)
    network = copy.deepcopy(cut.network.module)
    network.load_state_dict(state)
    done = replace(cut.network, module=network.eval())
    name = f"{cut.backbone.name}, {way} tuned"
    if way.kind == "scratch":
        name = f"{cut.backbone.name.removesuffix(RANDOM)}, from scratch"
    return replace(
        cut.backbone,
        name=name,
        digest=digest_settings([cut.backbone.digest, str(way), _digest(state)]),
        precision="f32",
        build=lambda: done,
    )


def random_backbone(backbone: Backbone, seed: int) -> Backbone:
    """Return the same network with random weights: the control that starts from nothing.

    Raises SettingError for a module of the user's own, which cannot be built anew.
    """
    architecture = backbone.architecture
    if architecture is None:
        raise SettingError(
            f"The backbone {backbone.name!r} is a module of your own, and cannot be built anew "
            "with random weights. Give one that was not trained, and train all of it: --train all."
        )
    known = dict(architecture)
    return replace(
        backbone,
        name=backbone.name + RANDOM,
        digest=digest_settings([backbone.digest, "random weights", seed]),
        card=replace(
            backbone.card, pretrained_on="nothing (random weights)", num_pretraining_examples=None
        ),
        build=lambda: build_bare(known, backbone.input, seed),
    )


def _digest(state: Mapping[str, torch.Tensor]) -> str:
    import torch

    return digest_settings(
        {
            name: digest_bytes(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
            for name, tensor in state.items()
        }
    )
