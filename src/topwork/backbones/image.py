"""Gives a backbone for images by name: embedded, from timm on the hub or in a folder, or random.

A network belongs to a family of the catalog by the name of its timm class; one of no family is
cut where timm's own `feature_info` says. Naming a backbone loads no torch, except the first time
that timm itself must be asked (random weights, a name without a tag); the answer is kept.
What it does not know: users' own modules (modules.py), and how networks are run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from topwork.backbones.base import Backbone, Card
from topwork.backbones.build import build_embedded, build_timm
from topwork.backbones.catalog import CARDS, EMBEDDED, RULES_VERSION, SIZES, Embedded
from topwork.backbones.described import describe, package_versions
from topwork.backbones.spec import Spec, nearest_names, parse_spec
from topwork.backbones.weights import (
    CONFIG,
    WeightsFile,
    find_embedded,
    find_in_folder,
    find_on_hub,
)
from topwork.digests import digest_settings
from topwork.errors import SettingError, UnknownBackboneError, WeightsError
from topwork.examples.decode import ImageInput

HUB_PREFIX = "timm/"
NOTHING = "nothing (random weights)"


def get_backbone(
    spec: str | Path | Backbone, *, input_size: int | None = None, resize: str | None = None
) -> Backbone:
    """Return the backbone of this name, its weights found and verified.

    Args:
        spec: `efficientnet-lite0`; `timm/<model>.<tag>` of the Hugging Face hub; a folder in the
            hub's layout (config.json, model.safetensors); or a Backbone, given back as it is.
            A name may carry options, `?pretrained=false&seed=1&size=160&resize=crop`.
        input_size: pixels on each side, instead of the published; the same as `?size=`.
        resize: `crop` (the middle square, the default), `squash` (the whole picture) or `pad`; as
            `?resize=`.

    Raises:
        UnknownBackboneError: nothing has this name; the message gives the nearest.
        WeightsError: the weights are missing, cannot be fetched, or are not the ones expected.
        SettingError: an option is not accepted.
    """
    if isinstance(spec, Backbone):
        changed = {"size": input_size, "resize": resize}
        if any(value not in (None, getattr(spec.input, key)) for key, value in changed.items()):
            raise SettingError(
                f"input_size={input_size!r}, resize={resize!r} cannot change the backbone "
                f"{spec.name!r}, which is made already. Give them where it is made."
            )
        return spec
    parsed = Spec(base=str(spec)) if isinstance(spec, Path) else parse_spec(spec)
    parsed = replace(
        parsed,
        size=parsed.size if input_size is None else input_size,
        resize=parsed.resize if resize is None else resize,
    )
    if not isinstance(spec, Path) and parsed.base in EMBEDDED:
        return _embedded(parsed, EMBEDDED[parsed.base])
    if not isinstance(spec, Path) and parsed.base.startswith(HUB_PREFIX):
        return _random(parsed) if not parsed.pretrained else _on_hub(parsed)
    folder = Path(parsed.base).expanduser()
    if folder.is_dir() or isinstance(spec, Path):
        return _in_folder(parsed, folder.resolve())
    raise UnknownBackboneError(
        f"No backbone is called {parsed.base!r}. Nearest: {nearest_names(parsed.base, CARDS)}. "
        "Accepted: these (`topwork backbones` lists them), any timm/<model>.<tag> of the Hugging "
        f"Face hub, or a folder with {CONFIG} and its weights."
    )


def _embedded(spec: Spec, entry: Embedded) -> Backbone:
    image = _image_input(
        spec,
        {
            "input_size": [3, entry.size, entry.size],
            "mean": list(entry.mean),
            "std": list(entry.std),
            "interpolation": entry.interpolation,
        },
    )
    if not spec.pretrained:
        return _random_of(spec, entry.architecture, image)
    path = find_embedded(entry)
    return Backbone(
        name=str(spec),
        modality="image",
        digest=_digest(image, weights=entry.sha256, architecture=entry.architecture),
        input=image,
        card=entry.card,
        architecture=entry.architecture,
        build=lambda: build_embedded(entry, path),
    )


def _on_hub(spec: Spec) -> Backbone:
    model = spec.base.removeprefix(HUB_PREFIX)
    repository = spec.base if "." in model else f"{HUB_PREFIX}{_default_tag(model)}"
    return _from_weights(
        replace(spec, base=repository), find_on_hub(repository), CARDS.get(repository)
    )


def _default_tag(model: str) -> str:
    described = describe(model)
    if not described.get("tag"):
        raise WeightsError(
            f"timm publishes no weights for {model!r}. Take another, or random weights: "
            f"'{HUB_PREFIX}{model}?pretrained=false'."
        )
    return f"{model}.{described['tag']}"


def _in_folder(spec: Spec, folder: Path) -> Backbone:
    if not spec.pretrained:
        raise SettingError(
            f"The folder {folder} cannot be had with random weights. Name its architecture: "
            f"'{HUB_PREFIX}<model>?pretrained=false'."
        )
    return _from_weights(replace(spec, base=str(folder)), find_in_folder(folder), None)


def _from_weights(spec: Spec, weights: WeightsFile, card: Card | None) -> Backbone:
    config = weights.config
    settings = config.get("pretrained_cfg", config)
    architecture = config.get("architecture", settings.get("architecture"))
    if not isinstance(architecture, str) or not isinstance(settings, dict):
        raise WeightsError(
            f"The configuration beside {weights.path} names no architecture. Topwork takes timm "
            "models; for another, give the module itself: topwork.from_module(...)."
        )
    image = _image_input(spec, settings, architecture)
    arguments = dict(config.get("model_args") or {})
    return Backbone(
        name=str(spec),
        modality="image",
        digest=_digest(
            image, weights=weights.digest, architecture=architecture, arguments=arguments
        ),
        input=image,
        card=card
        or Card(
            licence=str(settings.get("license") or "unknown"),
            pretrained_on=f"not said in its {CONFIG} (tag: {settings.get('tag') or 'none'})",
            num_pretraining_examples=None,
            source=weights.source,
        ),
        architecture=architecture,
        build=lambda: build_timm(
            architecture,
            name=str(spec),
            size=image.size,
            fixed_size=_fixed_size(settings),
            weights=weights.path,
            arguments=arguments,
        ),
    )


def _random(spec: Spec) -> Backbone:
    model = spec.base.removeprefix(HUB_PREFIX)
    architecture, _, _ = model.partition(".")
    settings = describe(model)
    return _random_of(
        spec, architecture, _image_input(spec, settings, architecture), _fixed_size(settings)
    )


def _random_of(
    spec: Spec, architecture: str, image: ImageInput, fixed_size: int | None = None
) -> Backbone:
    return Backbone(
        name=str(spec),
        modality="image",
        digest=_digest(
            image, architecture=architecture, seed=spec.seed, versions=package_versions()
        ),
        input=image,
        card=Card(
            licence="none (no trained weights)",
            pretrained_on=NOTHING,
            num_pretraining_examples=0,
            source=f"timm's {architecture}, initialised with seed {spec.seed}",
        ),
        architecture=architecture,
        build=lambda: build_timm(
            architecture,
            name=str(spec),
            size=image.size,
            fixed_size=fixed_size,
            seed=spec.seed,
        ),
    )


def _digest(image: ImageInput, **parts: Any) -> str:
    return digest_settings({"rules": RULES_VERSION, "input": image.settings(), **parts})


def _image_input(spec: Spec, settings: Mapping[str, Any], architecture: str = "") -> ImageInput:
    """Read timm's preprocessing settings, all but the share of the picture that it crops to.

    What is cut off of a tall or wide picture is no more than makes it square: on 1,192 photos of
    clothes (3:4) cross-validated accuracy is 0.893 so, 0.882 squashed, and 0.88 padded.
    """
    published = settings.get("input_size") or [3, 224, 224]
    usual = next((size for part, size in SIZES.items() if part in architecture), published[-1])
    values: dict[str, Any] = {
        "size": usual if spec.size is None else spec.size,
        "resize": spec.resize or "crop",
        "interpolation": _interpolation(settings.get("interpolation")),
        "mean": [float(v) for v in settings.get("mean") or (0.485, 0.456, 0.406)],
        "std": [float(v) for v in settings.get("std") or (0.229, 0.224, 0.225)],
    }
    return ImageInput.from_settings(values)


def _interpolation(name: object) -> str:
    return str(name) if name in ("bicubic", "bilinear", "lanczos") else "bicubic"


def _fixed_size(settings: Mapping[str, Any]) -> int | None:
    """The one size that the network is made for, or None where any will do."""
    return int(settings["input_size"][-1]) if settings.get("fixed_input_size") else None
