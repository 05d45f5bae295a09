"""timm networks as torch modules.

Importing this file loads no torch; calling its functions does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from topwork.backbones.base import Layout, Network
from topwork.backbones.spec import nearest_names
from topwork.backbones.timm.families import find_family, match_blocks
from topwork.backbones.weights import Weights, load_weights
from topwork.core.extras import need
from topwork.errors import BackboneError, SettingError, UnknownBackboneError, WeightsError

if TYPE_CHECKING:
    import torch

# A config.json from anywhere may name arguments of its network's constructor, but none that makes
# timm read a file, fetch something, or change what we ask for.
REFUSED_ARGUMENTS = (
    *("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict"),
    *("checkpoint_path", "cache_dir", "scriptable", "exportable", "no_jit"),
    *("features_only", "out_indices", "num_classes", "img_size"),
)


def build_timm(
    architecture: Mapping[str, Any],
    *,
    name: str,
    size: int,
    weights: Weights | None = None,
    seed: int = 0,
) -> Network:
    """Build a timm model, with the weights of a file or random ones that depend on `seed` alone.

    Args:
        architecture: `model`, timm's name of it; and, where there are any, `fixed_size`, the size
            that it is made for, if only one (another is built in, where timm can), `arguments` of
            the model's constructor, as its config.json has them, and `stem`: `small` for one that
            suits small pictures (`_make_stem_small`).
        size: pixels on each side of its input.

    Raises:
        UnknownBackboneError: timm has no such model.
        SettingError: the model cannot take this size, or has no such stem.
        WeightsError: the weights are not those of this model.
    """
    fixed_size, arguments = architecture.get("fixed_size"), architecture.get("arguments") or {}
    chosen = {k: v for k, v in arguments.items() if k not in REFUSED_ARGUMENTS}
    if fixed_size is not None and size != fixed_size:
        chosen["img_size"] = size
    module = _create(str(architecture["model"]), name, seed=seed, **chosen)
    if architecture.get("stem") == "small":
        _make_stem_small(module, name, seed)
    if weights is not None:
        _load(module, weights, name)
    return find_blocks(module, name, size)


def find_blocks(module: torch.nn.Module, name: str, size: int) -> Network:
    """Name the blocks of a timm network: by its family, else by timm's own feature_info."""
    family = find_family(type(module).__name__)
    names = [n for n, _ in module.named_modules()]
    prefix = int(getattr(module, "num_prefix_tokens", 0) or 0)
    if family is not None:
        return Network(
            module=module,
            blocks=tuple(match_blocks(family.blocks, names)),
            layout=family.layout,
            num_prefix_tokens=prefix,
            without_prefix=family.without_prefix,
        )
    infos = [info for info in getattr(module, "feature_info", None) or [] if "module" in info]
    blocks = {info["module"]: int(info["num_chs"]) for info in infos if info["module"] in names}
    if not blocks:
        raise BackboneError(
            f"The blocks of backbone {name!r} ({type(module).__name__}) are not known. Name them "
            "yourself: topwork.from_module(module, blocks=[...], input=...)."
        )
    return Network(
        module=module,
        blocks=tuple(blocks),
        layout=_guess_layout(module, blocks, size),
        num_prefix_tokens=prefix,
    )


def _guess_layout(module: torch.nn.Module, blocks: Mapping[str, int], size: int) -> Layout:
    """Run once, and see where the number of channels that timm gives stands in the shapes."""
    import torch

    shapes: list[tuple[int, tuple[int, ...]]] = []
    modules = dict(module.named_modules())
    handles = [
        modules[block].register_forward_hook(
            lambda _m, _i, output, channels=channels: shapes.append((channels, output.shape))
        )
        for block, channels in blocks.items()
    ]
    try:
        with torch.inference_mode():
            module(torch.zeros(1, 3, size, size))
    finally:
        for handle in handles:
            handle.remove()
    if all(len(shape) == 3 for _, shape in shapes):
        return "NLC"
    return "NCHW" if all(shape[1] == channels for channels, shape in shapes) else "NHWC"


def _create(architecture: str, name: str, *, seed: int, **arguments: Any) -> torch.nn.Module:
    need("timm", f"The backbone {name!r}")
    import timm
    import torch

    # `hf-hub:...` and its like would make timm fetch; a plain name cannot
    if not re.fullmatch(r"[a-z0-9_]+", architecture) or not timm.is_model(architecture):
        raise UnknownBackboneError(
            f"Backbone {name!r} is of architecture {architecture!r}, which timm does not have; "
            f"nearest: {nearest_names(architecture, timm.list_models())}. Upgrade timm, or give "
            "the module itself: topwork.from_module(...)."
        )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module: torch.nn.Module = timm.create_model(
                architecture, pretrained=False, num_classes=0, **arguments
            )
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        if "img_size" in arguments:
            raise SettingError(
                f"Backbone {name!r} cannot take pictures of {arguments['img_size']} px: {error}. "
                "Leave the size out to have the one that it was made for."
            ) from error
        raise BackboneError(
            f"timm cannot build {architecture!r} for backbone {name!r} with {arguments}: {error}. "
            "Check the model_args in its config.json."
        ) from error
    return module.eval()


def _make_stem_small(module: Any, name: str, seed: int) -> None:
    """Let a ResNet begin with a 3x3 convolution of stride 1, and no pooling.

    The published stem (7x7 of stride 2, then a maximum of stride 2) leaves 8 x 8 of 32 x 32 pixels
    before the first block. He et al. 2016, 'Deep residual learning for image recognition', section
    4.2, begin so on CIFAR-10.
    """
    import torch

    if type(module).__name__ != "ResNet":
        raise SettingError(
            f"The backbone {name!r} is a {type(module).__name__}; accepted with stem=small: "
            "ResNets of timm, such as timm/resnet18. Remove the option."
        )
    first = torch.nn.Conv2d(3, module.bn1.num_features, 3, padding=1, bias=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    module.conv1, module.maxpool = first, torch.nn.Identity()


def _load(module: torch.nn.Module, weights: Weights, name: str) -> None:
    tensors: Any = load_weights(weights)
    # timm's own translation of older names and of position embeddings to another size
    home = sys.modules[type(module).__module__]
    translate = getattr(home, "checkpoint_filter_fn", None) or getattr(home, "_filter_fn", None)
    problem = ""
    try:
        if translate is not None:
            tensors = translate(tensors, module)
        missing = module.load_state_dict(tensors, strict=False).missing_keys
        if missing:
            problem = f"{len(missing)} tensors are missing ({', '.join(missing[:3])}, ...)"
    except (RuntimeError, KeyError) as error:
        problem = str(error).replace("\n", " ")[:300]
    if problem:
        raise WeightsError(
            f"The weights in {weights.paths[0]} are not those of backbone {name!r}, a "
            f"{type(module).__name__}: {problem}. Fetch config.json and the weights again, "
            "together."
        )
