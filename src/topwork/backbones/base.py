"""What every backbone promises: a name, a digest, its input, what it was trained on, its blocks.

What it does not know: how weights are found (weights.py), and how the network is run (executors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from topwork.examples.decode import ImageInput

if TYPE_CHECKING:
    import torch

Modality = Literal["image"]
Form = Literal["NCHW", "NHWC", "NLC"]
"""How a block's output lies in memory: batch, channels, height, width, length (tokens)."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a person must know before they build on a backbone.

    Attributes:
        licence: SPDX identifier of the weights' licence, or `unknown`.
        pretrained_on: the data of task A, in words; `nothing (random weights)` where there is none.
        num_pretraining_examples: how many examples that was; None where it is not known.
        source: where the weights come from: a package, a hub repository, a folder, the user.
    """

    licence: str
    pretrained_on: str
    num_pretraining_examples: int | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Network:
    """A backbone's torch module, ready to run, with its blocks.

    Attributes:
        module: in eval mode, on the CPU, float32; takes float32 [N, 3, S, S], normalised.
        blocks: names of submodules whose outputs are the features, in the order they run.
        form: how the blocks' outputs lie in memory. One with two dimensions, [N, C], is taken
            as it is, whatever the form.
        num_prefix_tokens: leading tokens that stand for no place in the image (class token,
            registers), where the form is NLC.
        without_prefix: the blocks that run before these tokens are added.
    """

    module: torch.nn.Module
    blocks: Sequence[str]
    form: Form
    num_prefix_tokens: int = 0
    without_prefix: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A pre-trained network that can be cut. Making one loads no torch; `build` does.

    Attributes:
        name: what the user calls it, and what finds it again.
        digest: covers all that decides its output: weights, architecture, the blocks' choice.
        input: how an image is brought into the form it takes.
        architecture: the timm model that it is built as; None for a module of the user's own.
        build: makes the torch module. Called only where no compiled form is at hand.
    """

    name: str
    modality: Modality
    digest: str
    input: ImageInput
    card: Card
    architecture: str | None = None
    build: Callable[[], Network] = field(repr=False, compare=False)
