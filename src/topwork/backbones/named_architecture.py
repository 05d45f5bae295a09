"""Architectures to train from nothing, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import CARDS, EMBEDDED
from topwork.backbones.registry import HUB_NAME, get_backbone
from topwork.backbones.small import MODELS, PREFIX
from topwork.backbones.spec import Spec, nearest_names, parse_spec
from topwork.backbones.timm.image import HUB_PREFIX
from topwork.errors import SettingError, UnknownBackboneError

MAX_SMALL_SIZE = 64
"""Pixels; up to here a ResNet begins with the small stem unless told otherwise. He et al. 2016,
section 4.2, use it at 32; at 64 it leaves the first block 64 x 64 places, the full one 16 x 16,
and of 224 px the full one leaves 56 x 56."""


def architecture(
    name: str,
    *,
    input_shape: Sequence[int] | None = None,
    size: int | None = None,
    seed: int | None = None,
) -> Backbone:
    """Return a backbone of random weights.

    Args:
        name: `timm/<model>`; an embedded backbone; a folder or name of the hub, whose weights are
            not taken; or one of Topwork's own: `topwork/mlp:256,128`, `topwork/conv1d`,
            `topwork/conv2d`. It may carry options as a backbone's name does (`?resize=squash`).
        input_shape: of the arrays, without the batch; None where the data are none.
        size: pixels on each side, of images. Up to 64, a ResNet of timm begins with the small stem
            (build.py) unless its name says `?stem=full`.
        seed: of the weights; None for the name's own, else 0.

    Raises:
        UnknownBackboneError: nothing has this name; the message gives the nearest.
        SettingError: an option is not accepted, or the architecture does not take such data.
        BackboneError, WeightsError: as `get_backbone` raises them.
    """
    spec = _read(name)
    spec = replace(
        spec,
        seed=spec.seed if seed is None else seed,
        size=spec.size if size is None else size,
    )
    if input_shape is not None and spec.base.startswith(PREFIX):
        if spec.shape not in (None, tuple(input_shape)):
            raise _other_shape(name, str(spec.shape), input_shape)
        spec = replace(spec, shape=tuple(input_shape))
    found = get_backbone(str(spec))
    if input_shape is not None and getattr(found.input, "shape", None) != tuple(input_shape):
        takes = getattr(found.input, "shape", f"{found.modality}s")
        raise _other_shape(name, str(takes), input_shape)
    if spec.stem is None and _may_have_small_stem(spec, found):
        return get_backbone(str(replace(spec, stem="small")))
    return found


def _read(name: str) -> Spec:
    mark = "&" if "?" in name else "?"
    spec = parse_spec(name if "pretrained=" in name else f"{name}{mark}pretrained=false")
    if spec.pretrained:
        raise SettingError(
            f"The architecture {name!r} says pretrained=true, and is to be trained from nothing. "
            "Remove the option."
        )
    base = spec.base
    known = base in EMBEDDED or HUB_NAME.fullmatch(base) or base.startswith(PREFIX)
    if not known and not Path(base).expanduser().is_dir():
        import timm

        names = [PREFIX + one for one in MODELS] + [HUB_PREFIX + one for one in timm.list_models()]
        close = HUB_PREFIX + base if timm.is_model(base.partition(".")[0]) else base
        raise UnknownBackboneError(
            f"No architecture is called {base!r}. Nearest: "
            f"{nearest_names(close, [*names, *CARDS])}. Accepted: timm/<model>, one of Topwork's "
            f"own ({', '.join(names[: len(MODELS)])}), an embedded backbone, a name of the Hugging "
            "Face hub, or a folder."
        )
    return spec


def _may_have_small_stem(spec: Spec, found: Backbone) -> bool:
    if not spec.base.startswith(HUB_PREFIX) or getattr(found.input, "size", 0) > MAX_SMALL_SIZE:
        return False
    import timm

    model = spec.base.removeprefix(HUB_PREFIX).partition(".")[0]
    return bool(timm.model_entrypoint(model).__module__ == "timm.models.resnet")


def _other_shape(name: str, takes: str, shape: Sequence[int]) -> SettingError:
    return SettingError(
        f"The architecture {name!r} takes {takes}, and the data are arrays of {tuple(shape)}. Take "
        f"one that fits arrays: {', '.join(PREFIX + one for one in MODELS)}."
    )
