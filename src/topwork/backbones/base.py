"""Backbones: what every one of them promises.

What it does not know: how weights are found (weights.py), and how the network is run (executors).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from topwork.core.shapes import Shaped
from topwork.errors import ModalityError
from topwork.examples.example import ExampleSet, Modality
from topwork.examples.windows import Input

if TYPE_CHECKING:
    import torch

Layout = Literal["NCHW", "NHWC", "NLC", "NCL", "NCTF"]
"""How a block's output lies in memory: batch, channels, height, width, length (tokens, time), or
time and frequency: of a spectrogram, each moment is a place, and channels and frequencies together
are its numbers."""

Precision = Literal["f32", "bf16"]

RANDOM = ", random weights"
"""At the end of the name of a network that has learned nothing."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a person must know before they build on a backbone.

    Attributes:
        licence: SPDX identifier of the weights' licence, or `unknown`.
        pretrained_on: the data of task A, in words; `nothing (random weights)` where there is none.
        num_pretraining_examples: how many examples that was; None where it is not known.
        source: where the weights come from: a package, a hub repository, a folder, the user.

    >>> import topwork
    >>> topwork.get_backbone("minilm-l6").card.licence
    'Apache-2.0'
    """

    licence: str
    pretrained_on: str
    num_pretraining_examples: int | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Outline(ABC):
    """A network's blocks, and how their outputs lie in memory. It takes a batch of windows.

    Of images float32 [N, 3, S, S], normalised as the input says; of sounds float32 [N, T], or
    [N, ...] as the input's extractor gives a window; of texts int64 [N, L], special tokens included
    and no padding; of arrays float32 [N, *shape].

    Attributes:
        blocks: names of the parts whose outputs are the features, in the order they run.
        layout: how the blocks' outputs lie in memory. One with two dimensions, [N, C], is taken
            as it is, whatever the layout.
        num_prefix_tokens: leading tokens that are features of their own (class token, registers),
            where the layout is NLC.
        without_prefix: the blocks that run before these tokens are added.
        prefix_is_place: whether these tokens also count as places, in means and the like; in
            images they do not, in texts they do.
        causal: whether only the last token has seen all the others (decoder-only networks): it is
            then kept as the pool `last`.
        any_length: whether the windows' length (the first dimension of a window) may vary.
    """

    blocks: Sequence[str]
    layout: Layout
    num_prefix_tokens: int = 0
    without_prefix: Sequence[str] = ()
    prefix_is_place: bool = False
    causal: bool = False
    any_length: bool = False


@final
@dataclass(frozen=True, kw_only=True)
class Network(Outline):
    """A backbone's torch module, ready to run; its blocks are submodules.

    Attributes:
        module: in eval mode, on the CPU, float32.
    """

    module: torch.nn.Module


@final
@dataclass(frozen=True, kw_only=True)
class Graph(Outline):
    """A backbone drawn with OpenVINO's operators, for which no torch is needed.

    Attributes:
        tensors: its weights, named as in the torch module's `state_dict`.
        draw: adds the operators behind an input, and returns each block's output.
    """

    tensors: Mapping[str, Shaped[np.ndarray, "..."]]
    draw: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A pre-trained network that can be cut. Making one loads no torch; `build` does.

    Attributes:
        name: what the user calls it, and what finds it again.
        digest: covers all that decides its output: weights, architecture, the blocks' choice.
        input: how an example is brought into the form it takes; it also says the modality.
        architecture: plain data from which the network is built again, without weights (see
            build.py); None for a module of the user's own.
        precision: `f32`, or `bf16` where the CPU computes in it natively and that was measured to
            cost no accuracy. GPUs always compute in bf16.
        build: makes the torch module. Called to train it, and to run it where there is no graph.
        graph: makes the same network as a graph; None where it must be converted from the module.
        compiled: folders of compiled forms that came with it, by the pools that they give.
        parts: of several networks side by side (joined.py), each of them; () of one.

    >>> import topwork
    >>> backbone = topwork.get_backbone("efficientnet-lite0")
    >>> backbone.modality, backbone.input.size
    ('image', 224)
    """

    name: str
    digest: str
    input: Input
    card: Card
    architecture: Mapping[str, Any] | None = None
    precision: Precision = "f32"
    build: Callable[[], Network] = field(repr=False, compare=False)
    graph: Callable[[], Graph] | None = field(default=None, repr=False, compare=False)
    compiled: Mapping[tuple[str, ...], Path] = field(
        default_factory=dict, repr=False, compare=False
    )
    parts: tuple[Backbone, ...] = ()

    @property
    def networks(self) -> tuple[Backbone, ...]:
        """Each network in it: itself, or its parts."""
        return self.parts or (self,)

    @property
    def modality(self) -> Modality:
        """The kind of input that it takes."""
        return self.input.modality


def check_modality(found: ExampleSet, backbone: Backbone) -> None:
    """Raise ModalityError where a backbone takes another kind of input than the data holds."""
    if found.modality == backbone.modality:
        return
    raise ModalityError(
        f"{found.origin!r} holds {found.modality}s, and the backbone {backbone.name!r} takes "
        f"{backbone.modality}s: what a network has learned from {backbone.modality}s does not help "
        f"with {found.modality}s. Leave the backbone out, or take one for {found.modality}s "
        "(`topwork backbones` lists them)."
    )
