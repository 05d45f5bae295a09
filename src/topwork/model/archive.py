"""A model as a folder: no pickle, everything checked, nothing half written.

    model.json            names of the classes, scores, provenance, digests of the other files
    head.safetensors      the head's numbers
    foreign.safetensors   what tells inputs of no class
    answers.safetensors   what was said of each example by models that had not seen it
    recipe.toml           the settings that make it again
    compiled/             the backbone with its pools, ready to run on any CPU, without torch
    backbone.safetensors  the backbone's weights, for a GPU or further training
    tokenizer.json        of a model of texts: what cuts them into the backbone's tokens
    README.md             the model card: for people, and for the Hugging Face hub

What it does not know: what a model does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topwork.backbones.saved.rebuild import card_from, describe_backbone
from topwork.backbones.saved.restore import restore_backbone
from topwork.core import files
from topwork.core.digests import digest_file, digest_settings
from topwork.errors import ModelError, SettingError
from topwork.evaluation.metrics import Evaluation
from topwork.evaluation.ood_scores import ForeignScores
from topwork.examples.example import Skipped
from topwork.examples.texts.preprocessing import TOKENIZER, TextInput
from topwork.examples.windows import input_from
from topwork.executors.base import Executor
from topwork.executors.choose import on_cpu, open_executor
from topwork.heads.ood import Detector
from topwork.heads.restore import restore_head
from topwork.model.card import model_card
from topwork.model.predictions_file import read_answers, write_answers
from topwork.recipe import Recipe
from topwork.training.selection import Choice
from topwork.training.strategy import parse_way

if TYPE_CHECKING:
    from topwork.model.model import Model

FORMAT = 2
DESCRIPTION, HEAD, RECIPE = "model.json", "head.safetensors", "recipe.toml"
COMPILED, WEIGHTS = "compiled", "backbone.safetensors"
ANSWERS, FOREIGN = "answers.safetensors", "foreign.safetensors"
CARD, REPORT, PROBLEMS = "README.md", "report.html", "report-problems.csv"
OURS = {DESCRIPTION, HEAD, RECIPE, COMPILED, WEIGHTS, TOKENIZER, ANSWERS, FOREIGN, CARD, REPORT}
OURS |= {PROBLEMS}

TRAIN_AGAIN = "Copy the whole folder again from where it was made, or train the model again"


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Raise ModelError where a model cannot be put, or only at the cost of something else."""
    if folder.is_file():
        raise ModelError(f"{str(folder)!r} is a file. Give the name of a folder to save into.")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not there:
        return
    if not _is_ours(folder):
        raise ModelError(
            f"The folder {str(folder)!r} is not empty, and holds no Topwork model. Nothing in it "
            "was touched. Give another folder."
        )
    foreign = sorted(there - OURS - {".DS_Store"})
    if foreign:
        raise ModelError(
            f"The folder {str(folder)!r} holds a model, and {', '.join(foreign[:5])} that Topwork "
            "did not write. Nothing in it was touched. Move these, or give another folder."
        )
    if not overwrite:
        raise ModelError(
            f"The folder {str(folder)!r} holds a model already. Give another folder, or say "
            "--overwrite (overwrite=True) to put the new model in its place."
        )


def save(model: Model, folder: Path, *, overwrite: bool = False, weights: bool = True) -> Path:
    """Write a model into a folder, whole or not at all, and return the folder.

    Args:
        overwrite: put it in the place of a model that is there (of nothing else).
        weights: with the backbone, so that it works anywhere, offline; without it the folder is
            small, and the backbone is found by its name, and its digest checked, at loading.

    Raises:
        ModelError: the folder is not empty.
        StoreError: the disk is full, or the place cannot be written to.
    """
    from safetensors.numpy import save_file

    check_place(folder, overwrite=overwrite)
    if not weights and parse_way(model.choice.way).is_tuned:
        raise SettingError(
            f"The model was to be saved without its weights, and it is of --train "
            f"{model.choice.way}: its weights are nowhere else. Save it with them."
        )
    with (
        files.disk_errors(f"Saving the model to {str(folder)!r}"),
        files.replacing_folder(folder.absolute()) as new,
    ):
        save_file(_contiguous(model.head.tensors()), new / HEAD)
        if model.detector is not None:
            save_file(_contiguous(model.detector.tensors()), new / FOREIGN)
        write_answers(new / ANSWERS, {"left_out": model.left_out, "tested": model.tested})
        (new / RECIPE).write_text(model.recipe.to_toml(), encoding="utf-8")
        spec = model.backbone.input
        if isinstance(spec, TextInput):
            shutil.copyfile(spec.tokenizer, new / TOKENIZER)
        if weights:
            _copy_backbone(model, new)
        description = {"format": FORMAT, "made_by": "topwork", **summary(model)}
        description["files"] = {
            path.relative_to(new).as_posix(): digest_file(path)
            for path in sorted(new.rglob("*"))
            if path.is_file()
        }
        description["digest"] = digest_settings(description)
        text = json.dumps(description, indent=1, ensure_ascii=False)
        (new / DESCRIPTION).write_text(text, encoding="utf-8")
        # Without a digest: people add to a card, and the model is the same.
        (new / CARD).write_text(model_card(model), encoding="utf-8")
    return folder


def load(folder: str | Path, *, device: str = "auto") -> Model:
    """Read a model back. Loads no torch where a compiled form is there and the device is a CPU.

    Raises:
        ModelError: it is missing, truncated, edited, of another program or a later version.
        BackboneError: it was saved without its backbone, and that cannot be found here.
    """
    from topwork.model.model import Model
    from topwork.model.predictions import DataCounts

    folder = Path(folder)
    description = _read_description(folder)
    try:
        _check_files(folder, dict(description["files"]))
        head = restore_head(description["head"], _read_tensors(folder / HEAD))
        foreign = description.get("foreign")  # models of before it was kept have none
        detector = foreign_scores = None
        if foreign is not None:
            detector = Detector.restore(foreign["detector"], _read_tensors(folder / FOREIGN), head)
            if foreign["scores"] is not None:
                foreign_scores = ForeignScores.from_dict(foreign["scores"])
        answers = {}
        if ANSWERS in description["files"]:  # models of before it was kept have none
            answers = read_answers(folder / ANSWERS)
        record = description["backbone"]
        backbone = restore_backbone(
            name=record["name"],
            digest=record["digest"],
            input=input_from(record["input"], folder),
            precision=record["precision"],
            card=card_from(record["card"]),
            architecture=record["architecture"],
            weights=folder / WEIGHTS if WEIGHTS in description["files"] else None,
            weights_digest=description["files"].get(WEIGHTS),
        )
        data = description["data"]
        scores = description["evaluation"], description["test"]
        evaluation, test = (None if s is None else Evaluation.from_dict(s) for s in scores)
        pools = tuple(description["pools"])
        compiled = folder / COMPILED if f"{COMPILED}/layout.json" in description["files"] else None
        return Model(
            head=head,
            classes=description["classes"],
            backbone=backbone,
            pools=pools,
            evaluation=evaluation,
            test=test,
            data=DataCounts(
                per_class=data["per_class"],
                num_test=data["num_test"],
                num_duplicates=data["num_duplicates"],
                skipped=tuple(Skipped(name=n, reason=r) for n, r in data["skipped"]),
                ignored=data["ignored"],
                typical_seconds=data["typical_seconds"],
            ),
            recipe=Recipe.from_dict(description["recipe"]),
            notes=description["notes"],
            choice=Choice.from_dict(description["choice"]) if "choice" in description else None,
            left_out=answers.get("left_out"),
            tested=answers.get("tested"),
            detector=detector,
            foreign=foreign_scores,
            open_executor=lambda: _open(backbone, pools, compiled, device),
            device=device,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The model in {str(folder)!r} cannot be read: {type(error).__name__}: {error}. "
            f"{TRAIN_AGAIN}."
        ) from error


def _open(backbone: Any, pools: tuple[str, ...], compiled: Path | None, device: str) -> Executor:
    if compiled is not None and on_cpu(device):
        from topwork.executors.openvino import OpenVINOExecutor

        return OpenVINOExecutor(compiled)
    return open_executor(backbone, pools=pools, device=device)


def _contiguous(tensors: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    # safetensors writes the memory as it lies
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _copy_backbone(model: Model, folder: Path) -> None:
    from topwork.executors.openvino import WEIGHTS as COMPILED_WEIGHTS
    from topwork.executors.openvino import ConversionError, ensure_compiled

    try:
        compiled = ensure_compiled(model.backbone, model.pools)
    except ConversionError:
        compiled = None
    if compiled is not None:
        shutil.copytree(compiled, folder / COMPILED)
        (folder / COMPILED / COMPILED_WEIGHTS).rename(folder / WEIGHTS)
        return
    from safetensors.torch import save_file

    save_file(model.backbone.build().module.state_dict(), folder / WEIGHTS)


def summary(model: Model) -> dict[str, Any]:
    """Return what a model is and how good it is, as plain data: what `model.json` begins with."""
    scores = [model.evaluation, model.test]
    evaluation, test = (None if s is None else s.to_dict() for s in scores)
    data, detector, foreign = model.data, model.detector, None
    if detector is not None:
        measured = None if model.foreign is None else model.foreign.to_dict()
        foreign = {"detector": detector.settings(), "scores": measured}
    return {
        "versions": {name: version(name) for name in ("topwork", "openvino", "numpy")},
        "classes": list(model.classes),
        "backbone": describe_backbone(model.backbone),
        "pools": list(model.pools),
        "head": model.head.settings(),
        "evaluation": evaluation,
        "test": test,
        "foreign": foreign,
        "data": {
            "per_class": data.per_class,
            "num_test": data.num_test,
            "num_duplicates": data.num_duplicates,
            "skipped": [[one.name, one.reason] for one in data.skipped],
            "ignored": data.ignored,
            "typical_seconds": data.typical_seconds,
        },
        "notes": list(model.notes),
        "choice": model.choice.to_dict(),
        "recipe": model.recipe.to_dict(),
    }


def _is_ours(folder: Path) -> bool:
    """Whether Topwork wrote what lies there, even if it was damaged since."""
    if not (folder / DESCRIPTION).is_file():
        return False
    with suppress(OSError, ValueError):
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return isinstance(description, dict) and description.get("made_by") == "topwork"
    return (folder / HEAD).is_file() and (folder / RECIPE).is_file()


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        what = "no such folder" if not folder.exists() else f"it has no {DESCRIPTION}"
        raise ModelError(
            f"There is no Topwork model in {str(folder)!r}: {what}. Give the folder that "
            "`topwork train DATA --out FOLDER` wrote."
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(path)!r} is damaged: {error}. {TRAIN_AGAIN}.") from error
    if not isinstance(description, dict) or description.get("made_by") != "topwork":
        raise ModelError(f"{str(path)!r} was not written by Topwork. Give the folder of a model.")
    if description.get("format") != FORMAT:
        raise ModelError(
            f"The model in {str(folder)!r} is of format {description.get('format')!r}; this "
            f"version of Topwork reads {FORMAT}. Upgrade Topwork, or train the model again."
        )
    claimed = description.pop("digest", None)
    if claimed != digest_settings(description):
        raise ModelError(
            f"{str(path)!r} was changed after it was written: its digest does not fit. "
            f"{TRAIN_AGAIN}."
        )
    return description


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"The model in {str(folder)!r} lacks its {name}. {TRAIN_AGAIN}.")
        if name == WEIGHTS:
            continue  # checked when used: a CPU needs the compiled form alone
        if digest_file(path) != digest:
            raise ModelError(
                f"{str(path)!r} is damaged or was changed: its digest is not the one in "
                f"{DESCRIPTION}. {TRAIN_AGAIN}."
            )


def _read_tensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(
            f"{str(path)!r} is not a safetensors file: {error}. {TRAIN_AGAIN}."
        ) from error
