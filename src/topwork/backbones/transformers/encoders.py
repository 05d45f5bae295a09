"""transformers networks from plain data.

Nothing is fetched and no code of others is run: the configuration is data, the weights are tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from topwork.backbones.weights import Weights, load_weights
from topwork.core.extras import need
from topwork.errors import BackboneError, WeightsError

if TYPE_CHECKING:
    import torch

REMOTE = "auto_map"
PASSED_OVER = re.compile(r"implementation|^(_name_or_path|transformers_weights|fusion_config)$")
"""Settings that could make transformers fetch kernels or files; how it computes is our choice."""

MAY_MISS = re.compile(r"(^|\.)pooler\.|(^|\.)masked_spec_embed$")
"""Tensors that a checkpoint may lack: a layer that is not run, and noise for pre-training."""


def clean_config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a config.json as data that is safe to build from.

    Raises:
        BackboneError: the network needs code of its authors', or is of fewer bits.
    """
    if config.get(REMOTE):
        raise BackboneError(
            f"The backbone {name!r} needs code that comes with it (auto_map in its config.json), "
            "and Topwork runs no code that it loads. Take one that transformers has itself, or "
            "give the module: topwork.from_module(...)."
        )
    if config.get("quantization_config"):
        raise BackboneError(
            f"The backbone {name!r} has quantised weights; accepted: float32, float16 or bfloat16. "
            "Take the repository that it was made from."
        )
    return {
        str(key): clean_config(value, name) if isinstance(value, dict) else value
        for key, value in config.items()
        if not PASSED_OVER.search(str(key))
    }


def build_model(
    config: Mapping[str, Any],
    *,
    name: str,
    find_class: Callable[[Any], type] | None = None,
    find_part: Callable[[Any], Any] | None = None,
    weights: Weights | None = None,
    rename: Callable[[str], str | None] | None = None,
    seed: int = 0,
) -> torch.nn.Module:
    """Build a transformers model in eval mode, with these weights or random ones of this seed.

    Args:
        config: as `clean_config` returns it; `model_type` decides.
        find_class: the model's class, given the configuration; None for the one of AutoModel.
        find_part: the configuration of the part that is built; None for all.
        rename: gives a tensor's name in the model; None for a tensor that is not wanted.

    Raises:
        BackboneError: transformers has no such model, or cannot build it.
        WeightsError: the weights are not those of this model.
    """
    need("transformers", f"The backbone {name!r}")
    import torch
    import transformers

    auto: Any = transformers  # its own annotations are not complete
    data = {key: value for key, value in config.items() if key != "model_type"}
    kind = config.get("model_type")
    with _quiet():
        try:
            whole = auto.AutoConfig.for_model(str(kind), **data)
            part = find_part(whole) if find_part else whole
            part.use_cache = False
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                if find_class is None:
                    made = auto.AutoModel.from_config(part, dtype=torch.float32)
                else:
                    made = find_class(part)(part)
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RuntimeError,
            ImportError,
        ) as error:
            raise BackboneError(
                f"transformers cannot build the {kind!r} of backbone {name!r}: {_short(error)}. "
                "Upgrade transformers, or fetch its config.json again."
            ) from error
        if weights is not None:
            made = _with_weights(made, part, weights, rename, name)
    made.loss_function = None  # else a warning that it is unknown, as soon as it is traced
    module: torch.nn.Module = made.float().eval()
    return module


def _with_weights(made: Any, config: Any, weights: Weights, rename: Any, name: str) -> Any:
    import torch

    tensors = load_weights(weights)
    if rename is not None:
        renamed = {rename(key): tensor for key, tensor in tensors.items()}
        tensors = {key: tensor for key, tensor in renamed.items() if key is not None}
    problem = ""
    try:
        # transformers' own translation of prefixes and older names; with a state_dict and no name
        # it opens no file, nor the network
        made, found = type(made).from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32,
            output_loading_info=True, local_files_only=True,
        )  # fmt: skip
        missing = sorted(key for key in found["missing_keys"] if not MAY_MISS.search(key))
        if missing:
            problem = f"{len(missing)} tensors are missing ({', '.join(missing[:3])}, ...)"
    except (RuntimeError, ValueError, KeyError) as error:
        problem = _short(error)
    if problem:
        raise WeightsError(
            f"The weights in {weights.paths[0]} are not those of backbone {name!r}, a "
            f"{type(made).__name__}: {problem}. Fetch config.json and the weights again, together."
        )
    return made


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bars and reports off the screen: errors say what matters."""
    from transformers.utils import logging as its_logging

    logging: Any = its_logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def name_outputs(
    model: torch.nn.Module, run: Callable[[], Sequence[torch.Tensor]]
) -> list[str | None]:
    """Return, for each tensor that a run of the model gives, the submodule whose output it is.

    None where no submodule gives it as one plain tensor, or one that runs more than once. Of
    several that give it (a layer, and its last norm), the outermost that ran last.
    """
    import torch

    outputs: dict[str, list[Any]] = {}

    def listen(name: str) -> Callable[[Any, Any, Any], None]:
        return lambda _module, _inputs, output: outputs.setdefault(name, []).append(output)

    handles = [m.register_forward_hook(listen(n)) for n, m in model.named_modules() if n]
    try:
        with torch.inference_mode():
            wanted = run()
    finally:
        for handle in handles:
            handle.remove()
    once = {name: all_[0] for name, all_ in outputs.items() if len(all_) == 1}
    plain = {name: one for name, one in once.items() if isinstance(one, torch.Tensor)}
    found: list[str | None] = []
    for tensor in wanted:
        same = [
            name
            for name, one in plain.items()
            if one is tensor or (one.shape == tensor.shape and torch.equal(one, tensor))
        ]
        same = [name for name in same if name not in found]
        depth = min((name.count(".") for name in same), default=0)
        outermost = [name for name in same if name.count(".") == depth]
        found.append(outermost[-1] if outermost else None)
    return found


def tapped_blocks(
    module: Any, run: Callable[[], Sequence[torch.Tensor]], *, failed: str, advice: str
) -> list[str]:
    """Name the blocks whose outputs a run gives, adding taps where no submodule gives one.

    Raises BackboneError, which begins with `failed` and ends with `advice`, where it does not run.
    """
    from torch import nn

    try:
        named = name_outputs(module.model, run)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise BackboneError(f"{failed}: {' '.join(str(error).split())[:300]}. {advice}") from error
    for place, found in enumerate(named):
        if found is None:
            module.taps[str(place)] = nn.Identity()
    return [f"taps.{i}" if one is None else f"model.{one}" for i, one in enumerate(named)]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
