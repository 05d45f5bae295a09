"""Topwork's own architectures, by name."""

from __future__ import annotations

import re

from topwork.backbones.base import Backbone
from topwork.backbones.random import random_by_name
from topwork.backbones.small import MODELS, PREFIX, check_architecture
from topwork.backbones.spec import Spec, nearest_names
from topwork.errors import SettingError, UnknownBackboneError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.images.preprocessing import ImageInput


def small_from(spec: Spec) -> Backbone:
    """Return `topwork/<model>`, or `topwork/<model>:64,128,...`, with random weights.

    Raises:
        UnknownBackboneError: there is no such model.
        SettingError: it would have weights; its units, or its input, are missing or not accepted.
    """
    model, units = _read_name(spec)
    if spec.pretrained:
        raise SettingError(
            f"The architecture {spec.base!r} has no pre-trained weights. Train it on data of your "
            f"own, `topwork pretrain DATA --architecture {spec.base} --out FOLDER`, and give the "
            "folder; or add ?pretrained=false for random weights."
        )
    input = _input(spec, model)
    architecture = {"library": "topwork", "model": model, "units": list(units)}
    check_architecture(architecture, input)
    return random_by_name(spec, input, architecture)


def _read_name(spec: Spec) -> tuple[str, tuple[int, ...]]:
    model, colon, rest = spec.base.removeprefix(PREFIX).partition(":")
    if model not in MODELS:
        raise UnknownBackboneError(
            f"Topwork has no architecture {spec.base!r}; nearest: "
            f"{nearest_names(spec.base, [PREFIX + one for one in MODELS])}. Of networks for large "
            "images, take timm's: timm/resnet18."
        )
    if not colon:
        return model, MODELS[model]
    if not re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", rest):
        raise SettingError(
            f"The architecture {spec.base!r} has units {rest!r}; accepted: whole numbers with "
            f"commas between them, one for each block, such as {PREFIX}{model}:"
            f"{','.join(map(str, MODELS[model]))}."
        )
    return model, tuple(int(one) for one in rest.split(","))


def _input(spec: Spec, model: str) -> ArrayInput | ImageInput:
    if spec.stem is not None:
        raise SettingError(
            f"The architecture {spec.base!r} has the option stem, which is for ResNets of timm. "
            "Remove it."
        )
    for_images = model == "conv2d" and spec.shape is None
    spec.check_options("image" if for_images else "array")
    if spec.shape is not None:
        return ArrayInput(shape=spec.shape)
    if for_images and spec.size is not None:
        values = {"size": spec.size, "resize": spec.resize or "crop", "bits": spec.bits}
        return ImageInput.from_settings({**values, "mean": [0.5] * 3, "std": [0.5] * 3})
    size = ", or for images their size: ?size=32" if for_images else ""
    raise SettingError(
        f"The architecture {spec.base!r} depends on what it takes, and that is not said. Add the "
        f"arrays' shape, without the batch: ?shape=3x128{size}."
    )
