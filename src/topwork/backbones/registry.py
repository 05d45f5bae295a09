"""Backbones by name.

An embedded one; a model of timm; a repository of the Hugging Face hub or a folder in its layout,
whose config.json says what it is; a folder that Topwork wrote, or an installed package with one;
any of them with random weights; several of them side by side;
Topwork's own small architectures. Naming a backbone loads no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from topwork.backbones.base import Backbone
from topwork.backbones.catalog import CARDS, EMBEDDED
from topwork.backbones.embedded import find_embedded
from topwork.backbones.hub_models import Row
from topwork.backbones.installed import find_installed, installed_names
from topwork.backbones.joined import MOST, join_backbones, split_names
from topwork.backbones.repository import CONFIG, Repository
from topwork.backbones.saved.folder import is_own, read_backbone
from topwork.backbones.small import PREFIX
from topwork.backbones.small_backbone import small_from
from topwork.backbones.spec import Spec, nearest_names, parse_spec
from topwork.backbones.timm.image import HUB_PREFIX, embedded_image, timm_by_name, timm_from
from topwork.backbones.transformers.sentence import MODULES
from topwork.backbones.transformers.sound import embedded_sound, sound_from
from topwork.backbones.transformers.sound_network import SOUND_TYPES
from topwork.backbones.transformers.text import embedded_text, text_from
from topwork.core.extras import is_installed
from topwork.errors import (
    BackboneError,
    SettingError,
    TopworkError,
    UnknownBackboneError,
    WeightsError,
)

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

IMAGE_PARTS = ("vision_config", "image_size", "patch_size", "num_channels", "backbone_config")
"""What only the configurations of networks for images have (and the sounds' AST and CLAP)."""


def get_backbone(
    spec: str | Path | Backbone, *, input_size: int | None = None, resize: str | None = None
) -> Backbone:
    """Return the backbone of this name, its weights found and verified.

    Args:
        spec: an embedded one, `efficientnet-lite0`, `speech-embedding` or `minilm-l6`;
            `timm/<model>.<tag>` or any other `organisation/model` of the Hugging Face hub; a
            folder in the hub's layout (config.json, model.safetensors), or one that `topwork
            pretrain` wrote; one of Topwork's own architectures, of random weights,
            `topwork/conv1d?pretrained=false&shape=3x128`; or a Backbone, given back as it is. A
            name may carry options, `?pretrained=false&seed=1&precision=f32`, for images
            also `size=160&resize=crop`, for texts `max_tokens=128&prompt=query: `. Several with a
            plus between them, `efficientnet-lite0+efficientnet-lite2`, are one backbone of all
            their blocks, for a head to choose from.
        input_size: pixels on each side, instead of the published; the same as `?size=`.
        resize: `crop` (the middle square, the default), `squash` (the whole picture) or `pad`; as
            `?resize=`.

    Raises:
        UnknownBackboneError: nothing has this name; the message gives the nearest.
        WeightsError: the weights are missing, cannot be fetched, or are not the ones expected.
        BackboneError: it is not of a kind that can be used.
        SettingError: an option is not accepted.

    >>> import topwork
    >>> topwork.get_backbone("efficientnet-lite0?size=160").input.size
    160
    """
    if isinstance(spec, Backbone):
        changed = {"size": input_size, "resize": resize}
        if any(
            value not in (None, getattr(spec.input, key, None)) for key, value in changed.items()
        ):
            raise SettingError(
                f"input_size={input_size!r}, resize={resize!r} cannot change the backbone "
                f"{spec.name!r}, which is made already. Give them where it is made."
            )
        return spec
    if isinstance(spec, str) and not Path(spec).expanduser().is_dir():
        names = split_names(spec)
        if len(names) > 1:
            return join_backbones(
                [get_backbone(name, input_size=input_size, resize=resize) for name in names]
            )
    parsed = Spec(base=str(spec)) if isinstance(spec, Path) else parse_spec(spec)
    parsed = replace(
        parsed,
        size=parsed.size if input_size is None else input_size,
        resize=parsed.resize if resize is None else resize,
    )
    base = "" if isinstance(spec, Path) else parsed.base
    if base in EMBEDDED:
        return _embedded(parsed)
    if base.startswith(HUB_PREFIX):
        parsed.check_options("image")
        with _folder_errors(base):
            return timm_by_name(parsed)
    if base.startswith(PREFIX):
        return small_from(parsed)
    installed = find_installed(base) if base else None
    if installed is not None:
        return _from(parsed, installed)
    folder = Path(parsed.base).expanduser()
    if folder.is_dir() or isinstance(spec, Path):
        folder = folder.resolve()
        return _from(replace(parsed, base=str(folder)), Repository(name=str(folder), folder=folder))
    if HUB_NAME.fullmatch(base):
        return _from(parsed, Repository(name=base))
    known = (*installed_names(), *CARDS)
    raise UnknownBackboneError(
        f"No backbone is called {parsed.base!r}. Nearest: {nearest_names(parsed.base, known)}. "
        "Accepted: these (`topwork backbones` lists them), any timm/<model>.<tag> or other "
        f"<organisation>/<model> of the Hugging Face hub, or a folder with {CONFIG} and its "
        "weights."
    )


def installed_rows() -> list[Row]:
    """Return a line of `topwork backbones` for each that an installed package names."""
    rows = []
    for name in installed_names():
        with suppress(TopworkError):  # a damaged one is named where it is asked for
            one = get_backbone(name)
            rows.append(Row(name=name, modality=one.modality, card=one.card, note="installed"))
    return rows


def installed_beside(backbone: Backbone) -> list[Backbone]:
    """Return what else is installed for this kind of input and comes without being asked for.

    That is what a package of its own carries, and not what the backbone comes with.
    """
    packages = {
        name: entry.packages[0].name
        for name, entry in EMBEDDED.items()
        if entry.modality == backbone.modality
    }
    names = [name for name, package in packages.items() if is_installed(package)]
    found = []
    for name in (*names, *installed_names()):
        with suppress(TopworkError):  # a damaged one is named where it is asked for
            one = get_backbone(name)
            if one.modality == backbone.modality and one.digest != backbone.digest:
                found.append(one)
    return found[: MOST - 1]


def _embedded(spec: Spec) -> Backbone:
    entry = EMBEDDED[spec.base]
    spec.check_options(entry.modality)
    if entry.modality == "image":
        return embedded_image(spec, entry, find_embedded(entry) if spec.pretrained else {})
    if entry.modality == "sound":
        return embedded_sound(spec, entry, find_embedded(entry) if spec.pretrained else {})
    return embedded_text(spec, entry, find_embedded(entry))  # its tokenizer is no weights


@contextmanager
def _folder_errors(name: str) -> Iterator[None]:
    """Raise WeightsError where a published file holds a value of another form."""
    try:
        yield
    except TopworkError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The files of the backbone {name!r} hold a value that cannot be read "
            f"({type(error).__name__}: {error}). Fetch its {CONFIG} and the files beside it again."
        ) from error


def _from(spec: Spec, repository: Repository) -> Backbone:
    """Return what a folder or repository holds, by what its config.json says."""
    with _folder_errors(repository.name):
        return _by_config(spec, repository)


def _by_config(spec: Spec, repository: Repository) -> Backbone:
    if repository.json(MODULES) is not None:
        spec.check_options("text")
        return text_from(spec, repository)
    config = repository.config()
    if is_own(config):
        return read_backbone(spec, repository, config)
    if "architecture" in config or "pretrained_cfg" in config:
        spec.check_options("image")
        return timm_from(spec, repository, config)
    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise WeightsError(
            f"The {CONFIG} of {repository.name!r} names neither an architecture (timm) nor a "
            "model_type (transformers). For another network, give the module itself: "
            "topwork.from_module(...)."
        )
    if kind in SOUND_TYPES:
        spec.check_options("sound")
        return sound_from(spec, repository, config)
    if any(key in config for key in IMAGE_PARTS) and "vocab_size" not in config:
        raise BackboneError(
            f"The backbone {repository.name!r} is a {kind!r} of transformers, for images; Topwork "
            "takes networks for images from timm. Give its timm name, such as "
            "'timm/vit_small_patch16_224.augreg_in21k'."
        )
    spec.check_options("text")
    return text_from(spec, repository)
