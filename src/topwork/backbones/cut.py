"""Backbones that end at a block."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from topwork.backbones.base import Backbone, Graph, Network, Outline
from topwork.backbones.spec import nearest_names
from topwork.core.digests import digest_settings
from topwork.errors import BackboneError

if TYPE_CHECKING:
    import torch


def until(backbone: Backbone, block: str) -> Backbone:
    """Return the same network, ending with `block`: its module gives that block's output.

    Its tensors keep their names. Nothing is built yet: where there is no such block, `build`
    raises BackboneError.
    """
    name = f"{backbone.name} until {block}"

    def check(outline: Outline) -> None:
        if block not in outline.blocks:
            raise BackboneError(
                f"The backbone {backbone.name!r} has no block {block!r}; nearest: "
                f"{nearest_names(block, outline.blocks)}. Name one of its blocks."
            )

    def build() -> Network:
        network = backbone.build()
        check(network)
        return replace(network, module=_ending(network.module, block), blocks=(block,))

    def draw(whole: Callable[[], Graph]) -> Graph:
        graph = whole()
        check(graph)
        return replace(graph, blocks=(block,))  # what lies behind it takes no part

    return replace(
        backbone,
        name=name,
        digest=digest_settings([backbone.digest, "until", block]),
        architecture=None,
        build=build,
        compiled={},
        graph=None if backbone.graph is None else partial(draw, backbone.graph),
    )


class _Reached(Exception):
    """Carries a block's output out of the network, past all that would have come after it."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _ending(module: torch.nn.Module, block: str) -> torch.nn.Module:
    """Return a module that shares all tensors with this one and stops after the block.

    A shallow copy, not a wrapper around it: so every block and tensor is called what it was.
    """
    ending = copy.copy(module)
    whole = ending.forward  # the copy's own, so that a trace finds the modules where they are
    last = ending.get_submodule(block)

    def stop(_module: object, _inputs: object, output: object) -> None:
        raise _Reached(output)

    def forward(windows: torch.Tensor) -> Any:
        # Added now and thus called last: whoever listens to the block has heard it before.
        handle = last.register_forward_hook(stop)
        try:
            return whole(windows)  # a block that takes no part, as whoever listens to it will see
        except _Reached as reached:
            return reached.output
        finally:
            handle.remove()

    ending.forward = forward
    return ending
