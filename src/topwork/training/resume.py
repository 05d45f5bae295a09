"""Runs a network from the cut on: what its frozen part gives comes from the disk.

Every module that is over before the cut is replaced by a stub: the last block's gives what was
saved, the others zeros of the right shape that take no memory, for the network's own glue between
them (a token put in front, a reshape) to run on. So any network can be cut after any of its
blocks, whatever its code looks like; that the outcome is the whole network's is tried out at once.
What it does not know: where the saved outputs come from, and what is trained.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from topwork.backbones.base import Network
from topwork.errors import BackboneError
from topwork.examples.windows import Input
from topwork.executors.block_shapes import blank_window, listening

if TYPE_CHECKING:
    import torch

INNER = "inner."
"""Where the names of the network's own modules begin, in the module of a resumed network."""

TOLERANCE = 1e-3
"""Between the network run whole and from the cut on, as a share of the greatest output."""

Shape = tuple[int, ...]


def resume(network: Network, spec: Input, block: str, *, name: str) -> Network:
    """Return what comes after `block`: its module takes that block's output, float32 [N, ...].

    Its tensors are copies; those of the frozen part are left out. Its blocks are named as they lie
    in the module, with `INNER` in front.

    Raises:
        BackboneError: something else than the block's output crosses the cut.
    """
    seen = _Seen.of(network, spec)
    inner = {b for b in network.blocks if seen.is_over(b, block)}
    for stubbed in (seen.outermost(block), sorted(inner)):
        resumed = _resumed(
            network, block, {module: seen.shapes[module] for module in stubbed}, seen
        )
        if _agree(network, resumed, spec, block):
            return resumed
    raise BackboneError(
        f"The backbone {name!r} cannot be cut after {block!r}: what comes after takes more than "
        "this block's output. Choose another block, or train all of it: --train all."
    )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one run of the network on an empty window showed.

    Attributes:
        input: the shape [1, ...] that went in, and its type.
        ends: when each module was over for the last time, as a running number.
        shapes: [1, ...] of all that a module gave; only of those that give one tensor.
    """

    input: Shape
    dtype: torch.dtype
    ends: Mapping[str, int]
    shapes: Mapping[str, list[Shape]]

    @staticmethod
    def of(network: Network, spec: Input) -> _Seen:
        import torch

        ends: dict[str, int] = {}
        shapes: dict[str, list[Shape]] = {}
        others: set[str] = set()

        def hook(name: str) -> Callable[[Any, Any, Any], None]:
            def note(_module: Any, _inputs: Any, output: Any) -> None:
                ends.pop(name, None)
                ends[name] = max(ends.values(), default=0) + 1
                if isinstance(output, torch.Tensor):
                    shapes.setdefault(name, []).append(tuple(output.shape))
                else:
                    others.add(name)

            return note

        named = [(name, part) for name, part in network.module.named_modules() if name]
        handles = [part.register_forward_hook(hook(name)) for name, part in named]
        batch = _batch(spec, [blank_window(spec)])
        try:
            with torch.inference_mode():
                network.module(batch)
        finally:
            for handle in handles:
                handle.remove()
        tensors = {name: found for name, found in shapes.items() if name not in others}
        return _Seen(input=tuple(batch.shape), dtype=batch.dtype, ends=ends, shapes=tensors)

    def is_over(self, module: str, block: str) -> bool:
        """Whether the module is over when the block is, and gives one tensor."""
        return module in self.shapes and self.ends[module] <= self.ends[block]

    def outermost(self, block: str) -> list[str]:
        """Return the modules that are over when the block is, without what lies within them."""
        over = {name for name in self.ends if self.is_over(name, block)}

        def covered(name: str) -> bool:
            return any(name[:i] in over for i, letter in enumerate(name) if letter == ".")

        return sorted(name for name in over if not covered(name))


@dataclass
class _Saved:
    """Hands what was saved to the stubs, for one pass."""

    output: Any = field(default=None)


def _resumed(
    network: Network, block: str, stubs: Mapping[str, Sequence[Shape]], seen: _Seen
) -> Network:
    import torch

    class Stub(torch.nn.Module):
        def __init__(self, saved: _Saved, shapes: Sequence[Shape] | None) -> None:
            super().__init__()
            self._saved, self._shapes, self._calls = saved, shapes, 0

        def forward(self, *_args: Any, **_named: Any) -> Any:
            output = self._saved.output
            if self._shapes is None:
                return output
            shape = self._shapes[self._calls % len(self._shapes)]
            self._calls += 1
            return output.new_zeros(1).expand(shape[0] * len(output), *shape[1:])

    class Resumed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._saved = _Saved()
            self.inner = copy.deepcopy(network.module)
            for name, shapes in stubs.items():
                self.inner.set_submodule(name, Stub(self._saved, None if name == block else shapes))

        def forward(self, activations: torch.Tensor) -> Any:
            self._saved.output = activations
            nothing = activations.new_zeros(1, dtype=seen.dtype)
            try:
                return self.inner(nothing.expand(len(activations), *seen.input[1:]))
            finally:
                self._saved.output = None

    after = network.blocks[list(network.blocks).index(block) + 1 :]
    return replace(
        network,
        module=Resumed(),
        blocks=tuple(INNER + b for b in after),
        without_prefix=tuple(INNER + b for b in network.without_prefix),
    )


def _agree(network: Network, resumed: Network, spec: Input, block: str) -> bool:
    """Whether the last block gives the same, on windows of two lengths where they may vary."""
    import torch

    last = network.blocks[-1]
    for windows in _trials(network, spec):
        outputs: dict[str, torch.Tensor] = {}
        batch = _batch(spec, windows)

        def hear(name: str, output: torch.Tensor, outputs: Any = outputs) -> None:
            outputs[name] = output.float().clone()

        with torch.inference_mode():
            with listening(replace(network, blocks=(block, last)), hear):
                network.module(batch)
            try:
                with listening(replace(resumed, blocks=resumed.blocks[-1:]), hear):
                    resumed.module(outputs[block])
            except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
                return False
        whole, own = outputs[last], outputs.get(INNER + last)
        if own is None or own.shape != whole.shape:
            return False
        if not bool((own - whole).abs().max() <= TOLERANCE * whole.abs().max()):
            return False
    return True


def _trials(network: Network, spec: Input) -> list[list[Any]]:
    """Two windows of the usual length, with something in them, and two of one and a half times."""
    rng = np.random.default_rng(0)
    blank = blank_window(spec)

    def filled(window: Any) -> Any:
        if window.dtype == np.int64:  # its own tokens in another order, the special ones in place
            return np.concatenate([window[:1], rng.permutation(window[1:-1]), window[-1:]])
        if window.dtype == np.uint8:
            return rng.integers(0, 256, window.shape, dtype=np.uint8)
        return rng.normal(0, 0.1, window.shape).astype(np.float32)

    trials = [[filled(blank), filled(blank)]]
    if network.any_length:
        longer = np.concatenate([blank, blank[: len(blank) // 2 + 1]])
        trials.append([filled(longer), filled(longer)])
    return trials


def _batch(spec: Input, windows: Sequence[Any]) -> torch.Tensor:
    import torch

    batch = torch.from_numpy(np.stack(windows))
    if spec.modality != "image":
        return batch
    return (batch.float() / 128 - 1).permute(0, 3, 1, 2)
