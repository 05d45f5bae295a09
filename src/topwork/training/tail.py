"""Networks from the cut on.

Every module that is over before the cut is replaced by a stub: the last block's gives what was
saved, the others zeros of the right shape that take no memory, for the network's own glue between
them (a token put in front, a reshape) to run on. So any network can be cut after any of its blocks,
whatever its code looks like; that the outcome is the whole network's is tried out at once.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from topwork.backbones.base import Network
from topwork.errors import BackboneError
from topwork.examples.windows import Input
from topwork.executors.block_shapes import blank_window, listening
from topwork.training.loop.parameter_groups import freeze_batch_norm
from topwork.training.trace import Shapes, Trace, make_batch

if TYPE_CHECKING:
    import torch

INNER = "inner."
"""Where the names of the network's own modules begin, in the module of a resumed network."""

TOLERANCE = 1e-4
"""Between the network run whole and from the cut on, as a share of the greatest output."""


def resume(network: Network, preprocessing: Input, block: str, *, name: str) -> Network:
    """Return what comes after `block`: its module takes that block's output, float32 [N, ...].

    Its tensors are copies; those of the frozen part are left out, or do not learn (`learned`). Its
    blocks are named as they lie in the module, with `INNER` in front.

    Raises:
        BackboneError: something else than the block's output crosses the cut, or no weight after
            it is not used before it too.
    """
    seen = Trace.of(network, preprocessing)
    over = [b for b in network.blocks if seen.is_over(b, block)]
    for stubbed in (seen.outermost(block), over):
        resumed = _resumed(network, block, {part: seen.shapes[part] for part in stubbed}, seen)
        if _agree(network, resumed, preprocessing, block):
            _settle(network, resumed, preprocessing, block, seen, name)
            return resumed
    raise BackboneError(
        f"The backbone {name!r} cannot be cut after {block!r}: what comes after takes more than "
        "this block's output. Choose another block, or train all of it: --train all."
    )


def learned(resumed: torch.nn.Module) -> frozenset[str]:
    """Return the names of a resumed network's tensors that belong to what comes after the cut."""
    names: frozenset[str] = resumed.after_cut  # type: ignore[assignment]
    return names


class _Crossing:
    """What crosses the cut in one pass; all stubs of a network look at the same."""

    def __init__(self, block: Shapes) -> None:
        self.activations: Any = None
        self.calls: dict[str, int] = {}
        self._block = block

    def zeros(self, shapes: Shapes, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return zeros of the shape that goes with this pass's batch and length."""
        given = self.activations
        shape = shapes.at(self._block.share(tuple(given.shape)))
        zero: torch.Tensor = given.new_zeros(1, dtype=dtype or given.dtype)
        return zero.expand(shape[0] * len(given), *shape[1:])


class _Stub:
    """Put before a module's own class: it keeps its plain attributes, and computes nothing."""

    topwork_crossing: _Crossing
    topwork_name: str
    topwork_shapes: Sequence[Shapes] | None

    def forward(self, *_args: Any, **_named: Any) -> Any:
        crossing, shapes = self.topwork_crossing, self.topwork_shapes
        if shapes is None:
            return crossing.activations
        call = crossing.calls.get(self.topwork_name, 0)
        crossing.calls[self.topwork_name] = call + 1
        return crossing.zeros(shapes[call % len(shapes)])


def _stub(part: Any, crossing: _Crossing, name: str, shapes: Sequence[Shapes] | None) -> Any:
    """Return the module without its tensors and parts; the glue may ask it for its sizes."""
    import torch

    plain = torch.nn.Module
    methods = {
        # BatchNorm's own, and weight norm's, ask for tensors that are gone
        "_load_from_state_dict": plain._load_from_state_dict,
        "_save_to_state_dict": plain._save_to_state_dict,
        "__deepcopy__": None,
        "__getstate__": object.__getstate__,
    }
    kind: Any = type("Stub", (_Stub, type(part)), methods)
    stub: Any = kind.__new__(kind)
    plain.__init__(stub)
    stub.__dict__.update({key: v for key, v in vars(part).items() if key not in vars(stub)})
    stub.topwork_crossing, stub.topwork_name, stub.topwork_shapes = crossing, name, shapes
    return stub


def _resumed(
    network: Network, block: str, stubs: Mapping[str, Sequence[Shapes]], seen: Trace
) -> Network:
    import torch

    channels_first = network.layout in ("NCHW", "NCTF")

    class Resumed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.after_cut: frozenset[str] = frozenset()
            self._crossing = _Crossing(seen.shapes[block][-1])
            self.inner = copy.deepcopy(network.module)
            for name, shapes in stubs.items():
                above, _, own = name.rpartition(".")
                part, given = self.inner.get_submodule(name), None if name == block else shapes
                stub = _stub(part, self._crossing, name, given)
                setattr(self.inner.get_submodule(above), own, stub)

        def forward(self, activations: torch.Tensor) -> Any:
            if not channels_first:  # a trainer lays out all with four dimensions in its own way
                activations = activations.contiguous()
            self._crossing.activations, self._crossing.calls = activations, {}
            try:
                return self.inner(self._crossing.zeros(seen.input, seen.dtype))
            finally:
                self._crossing.activations = None

    after = network.blocks[list(network.blocks).index(block) + 1 :]
    return replace(
        network,
        module=Resumed(),
        blocks=tuple(INNER + b for b in after),
        without_prefix=tuple(INNER + b for b in network.without_prefix),
    )


def _agree(network: Network, resumed: Network, preprocessing: Input, block: str) -> bool:
    """Whether the last block gives the same, on windows of three lengths where they may vary."""
    import torch

    last = network.blocks[-1]
    for windows in _trials(network, preprocessing):
        with torch.inference_mode():
            given, whole = _heard(network, make_batch(preprocessing, windows), (block, last))
            try:
                (own,) = _heard(resumed, given, resumed.blocks[-1:])
            except (
                *(RuntimeError, ValueError, TypeError, AttributeError),
                *(IndexError, KeyError, AssertionError),
            ):
                return False
        if own.shape != whole.shape:
            return False
        if not bool((own - whole).abs().max() <= TOLERANCE * whole.abs().max()):
            return False
    return True


def _heard(network: Network, batch: torch.Tensor, blocks: Sequence[str]) -> list[torch.Tensor]:
    """Return what these blocks give. Raises KeyError where one does not run."""
    found: dict[str, torch.Tensor] = {}

    def hear(name: str, output: torch.Tensor) -> None:
        found[name] = output.float().clone()

    with listening(replace(network, blocks=blocks), hear):
        network.module(batch)
    return [found[name] for name in blocks]


def _trials(network: Network, preprocessing: Input) -> list[list[Any]]:
    """Two windows of the usual length, with something in them; where it may vary, two of others."""
    rng = np.random.default_rng(0)
    blank = blank_window(preprocessing)

    def filled(window: Any) -> Any:
        if window.dtype == np.int64:  # its own tokens in another order, the special ones in place
            return np.concatenate([window[:1], rng.permutation(window[1:-1]), window[-1:]])
        if window.dtype == np.uint8:
            return rng.integers(0, 256, window.shape, dtype=np.uint8)
        return rng.normal(0, 0.1, window.shape).astype(np.float32)

    trials = [[filled(blank), filled(blank)]]
    if network.any_length:
        for part in (2, 4):  # half as long again, which was seen; a quarter, which was not
            longer = np.concatenate([blank, blank[: len(blank) // part + 1]])
            trials.append([filled(longer), filled(longer)])
    return trials


def _settle(
    network: Network, resumed: Network, preprocessing: Input, block: str, seen: Trace, name: str
) -> None:
    """Note which tensors belong to what comes after, and let no other learn.

    Others are there where the module that holds the cut has tensors of its own (a class token),
    or where a table is looked up before the cut and after it.
    """
    import torch

    with torch.enable_grad():
        windows = _trials(network, preprocessing)[0][:1]
        given, _ = _heard(network, make_batch(preprocessing, windows), (block, network.blocks[-1]))
        before = {f"{INNER}{one}" for one in _reached(network.module, given)}
        (last,) = _heard(resumed, given.detach(), resumed.blocks[-1:])
        after = _reached(resumed.module, last)
    if after and not after - before:
        raise BackboneError(
            f"The backbone {name!r} cannot be cut after {block!r}: the weights after it are used "
            "before it too, and what is before it is frozen. Train the head alone, or all of it: "
            "--train all."
        )
    own = set(after - before)
    for path, part in resumed.module.named_modules():
        if seen.begins_after(path.removeprefix(INNER), block):
            own.update(f"{path}.{one}" for one, _ in part.named_buffers(recurse=False))
        elif path.startswith(INNER) and not any(part.children()):
            freeze_batch_norm(part)  # of zeros it would learn statistics of nothing
    for path, parameter in resumed.module.named_parameters():
        parameter.requires_grad_(path in own)
    kept = resumed.module.state_dict()
    resumed.module.after_cut = frozenset(own & kept.keys())  # type: ignore[assignment]


def _reached(module: torch.nn.Module, output: torch.Tensor) -> set[str]:
    """Return the names of the parameters that the output was computed from, all names of each."""
    reached = {id(tensor) for tensor in _leaves(output)}
    named = module.named_parameters(remove_duplicate=False)
    return {name for name, parameter in named if id(parameter) in reached}


def _leaves(output: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the leaves of autograd's graph."""
    waiting: list[Any] = [output.grad_fn]
    visited = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting.extend(following for following, _ in node.next_functions)
