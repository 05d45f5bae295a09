"""Folders of the sentence-transformers library.

A row of modules: a transformer, pooling, perhaps dense layers. Its last vector is a block of its
own, before it is brought to unit length (the classifier does that itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.backbones.repository import CONFIG, Repository
from topwork.backbones.weights import WHOLE, load_tensors
from topwork.errors import BackboneError, WeightsError

if TYPE_CHECKING:
    import torch

MODULES = "modules.json"

POOLINGS = ("cls", "lasttoken", "max", "mean", "mean_sqrt_len_tokens", "weightedmean")
SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Of the pooling's config.json, in the order in which several are put together."""

ACTIVATIONS = ("Tanh", "Identity", "GELU", "ReLU", "Sigmoid", "SiLU")


def read_sentence(repository: Repository) -> tuple[Repository, dict[str, Any], list[Path]]:
    """Return the transformer's folder, the pooling as plain data, and its dense layers' weights.

    Raises:
        BackboneError: a module is not known, or not in the usual order.
        WeightsError: a file is missing or damaged.
    """
    modules = repository.json(MODULES)
    steps: list[tuple[str, Repository]] = []
    for module in modules if isinstance(modules, list) else []:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1] if isinstance(module, dict) else ""
        if kind not in ("Normalize", "Dropout"):
            steps.append((kind, repository.under(str(module.get("path", "")))))
    kinds = [kind for kind, _ in steps]
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Dense"}:
        raise BackboneError(
            f"The {MODULES} of {repository.name!r} has the modules {kinds}; accepted: Transformer, "
            "Pooling, then any of Dense, Normalize, Dropout. Take another backbone."
        )
    dense, files = [], []
    for _, folder in steps[2:]:
        dense.append(_read_dense(folder))
        files.append(folder.need(*WHOLE))
    poolings = _read_pooling(steps[1][1].config(CONFIG), repository.name)
    return steps[0][1], {"pools": poolings, "dense": dense}, files


def _read_pooling(config: Mapping[str, Any], name: str) -> list[str]:
    mode = config.get("pooling_mode")
    chosen = [mode] if isinstance(mode, str) else mode
    if not isinstance(chosen, list | tuple):
        chosen = [pool for switch, pool in SWITCHES.items() if config.get(switch)]
    if not chosen or not set(chosen) <= set(POOLINGS):
        raise BackboneError(
            f"The pooling of {name!r} is {chosen!r}; accepted: one or more of "
            f"{', '.join(POOLINGS)}. Take another backbone."
        )
    return [str(pool) for pool in chosen]


def _read_dense(folder: Repository) -> dict[str, Any]:
    config = folder.config(CONFIG)
    activation = str(config.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
    sizes = [config.get("in_features"), config.get("out_features")]
    if activation not in ACTIVATIONS or not all(isinstance(size, int) for size in sizes):
        raise BackboneError(
            f"The dense layer in {folder.inside!r} of {folder.name!r} is of {sizes} with "
            f"{activation!r}; accepted: two whole numbers, and {', '.join(ACTIVATIONS)}. Take "
            "another backbone."
        )
    bias = bool(config.get("bias", True))
    return {"sizes": sizes, "bias": bias, "activation": activation}


def make_sentence(pooling: Mapping[str, Any]) -> torch.nn.Module:
    """Return a module from tokens [N, L, C] to one vector a text [N, C'], with random weights."""
    import torch
    from torch import nn

    class Sentence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Sequential()
            for layer in pooling["dense"]:
                self.dense.append(
                    nn.Linear(layer["sizes"][0], layer["sizes"][1], bias=layer["bias"])
                )
                self.dense.append(getattr(nn, layer["activation"])())

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            pooled = [_pool(tokens, pool) for pool in pooling["pools"]]
            vector: torch.Tensor = self.dense(torch.cat(pooled, dim=1))
            return vector

    return Sentence().eval()


def load_sentence(module: torch.nn.Module, files: Sequence[Path]) -> None:
    """Fill the dense layers. Raises WeightsError where a file is not that of its layer."""
    for place, path in enumerate(files):
        layer = module.get_submodule(f"dense.{2 * place}")
        tensors = load_tensors(path)
        named = {key.removeprefix("linear."): tensor.float() for key, tensor in tensors.items()}
        try:
            layer.load_state_dict(named)
        except RuntimeError as error:
            raise WeightsError(
                f"The weights in {path} are not those of its dense layer: "
                f"{' '.join(str(error).split())[:200]}. Fetch the folder again."
            ) from error


def _pool(tokens: torch.Tensor, pool: str) -> torch.Tensor:
    import torch

    if pool == "cls":
        return tokens[:, 0]
    if pool == "lasttoken":
        return tokens[:, -1]
    if pool == "max":
        return tokens.amax(1)
    if pool == "mean":
        return tokens.mean(1)
    ones = torch.ones_like(tokens[:, :, :1])
    if pool == "weightedmean":
        weights = ones.cumsum(1)
        return (tokens * weights).sum(1) / weights.sum(1)
    return tokens.sum(1) / ones.sum(1).sqrt()
