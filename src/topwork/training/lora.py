"""Low-rank updates in place of weights.

Of large networks that takes little memory: the optimiser keeps numbers of the updates alone. At the
end they are added to the weights, so that what is served is a plain network.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from topwork.errors import SettingError

if TYPE_CHECKING:
    import torch


def add_lora(module: torch.nn.Module, rank: int, *, seed: int, head: str = "head") -> None:
    """Put an update of this rank beside every linear layer that learns; freeze all but the head.

    It begins at zero, so the network gives what it gave. Its weight in the sum is 1 (alpha is the
    rank, as in Hu et al. 2022, table 9).

    Args:
        head: the part that goes on to be trained as it is.

    Raises:
        SettingError: there is no such layer, or peft is not installed.
    """
    import torch

    peft = _peft(rank)
    names = _linear_layers(module, head)
    if not names:
        raise SettingError(
            f"lora is {rank}, and what is trained of the network has no linear layer; accepted "
            "for transformers. Leave lora out, to train the weights themselves."
        )
    kept = {n for n, p in module.named_parameters() if p.requires_grad and n.startswith(f"{head}.")}
    exactly = "|".join(map(re.escape, names))
    config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=exactly)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.filterwarnings("ignore", message="fan_in_fan_out")  # of GPT-2's layers; it is set
        peft.inject_adapter_in_model(config, module)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in kept or ".lora_" in name)


def merge_lora(module: torch.nn.Module) -> None:
    """Add the updates to the weights; every layer is the plain one again, under its own name."""
    from peft.tuners.lora import LoraLayer

    updated: list[tuple[str, Any]] = [
        (name, part) for name, part in module.named_modules() if isinstance(part, LoraLayer)
    ]
    for name, part in updated:
        part.merge()
        above, _, own = name.rpartition(".")
        setattr(module.get_submodule(above), own, part.get_base_layer())


def _linear_layers(module: torch.nn.Module, head: str) -> list[str]:
    """Return the names of the linear layers whose weights are trained, but for the head's."""
    import torch
    from transformers.pytorch_utils import Conv1D

    found = []
    for name, part in module.named_modules():
        inside = name == head or name.startswith(f"{head}.")
        # no subclass: one that attention looks into would not see the update
        if not inside and type(part) in (torch.nn.Linear, Conv1D):
            weight: Any = part.weight
            if weight.requires_grad:
                found.append(name)
    return found


def _peft(rank: int) -> Any:
    try:
        import peft
    except ImportError as error:
        raise SettingError(
            f"lora is {rank}, and peft is not installed. Run `pip install 'topwork[lora]'`, or "
            "leave lora out."
        ) from error
    return peft
