"""Parameter groups and the optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from topwork.backbones.spec import nearest_names
from topwork.errors import SettingError
from topwork.training.settings import Training

if TYPE_CHECKING:
    import torch

FROZEN_MARK = "topwork_keeps_statistics"
"""An attribute of the module itself, so that copies of it and other processes know it too."""


def parameter_groups(
    module: torch.nn.Module,
    blocks: Sequence[str],
    settings: Training,
    *,
    lr: float,
    head_prefix: str = "head",
) -> list[dict[str, Any]]:
    """Freeze what the settings freeze; return the rest as groups of one rate and weight decay.

    With `layer_decay` d, the last of n blocks and what comes after it, other than the head, learn
    at lr * d, the one before at lr * d**2, and so on: the head is the layer above the last block
    (the layer ids of Bao et al. 2022, BEiT). Parameters before the first block belong to it. A
    name in `learning_rates` goes before that. Vectors and scalars (biases, norms, tokens of scale)
    get no weight decay (Loshchilov and Hutter 2019, as in Touvron et al. 2021, DeiT).

    Args:
        module: its parameters' `requires_grad` is set to False where a name is frozen.
        blocks: names of submodules, in the order they run.
        lr: at the head's side; `head_lr` of the settings is the head's own.
        head_prefix: where the names of the head's parameters begin.

    Raises:
        SettingError: a name that fits nothing, or nothing left to train.
    """
    known = names_of(module)
    for prefix in settings.freeze:
        check_fits(prefix, known, setting="freeze")
    for name, parameter in module.named_parameters():
        if any(fits(name, prefix) for prefix in settings.freeze):
            parameter.requires_grad_(False)
    for name in (*blocks, *settings.learning_rates):
        check_fits(name, known, setting="learning_rates" if name not in blocks else "blocks")
    depth = _depths(module, blocks)
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        if fits(name, head_prefix):
            rate = settings.head_lr or lr
        else:
            below = len(blocks) - depth[name]  # 1 for the last block, and for all without blocks
            rate = lr * (settings.layer_decay or 1.0) ** max(1, below)
        fitting = [prefix for prefix in settings.learning_rates if fits(name, prefix)]
        if fitting:
            rate = settings.learning_rates[max(fitting, key=len)]
        decay = 0.0 if parameter.ndim <= 1 else settings.weight_decay or 0.0
        group = groups.setdefault(
            (rate, decay), {"params": [], "names": [], "lr": rate, "weight_decay": decay}
        )
        group["params"].append(parameter)
        group["names"].append(name)
    if not groups:
        raise SettingError(
            f"freeze is {list(settings.freeze)}, and nothing is left to train. Leave out a name, "
            "or train the head alone."
        )
    return list(groups.values())


def make_optimiser(groups: Sequence[dict[str, Any]], settings: Training) -> torch.optim.Optimizer:
    """Return the optimiser of the settings over these groups."""
    import torch

    given = [{k: v for k, v in group.items() if k != "names"} for group in groups]
    if settings.optimiser == "sgd":
        momentum = settings.momentum
        return torch.optim.SGD(given, lr=given[0]["lr"], momentum=momentum, nesterov=momentum > 0)
    kind = torch.optim.AdamW if settings.optimiser == "adamw" else torch.optim.Adam
    return kind(given, lr=given[0]["lr"])


def freeze_batch_norm(module: torch.nn.Module) -> int:
    """Make every BatchNorm in it keep its statistics while the rest trains; return how many.

    Their scales and shifts are trained as before; to keep these too, freeze them by name.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    found = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    for part in found:
        setattr(part, FROZEN_MARK, True)
        part.eval()
    return len(found)


def put_in_training(module: torch.nn.Module) -> None:
    """Call `train()`, but keep frozen BatchNorms, and those of frozen parts, in eval mode."""
    from torch.nn.modules.batchnorm import _BatchNorm

    module.train()
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            own = list(part.parameters(recurse=False))
            still = bool(own) and not any(parameter.requires_grad for parameter in own)
            if still or getattr(part, FROZEN_MARK, False):
                part.eval()


def names_of(module: torch.nn.Module) -> list[str]:
    """Return the names of its submodules and of its parameters."""
    named = [name for name, _ in module.named_modules() if name]
    return named + [name for name, _ in module.named_parameters()]


def check_fits(prefix: str, known: Sequence[str], *, setting: str) -> None:
    """Raise SettingError where no name is the prefix, or lies below it."""
    if not any(fits(name, prefix) for name in known):
        raise SettingError(
            f"{setting} names {prefix!r}, and the network has nothing of that name; nearest: "
            f"{nearest_names(prefix, known)}. Give a submodule's or parameter's name, or the "
            "beginning of one."
        )


def fits(name: str, prefix: str) -> bool:
    """Whether a name is the prefix or lies below it: `blocks.1` has `blocks.1.x`, not `blocks.10`.

    A prefix that ends inside a word (`blo`) fits too, as long as no number is cut in two.
    """
    if not name.startswith(prefix):
        return False
    rest = name[len(prefix) :]
    return not (prefix[-1:].isdigit() and rest[:1].isdigit())


def _depths(module: torch.nn.Module, blocks: Sequence[str]) -> dict[str, int]:
    """Return the block, from 0, that each parameter belongs to: the one it is in, or comes after.

    Modules are listed in the order in which they were made, nearly always that in which they run.
    """
    depths, reached = {}, 0
    for name, _ in module.named_parameters():
        inside = [k for k, block in enumerate(blocks) if f"{name}.".startswith(f"{block}.")]
        reached = max(inside, default=reached)
        depths[name] = reached
    return depths
