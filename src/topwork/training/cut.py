"""Networks cut at a block, with heads.

    inputs, or what was saved at the cut -> blocks -> pools of the last block -> head -> logits

Its features are computed by the same code that serves the model later (executors/pooled.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from topwork.backbones.base import Backbone, Network
from topwork.core.digests import digest_settings
from topwork.core.shapes import Float32
from topwork.examples.example import Modality
from topwork.executors.base import Segment
from topwork.executors.block_shapes import BlockShape, block_shapes
from topwork.executors.pooled import pooled_module
from topwork.heads.dense import DenseHead
from topwork.heads.dense_torch import from_torch, to_torch
from topwork.heads.kernel import Standardiser, Transform
from topwork.training.tail import INNER, learned, resume

if TYPE_CHECKING:
    import torch

POOLS_AFTER: dict[Modality, tuple[str, ...]] = {
    "image": ("mean", "prefix"),
    "sound": ("mean", "max"),
    "text": ("mean", "last"),
    "array": ("mean", "max"),
}
"""How the last block's output goes into the head. A sound's maximum says that something was heard,
its mean for how long; a picture's class token comes beside its mean."""

BODY, HEAD = "body.", "head."
NETWORK = f"{BODY}network."


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """A backbone, cut; what comes after is ready to be trained, any number of times.

    Attributes:
        backbone: whole.
        network: of the backbone, whole, built once.
        block: the last one before the cut; None: everything is trained.
        digest: of all that decides the weights before and after the cut.
        after: what comes after the cut; the network itself where everything does.
        shapes: of all blocks.
        pools: of the model that is made.
    """

    backbone: Backbone
    network: Network
    block: str | None
    digest: str
    after: Network
    shapes: Sequence[BlockShape]
    pools: tuple[str, ...]

    @staticmethod
    def of(
        backbone: Backbone,
        block: str | None,
        *,
        fresh: Backbone | None = None,
        network: Network | None = None,
    ) -> Cut:
        """Build the backbone and cut it.

        Args:
            fresh: the same network with other weights, which those after the cut are taken from.
            network: of the backbone, where it was built already.

        Raises:
            BackboneError: it cannot be built, or not cut there.
        """
        network = network or backbone.build()
        preprocessing, name = backbone.input, backbone.name
        shapes = block_shapes(network, preprocessing, name)
        after = network if block is None else resume(network, preprocessing, block, name=name)
        if fresh is not None and block is not None:
            other = fresh.build().module.state_dict()
            own = {key: other[key.removeprefix(INNER)] for key in learned(after.module)}
            after.module.load_state_dict(own, strict=False)
        return Cut(
            backbone=backbone,
            network=network,
            block=block,
            digest=digest_settings(
                [backbone.digest, block, None if fresh is None else fresh.digest]
            ),
            after=after,
            shapes=shapes,
            pools=POOLS_AFTER[preprocessing.modality],
        )

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What an executor will give for the model: these pools of all blocks."""
        return tuple(s for shape in self.shapes for s in shape.segments(self.pools))

    @property
    def last(self) -> tuple[Segment, ...]:
        """What the head looks at: these pools of the last block."""
        return tuple(self.shapes[-1].segments(self.pools))

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks after the cut, in the trained module."""
        return tuple(NETWORK + block for block in self.after.blocks)

    def body(self) -> torch.nn.Module:
        """Return a copy of what comes after the cut, giving the last block's pools, [N, width].

        It takes float32 [N, ...] of the cut, or a batch of inputs as executors take them.
        """
        import copy

        preprocessing = self.backbone.input if self.block is None else None
        module = copy.deepcopy(self.after.module)
        last = replace(self.after, module=module, blocks=self.after.blocks[-1:])
        shape = replace(self.shapes[-1], block=last.blocks[0])
        return pooled_module(last, [shape], preprocessing, self.pools)

    def whole_name(self, name: str) -> str | None:
        """Return what the network calls a tensor of the trained module; None: it is not its."""
        own = self._prefix
        return name.removeprefix(own) if name.startswith(own) else None

    def own_name(self, name: str) -> str:
        """Return what the trained module calls what the network calls so."""
        if name == "head" or name.startswith(HEAD):
            return name
        return self._prefix + name

    @property
    def _prefix(self) -> str:
        return NETWORK if self.block is None else NETWORK + INNER

    def state(self, trained: torch.nn.Module) -> dict[str, torch.Tensor]:
        """Return all tensors of the network, those that were trained in place of its own."""
        state = dict(self.network.module.state_dict())
        own = set(state)
        if self.block is not None:
            own = {name.removeprefix(INNER) for name in learned(self.after.module)}
        for name, tensor in trained.state_dict().items():
            whole = self.whole_name(name)
            if whole in own:
                state[whole] = tensor.detach().cpu()
        return state

    def served(self, head: DenseHead) -> DenseHead:
        """Return the head as the model has it: its columns among those of all blocks."""
        start = len(self.segments) - len(self.last)
        fitted = tuple(
            replace(one, segments=tuple(start + i for i in one.segments))
            for one in head.transform.standardisers
        )
        return replace(
            head, segments=self.segments, transform=replace(head.transform, standardisers=fitted)
        )


LEAST_SPREAD = 0.3
"""Of a number, as a share of the root mean square of all numbers' spreads. ReLUs that hardly ever
fire have next to none; divided by it, views and other examples reached 4 million, and the first
loss of 200 hand signs was 10. With 0.03, 0.1, 0.3, 1 the first head's errors from 50 were 29.4,
28.9, 28.8, 28.5%, from 200 17.8, 18.1, 17.8, 18.6%; without, 33.2 and 21.0%."""


def first_transform(
    features: Float32[np.ndarray, "n width"], segments: Sequence[Segment]
) -> Transform:
    """Return what brings the features [N, width] to mean 0 and about variance 1."""
    mean = features.mean(0, dtype=np.float64)
    spread = features.std(0, dtype=np.float64)
    least = max(LEAST_SPREAD * float(np.sqrt((spread**2).mean())), 1e-12)
    fitted = Standardiser(
        segments=tuple(range(len(segments))),
        mean=mean.astype(np.float32),
        scale=(1 / np.maximum(spread, least)).astype(np.float32),
    )
    return Transform(standardisers=(fitted,), unit=False)


def with_head(body: torch.nn.Module, head: DenseHead | None, *, dropout: float) -> torch.nn.Module:
    """Return the module that is trained: `body`, then `head`, or nothing."""
    import torch

    class Trained(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.head = torch.nn.Identity() if head is None else to_torch(head, dropout=dropout)

        def forward(self, batch: torch.Tensor) -> Any:
            return self.head(self.body(batch).float())

    return Trained()


def head_of(trained: torch.nn.Module, head: DenseHead) -> DenseHead:
    """Return the head with the layers that the trained module has."""
    return from_torch(trained.get_submodule("head"), head)
