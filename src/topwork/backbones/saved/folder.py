"""Folders of backbones that Topwork trained.

    config.json        what it is, what it was pre-trained on, digests of the other files
    model.safetensors  the weights
    tokenizer.json     of a backbone for texts
    README.md          the same for people; may be edited, nothing reads it

Its name is the folder.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.backbones.architecture import build_bare
from topwork.backbones.base import Backbone, Card, Network, Precision
from topwork.backbones.graphs.find import Arrays, find_graph
from topwork.backbones.random import random_by_name
from topwork.backbones.repository import CONFIG, Repository
from topwork.backbones.saved.card import model_card
from topwork.backbones.saved.rebuild import card_from, check_weights, describe_backbone, rebuild
from topwork.backbones.spec import Spec
from topwork.backbones.timm.build import build_timm
from topwork.backbones.timm.families import backbone_digest
from topwork.backbones.weights import Weights, load_arrays
from topwork.core import files
from topwork.core.digests import digest_file, digest_settings
from topwork.core.plain import from_plain
from topwork.errors import BackboneError, SettingError, WeightsError
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.texts.preprocessing import TOKENIZER, TextInput
from topwork.examples.windows import Input, input_from

if TYPE_CHECKING:
    import torch

FORMAT = 1
WEIGHTS, README = "model.safetensors", "README.md"
MADE_BY = "topwork"
LIBRARIES = ("timm", "transformers", MADE_BY)
COPY_AGAIN = "Copy the whole folder again from where it was made, or pre-train it again"


def is_own(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is one that Topwork wrote."""
    return config.get("made_by") == MADE_BY


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Raise BackboneError where a backbone cannot be put, or only at the cost of something else.

    Raises StoreError where nothing can be written.
    """
    if folder.is_file():
        raise BackboneError(f"{str(folder)!r} is a file. Give the name of a folder to write into.")
    files.check_writable(folder)
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not there:
        return
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or damaged: perhaps not ours
        config = None
    if not isinstance(config, dict) or not is_own(config):
        raise BackboneError(
            f"The folder {str(folder)!r} is not empty, and holds no backbone that Topwork wrote. "
            "Nothing in it was touched. Give another folder."
        )
    foreign = sorted(there - {CONFIG, WEIGHTS, TOKENIZER, README, ".DS_Store"})
    if foreign:
        raise BackboneError(
            f"The folder {str(folder)!r} holds a backbone, and {', '.join(foreign[:5])} that "
            "Topwork did not write. Nothing in it was touched. Move these, or give another folder."
        )
    if not overwrite:
        raise BackboneError(
            f"The folder {str(folder)!r} holds a backbone already. Give another folder, or say "
            "--overwrite (overwrite=True) to put the new one in its place."
        )


def write_backbone(
    folder: Path,
    backbone: Backbone,
    state: Mapping[str, torch.Tensor],
    *,
    card: Card,
    name: str | None = None,
    report: Mapping[str, Any],
    overwrite: bool = False,
) -> Backbone:
    """Write a backbone with new weights into a folder, whole or not at all, and return it.

    Args:
        backbone: what was trained; its architecture and input are kept.
        state: `state_dict()` of the module that its `build` makes, after training.
        card: the data of task A, how many examples of it, the weights' licence.
        name: a title for people; None for the folder's name. What finds it is the folder.
        report: plain data for people, in the order to show it: `data`, counts, `epochs`, `seconds`,
            and `score`, `{"value": 0.9, "low": 0.88, "high": 0.92}` and perhaps a `name`.
        overwrite: put it in the place of a backbone that Topwork wrote there (of nothing else).

    Raises:
        BackboneError: the folder is taken, or the backbone is a module of the user's own.
        WeightsError: the state is not that of this backbone.
        SettingError: the report is no plain data.
        StoreError: the disk is full, or the place cannot be written to.
    """
    from safetensors.torch import save_file

    check_place(folder, overwrite=overwrite)
    plain = _check_plain(report)
    architecture = _check_state(backbone, state)
    with (
        files.disk_errors(f"Writing the backbone to {str(folder)!r}"),
        files.replacing_folder(folder.absolute()) as new,
    ):
        # cloned: tied weights share memory, which a file of tensors cannot say
        tensors = {k: t.detach().cpu().clone().contiguous() for k, t in state.items()}
        save_file(tensors, new / WEIGHTS, metadata={"format": "pt"})
        if isinstance(backbone.input, TextInput):
            shutil.copyfile(backbone.input.tokenizer, new / TOKENIZER)
        written = {path.name: digest_file(path) for path in sorted(new.iterdir())}
        made = replace(
            backbone,
            name=name or folder.absolute().name,
            digest=backbone_digest(
                backbone.input, architecture=dict(architecture), weights=written[WEIGHTS]
            ),
            card=card,
        )
        config: dict[str, Any] = {
            "made_by": MADE_BY,
            "format": FORMAT,
            "backbone": describe_backbone(made),
            "report": plain,
            "files": written,
        }
        config["digest"] = digest_settings(config)
        text = json.dumps(config, indent=1, ensure_ascii=False)
        (new / CONFIG).write_text(text, encoding="utf-8")
        (new / README).write_text(
            model_card(made, plain, f"./{folder.absolute().name}" if report else made.name),
            encoding="utf-8",
        )
    place = str(folder.resolve())
    return read_backbone(Spec(base=place), Repository(name=place, folder=Path(place)), config)


def _check_plain(report: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(report), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"The report of a backbone holds what JSON does not ({error}); accepted: words, finite "
            "numbers, true and false, and lists and mappings of these."
        ) from error
    return plain


def _check_state(backbone: Backbone, state: Mapping[str, torch.Tensor]) -> Mapping[str, Any]:
    """Return the architecture, where a network of it takes this state."""
    if backbone.architecture is None:
        raise BackboneError(
            f"The backbone {backbone.name!r} is a module of somebody's own, whose code a folder "
            "cannot hold. Save its state_dict() yourself, and load it where you make the module."
        )
    wanted = build_bare(backbone.architecture, backbone.input).module.state_dict()
    shapes = {key: list(tensor.shape) for key, tensor in wanted.items()}
    given = {key: list(tensor.shape) for key, tensor in state.items()}
    odd = sorted(k for k in shapes.keys() | given.keys() if shapes.get(k) != given.get(k))
    if odd:
        raise WeightsError(
            f"The state is not that of the backbone {backbone.name!r}: {odd[0]!r} has the shape "
            f"{given.get(odd[0], 'none')}, expected {shapes.get(odd[0], 'none')} ({len(odd)} "
            "differ). Give state_dict() of the module that its build() makes."
        )
    return backbone.architecture


@dataclass(frozen=True, kw_only=True)
class _FolderFacts:
    """What a folder says of its backbone, checked."""

    input: Input
    architecture: Mapping[str, Any]
    precision: Precision
    card: Card
    files: Mapping[str, str]


def read_backbone(spec: Spec, repository: Repository, config: Mapping[str, Any]) -> Backbone:
    """Return the backbone of a folder, or hub repository, that `write_backbone` wrote.

    Options: `size`, `resize` and `bits` of images, `precision`, and `pretrained=false` with `seed`:
    the same architecture with random weights, the control that shows what the pre-training was
    worth.

    Raises:
        WeightsError: a file is missing, damaged or edited, or of a later version.
        SettingError: an option is not accepted.
    """
    written = _read(repository, config)
    input = _changed(spec, written.input)
    architecture = written.architecture
    if not spec.pretrained:
        return random_by_name(spec, input, architecture, precision=written.precision)
    path, expected = _file(repository, WEIGHTS, written.files), written.files[WEIGHTS]

    def build() -> Network:
        as_trained = input == written.input or architecture["library"] != "timm"
        if as_trained or not isinstance(input, ImageInput):
            return rebuild(architecture, input, path, expected)
        check_weights(path, expected)  # for another size, timm adapts its position embeddings
        weights = Weights(paths=(path,), digest=expected)
        return build_timm(architecture, name=str(spec), size=input.size, weights=weights)

    def read() -> Arrays:
        check_weights(path, expected)
        return load_arrays(path)

    return Backbone(
        name=str(spec),
        digest=backbone_digest(input, architecture=dict(architecture), weights=expected),
        input=input,
        card=written.card,
        architecture=architecture,
        precision=spec.precision or written.precision,
        build=build,
        graph=find_graph(architecture, input, read),
    )


def _read(repository: Repository, config: Mapping[str, Any]) -> _FolderFacts:
    where = repr(repository.name)
    if config.get("format") != FORMAT:
        raise WeightsError(
            f"The backbone in {where} is of format {config.get('format')!r}; this version of "
            f"Topwork reads {FORMAT}. Upgrade Topwork, or pre-train it again."
        )
    described = {key: value for key, value in config.items() if key != "digest"}
    try:
        digest = digest_settings(described)
    except (ValueError, RecursionError):  # numbers that are none: not written here
        digest = None
    if digest is None or config.get("digest") != digest:
        raise WeightsError(
            f"The {CONFIG} of the backbone in {where} was changed after it was written: its digest "
            f"does not fit. {COPY_AGAIN}."
        )
    try:
        record, listed = config["backbone"], from_plain(dict[str, str], config["files"])
        folder = None
        if TOKENIZER in listed:
            folder = _file(repository, TOKENIZER, listed).parent
        library = record["architecture"]["library"]
        if library not in LIBRARIES or WEIGHTS not in listed:
            raise WeightsError(
                f"The backbone in {where} is of the library {library!r}, with the files "
                f"{sorted(listed)}; accepted: {', '.join(LIBRARIES)}, with {WEIGHTS}. {COPY_AGAIN}."
            )
        return _FolderFacts(
            input=input_from(record["input"], folder),
            architecture=record["architecture"],
            precision=record["precision"],
            card=card_from(record["card"]),
            files=listed,
        )
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The backbone in {where} cannot be read: {type(error).__name__}: {error}. "
            f"{COPY_AGAIN}."
        ) from error


def _file(repository: Repository, name: str, listed: Mapping[str, str]) -> Path:
    """Return a file of the folder, the one that was written."""
    path = repository.find(name)
    if path is None:
        raise WeightsError(f"The backbone in {repository.name!r} lacks its {name}. {COPY_AGAIN}.")
    if digest_file(path) != listed[name]:
        raise WeightsError(
            f"{str(path)!r} is damaged or was changed: its digest is not the one in {CONFIG}. "
            f"{COPY_AGAIN}."
        )
    return path


def _changed(spec: Spec, input: Input) -> Input:
    """Return the input with the options that can be changed after the training."""
    spec.check_options(input.modality)
    given = {key: getattr(spec, key) for key in ("stem", "max_tokens", "prompt", "shape")}
    fixed = [key for key, value in given.items() if value is not None]
    if fixed:
        raise SettingError(
            f"The backbone {spec.base!r} was pre-trained with its own {fixed[0]}, which cannot be "
            "changed after. Remove the option, or pre-train another."
        )
    if isinstance(input, ImageInput):
        chosen = {"size": spec.size, "resize": spec.resize, "bits": spec.bits}
        given = {key: value for key, value in chosen.items() if value is not None}
        return ImageInput.from_settings({**input.settings(), **given})
    return input
