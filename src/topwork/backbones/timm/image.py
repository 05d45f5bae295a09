"""Backbones for images.

A network belongs to a family by the name of its timm class; one of no family is cut where timm's
own `feature_info` says. Naming a backbone loads no torch, except the first time that timm itself
must be asked (random weights, a name without a tag); the answer is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones.architecture import build_with
from topwork.backbones.base import Backbone, Card
from topwork.backbones.catalog import CARDS, EmbeddedBackbone
from topwork.backbones.graphs.efficientnet import name_tensors
from topwork.backbones.graphs.find import Arrays, find_graph
from topwork.backbones.random import random_by_name
from topwork.backbones.repository import CONFIG, Repository
from topwork.backbones.spec import Spec
from topwork.backbones.timm.build import build_timm
from topwork.backbones.timm.families import SIZES, backbone_digest
from topwork.backbones.timm.timm_metadata import describe
from topwork.backbones.weights import find_weights, load_arrays
from topwork.errors import WeightsError
from topwork.examples.images.preprocessing import ImageInput

HUB_PREFIX = "timm/"


def embedded_image(spec: Spec, entry: EmbeddedBackbone, files: Mapping[str, Path]) -> Backbone:
    """Return the embedded backbone; with random weights where no files of it are given."""
    image = _image_input(spec, entry.settings)
    model = str(entry.settings["architecture"])
    if not files:
        return _random(spec, model, image)
    (file, digest), *_ = entry.sha256.items()
    path, architecture = files[file], _architecture(model)

    def read() -> Arrays:
        return name_tensors(list(load_arrays(path).values()), model, str(path))

    return Backbone(
        name=str(spec),
        digest=backbone_digest(image, weights=digest, architecture=model),
        input=image,
        card=entry.card,
        architecture=architecture,
        precision=spec.precision or entry.precision,
        build=lambda: build_with(architecture, image, read()),
        graph=find_graph(architecture, image, read),
    )


def timm_by_name(spec: Spec) -> Backbone:
    """Return `timm/<model>`, with or without a tag, of the hub or with random weights."""
    model = spec.base.removeprefix(HUB_PREFIX)
    if not spec.pretrained:
        name, _, _ = model.partition(".")
        settings = describe(model)
        return _random(spec, name, _image_input(spec, settings, name), _fixed_size(settings))
    repository = spec.base if "." in model else f"{HUB_PREFIX}{_default_tag(model)}"
    found = Repository(name=repository)
    return timm_from(replace(spec, base=repository), found, found.config())


def _default_tag(model: str) -> str:
    described = describe(model)
    if not described.get("tag"):
        raise WeightsError(
            f"timm publishes no weights for {model!r}. Take another, or random weights: "
            f"'{HUB_PREFIX}{model}?pretrained=false'."
        )
    return f"{model}.{described['tag']}"


def timm_from(spec: Spec, repository: Repository, config: Mapping[str, Any]) -> Backbone:
    """Return a timm network whose config.json and weights lie in a folder or on the hub."""
    settings = config.get("pretrained_cfg", config)
    settings = settings if isinstance(settings, dict) else {}
    model = config.get("architecture", settings.get("architecture"))
    if not isinstance(model, str):
        raise WeightsError(
            f"The {CONFIG} of {repository.name!r} names no architecture of timm; accepted: a "
            "name. Fetch it again, or give the module itself: topwork.from_module(...)."
        )
    image = _image_input(spec, settings, model)
    arguments = dict(config.get("model_args") or {})
    if not spec.pretrained:
        return _random(spec, model, image, _fixed_size(settings), arguments)
    weights = find_weights(repository)
    architecture = _architecture(model, _fixed_size(settings), arguments)
    return Backbone(
        name=str(spec),
        digest=backbone_digest(
            image, weights=weights.digest, architecture=model, arguments=arguments
        ),
        input=image,
        card=CARDS.get(repository.name)
        or Card(
            licence=str(settings.get("license") or "unknown"),
            pretrained_on=f"not said in its {CONFIG} (tag: {settings.get('tag') or 'none'})",
            num_pretraining_examples=None,
            source=repository.source,
        ),
        architecture=architecture,
        precision=spec.precision or "f32",
        build=lambda: build_timm(architecture, name=str(spec), size=image.size, weights=weights),
    )


def _random(
    spec: Spec,
    model: str,
    image: ImageInput,
    fixed_size: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Backbone:
    stem = {"stem": "small"} if spec.stem == "small" else {}
    architecture = _architecture(model, fixed_size, arguments) | stem
    return random_by_name(spec, image, architecture, source=f"timm's {model}")


def _architecture(
    model: str, fixed_size: int | None = None, arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "library": "timm",
        "model": model,
        "fixed_size": fixed_size,
        "arguments": dict(arguments or {}),
    }


def _image_input(spec: Spec, settings: Mapping[str, Any], architecture: str = "") -> ImageInput:
    """Read timm's preprocessing settings, all but the share of the picture that it crops to.

    What is cut off of a tall or wide picture is no more than makes it square: on 1,192 photos of
    clothes (3:4) cross-validated accuracy is 0.893 so, 0.882 squashed, and 0.88 padded.
    """
    filter = settings.get("interpolation")
    published = settings.get("input_size") or [3, 224, 224]
    usual = next((size for part, size in SIZES.items() if part in architecture), published[-1])
    values: dict[str, Any] = {
        "size": usual if spec.size is None else spec.size,
        "resize": spec.resize or "crop",
        "bits": spec.bits,
        "interpolation": filter if filter in ("bicubic", "bilinear", "lanczos") else "bicubic",
        "mean": [float(v) for v in settings.get("mean") or (0.485, 0.456, 0.406)],
        "std": [float(v) for v in settings.get("std") or (0.229, 0.224, 0.225)],
    }
    return ImageInput.from_settings(values)


def _fixed_size(settings: Mapping[str, Any]) -> int | None:
    """The one size that the network is made for, or None where any will do."""
    return int(settings["input_size"][-1]) if settings.get("fixed_input_size") else None
