"""Means of trained weights and those before.

In a mean of two networks' weights (WiSE-FT: Wortsman et al. 2022) what comes into a BatchNorm has
neither network's mean and spread, mostly a smaller one, and the statistics that fit the two ends do
not fit what is between them: block after block the outputs drift to a constant, and the mean names
one class for all. So a mean's BatchNorms get statistics of its own, by which each of them gives, on
the examples that were learned from, the mean and the spread that lie between those of the ends
(REPAIR: Jordan et al. 2023, section 3). Both ends stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NormOutputs = Mapping[str, "tuple[torch.Tensor, torch.Tensor]"]
"""Name of a BatchNorm -> mean and spread [C] of what it gives, before its own scale and shift."""

FARTHEST = 10.0
"""Times that a spread is corrected by, at most: a channel that is all but constant has none."""


def blend(
    before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], alpha: float
) -> dict[str, torch.Tensor]:
    """Return the mean of two states, `alpha` of it from `after`."""
    return {
        name: before[name].lerp(tensor, alpha) if tensor.is_floating_point() else tensor
        for name, tensor in after.items()
    }


def measure_norms(module: torch.nn.Module, batch: torch.Tensor) -> NormOutputs:
    """Return what each BatchNorm gives for a batch, but for one that runs twice in a pass."""
    import torch

    found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    again = set()

    def see(name: str, norm: Any, given: torch.Tensor) -> None:
        if name in found:
            again.add(name)
        mean, spread = _mean_and_spread(given)
        scale = torch.sqrt(norm.running_var + norm.eps)
        found[name] = ((mean - norm.running_mean) / scale, spread / scale)

    with _seen_by(module, see), torch.inference_mode():
        module(batch)
    return {name: one for name, one in found.items() if name not in again}


def fit_norms(
    module: torch.nn.Module,
    batch: torch.Tensor,
    before: NormOutputs,
    after: NormOutputs,
    alpha: float,
) -> None:
    """Set each BatchNorm's statistics so that it gives what lies between the two ends.

    One after the other, as they run: what comes into each comes through those already set.

    Args:
        before, after: of the ends, by `measure_norms`, on the same batch.
    """
    import torch

    def see(name: str, norm: Any, given: torch.Tensor) -> None:
        if name not in before or name not in after:
            return
        wanted_mean, wanted_spread = (
            torch.lerp(one, other, alpha)
            for one, other in zip(before[name], after[name], strict=True)
        )
        mean, spread = _mean_and_spread(given)
        scale = torch.sqrt(norm.running_var + norm.eps)
        factor = torch.nan_to_num(spread / (wanted_spread * scale), nan=1.0)
        scale = scale * factor.clamp(1 / FARTHEST, FARTHEST)
        norm.running_var.copy_((scale**2 - norm.eps).clamp_min(0))
        scale = torch.sqrt(norm.running_var + norm.eps)
        norm.running_mean.copy_(mean - wanted_mean * scale)

    with _seen_by(module, see), torch.inference_mode():
        module(batch)


def has_norms(module: torch.nn.Module) -> bool:
    """Whether it has a BatchNorm that keeps statistics."""
    return next(_norms(module), None) is not None


def _norms(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    from torch.nn.modules.batchnorm import _BatchNorm

    for name, part in module.named_modules():
        # (the stub of one that ran before the cut has none)
        if isinstance(part, _BatchNorm) and part._buffers.get("running_mean") is not None:
            yield name, part


@contextmanager
def _seen_by(
    module: torch.nn.Module, see: Callable[[str, Any, torch.Tensor], None]
) -> Iterator[None]:
    """Show every BatchNorm's input to `see`, just before it runs."""
    hooks = [
        part.register_forward_pre_hook(lambda norm, inputs, name=name: see(name, norm, inputs[0]))
        for name, part in _norms(module)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _mean_and_spread(given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation [C] of a BatchNorm's input [N, C, ...]."""
    rest = [0, *range(2, given.ndim)]
    return given.float().mean(rest), given.float().std(rest, unbiased=False)
