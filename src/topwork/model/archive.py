"""Model folders: no pickle, everything checked.

model.json            names of the classes, scores, provenance, digests of the other files
head.safetensors      the head's numbers
foreign.safetensors   what tells inputs of no class
answers.safetensors   what was said of each example by models that had not seen it
recipe.toml           the settings that make it again
compiled/             the backbone with its pools, ready to run on any CPU, without torch
backbone.safetensors  the backbone's weights, for a GPU or further training
tokenizer.json        of a model of texts: what cuts them into the backbone's tokens
README.md             the model card: for people, and for the Hugging Face hub

Of several networks under one head, the folders network-1, network-2, ... have each one's compiled,
backbone.safetensors and tokenizer.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from topwork.backbones.saved.rebuild import describe_backbone
from topwork.core import files
from topwork.core.digests import digest_file
from topwork.core.plain import from_plain, to_plain
from topwork.errors import BackboneError, ModelError, SettingError
from topwork.evaluation.binary import DecisionRule
from topwork.evaluation.metrics import Evaluation
from topwork.evaluation.ood_scores import OODScores
from topwork.examples.texts.preprocessing import TOKENIZER
from topwork.heads.ood import Detector
from topwork.heads.restore import restore_head
from topwork.model.card import model_card
from topwork.model.description import (
    COMPILED,
    DESCRIPTION,
    FORMAT,
    HEAD,
    RECIPE,
    TRAIN_AGAIN,
    WEIGHTS,
    check_files,
    is_ours,
    read_description,
    sealed,
)
from topwork.model.networks import FOLDERS, read_networks, required_by_networks, write_networks
from topwork.model.parts import DataCounts, ModelParts
from topwork.model.predictions import Predictions
from topwork.model.predictions_file import read_predictions, write_predictions
from topwork.recipe import Recipe
from topwork.training.selection import Selection
from topwork.training.strategy import parse_strategy

DECISION = "decision"
PREDICTIONS, OOD = "answers.safetensors", "foreign.safetensors"
CARD, REPORT, PROBLEMS = "README.md", "report.html", "report-problems.csv"
OURS = {DESCRIPTION, HEAD, RECIPE, COMPILED, WEIGHTS, TOKENIZER, PREDICTIONS, OOD, CARD, REPORT}
OURS |= {PROBLEMS, *FOLDERS}

UNREADABLE = (
    ArithmeticError, AttributeError, BackboneError, LookupError, OSError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
"""What reading a description raises that was forged, digest and all."""


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Raise ModelError where a model cannot be put, or only at the cost of something else.

    Raises StoreError where nothing can be written.
    """
    if folder.is_file():
        raise ModelError(f"{str(folder)!r} is a file. Give the name of a folder to save into.")
    files.check_writable(folder)
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not there:
        return
    if not is_ours(folder):
        raise ModelError(
            f"The folder {str(folder)!r} is not empty, and holds no Topwork model. Nothing in it "
            "was touched. Give another folder."
        )
    others = sorted(there - OURS - {".DS_Store"})
    if others:
        raise ModelError(
            f"The folder {str(folder)!r} holds a model, and {', '.join(others[:5])} that Topwork "
            "did not write. Nothing in it was touched. Move these, or give another folder."
        )
    if not overwrite:
        raise ModelError(
            f"The folder {str(folder)!r} holds a model already. Give another folder, or say "
            "--overwrite (overwrite=True) to put the new model in its place."
        )


def write_model(
    parts: ModelParts, folder: Path, *, overwrite: bool = False, weights: bool = True
) -> Path:
    """Write a model into a folder, whole or not at all, and return the folder.

    Args:
        overwrite: put it in the place of a model that is there (of nothing else).
        weights: with the backbone; without it, it is found by its name at loading.

    Raises:
        ModelError: the folder is not empty.
        StoreError: the disk is full, or the place cannot be written to.
    """
    check_place(folder, overwrite=overwrite)
    if not weights and parse_strategy(parts.selection.strategy).trains_blocks:
        raise SettingError(
            f"The model was to be saved without its weights, and it is of --train "
            f"{parts.selection.strategy}: its weights are nowhere else. Save it with them."
        )
    with (
        files.disk_errors(f"Saving the model to {str(folder)!r}"),
        files.replacing_folder(folder.absolute()) as new,
    ):
        save_file(_contiguous(parts.head.tensors()), new / HEAD)
        if parts.detector is not None:
            save_file(_contiguous(parts.detector.tensors()), new / OOD)
        write_predictions(
            new / PREDICTIONS,
            {"left_out": parts.oof_predictions, "tested": parts.test_predictions},
            parts.trained_on,
        )
        recipe = parts.recipe.moved(Path.cwd(), folder.absolute())  # so that it works from anywhere
        (new / RECIPE).write_text(recipe.to_toml(), encoding="utf-8")
        write_networks(parts.backbone, parts.pools, new, weights=weights)
        description = {"format": FORMAT, "made_by": "topwork", **summary(parts)}
        description["recipe"] = recipe.to_dict()
        description["files"] = {
            path.relative_to(new).as_posix(): digest_file(path)
            for path in sorted(new.rglob("*"))
            if path.is_file()
        }
        (new / DESCRIPTION).write_bytes(sealed(description))
        # Without a digest: people add to a card, and the model is the same.
        (new / CARD).write_text(model_card(parts), encoding="utf-8")
    return folder


def read_model(folder: Path) -> ModelParts:
    """Undo `write_model`. Loads no torch.

    Raises:
        ModelError: it is missing, truncated, edited, of another program or a later version.
    """
    description = read_description(folder)
    try:
        there = from_plain(dict[str, str], description["files"])
        check_files(folder, there, _required(description, there))
        return _parts(folder, description)
    except UNREADABLE as error:
        raise ModelError(
            f"The model in {str(folder)!r} cannot be read: {type(error).__name__}: {error}. "
            f"{TRAIN_AGAIN}."
        ) from error


def _required(description: Mapping[str, Any], there: Mapping[str, str]) -> set[str]:
    """Return the files that a model of this description cannot do without."""
    required = {HEAD, RECIPE, *required_by_networks(description, there)}
    if description.get("foreign") is not None:
        required.add(OOD)
    return required


def _classes(names: Any, num_classes: int) -> tuple[str, ...]:
    """Return the names of the classes. Raises TypeError or ValueError where they are none."""
    classes = from_plain(tuple[str, ...], names)
    if len(classes) != num_classes or len(set(classes)) != num_classes:
        raise ValueError(f"{len(set(classes))} names of classes, for a head of {num_classes}")
    return classes


def _decision(data: Any, classes: tuple[str, ...]) -> DecisionRule | None:
    """Return which of two classes is looked for. Raises TypeError or ValueError where none is."""
    found: DecisionRule | None = from_plain(cast(Any, DecisionRule | None), data)
    if found is not None:
        threshold = found.threshold
        if len(classes) != 2 or found.positive not in classes:
            raise ValueError(f"a decision on {found.positive!r}, of {len(classes)} classes")
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"a threshold of {threshold}, which is no probability between 0 and 1")
    return found


def _parts(folder: Path, description: Mapping[str, Any]) -> ModelParts:
    """Return what the folder holds; what models of before some part was kept lack, is None."""
    there = description["files"]
    head = restore_head(description["head"], _read_tensors(folder / HEAD))
    detector, ood, saved = None, None, description.get("foreign")
    if saved is not None:
        detector = Detector.restore(saved["detector"], _read_tensors(folder / OOD), head)
        ood = from_plain(cast(Any, OODScores | None), saved["scores"])
    predictions: dict[str, Predictions] = {}
    trained_on: tuple[str, ...] = ()
    if PREDICTIONS in there:
        predictions, trained_on = read_predictions(folder / PREDICTIONS)
    oof_predictions = predictions.get("left_out")
    if oof_predictions is not None and not trained_on:  # of before these were kept
        trained_on = oof_predictions.digests
    skipped = [
        dict(zip(("name", "reason"), one, strict=True)) for one in description["data"]["skipped"]
    ]
    pools = from_plain(tuple[str, ...], description["pools"])
    classes = _classes(description["classes"], head.num_classes)
    return ModelParts(
        head=head,
        classes=classes,
        decision=_decision(description.get(DECISION), classes),
        backbone=read_networks(folder, description, pools),
        pools=pools,
        evaluation=from_plain(cast(Any, Evaluation | None), description["evaluation"]),
        test=from_plain(cast(Any, Evaluation | None), description["test"]),
        data=from_plain(DataCounts, {**description["data"], "skipped": skipped}),
        recipe=Recipe.from_dict(description["recipe"]).moved(folder.absolute(), Path.cwd()),
        notes=from_plain(tuple[str, ...], description["notes"]),
        selection=Selection.from_dict(description.get("choice", {"way": "head"})),
        oof_predictions=oof_predictions,
        test_predictions=predictions.get("tested"),
        detector=detector,
        ood=ood,
        trained_on=trained_on,
    )


def _contiguous(tensors: Mapping[str, Any]) -> dict[str, Any]:
    # safetensors writes the memory as it lies
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def summary(parts: ModelParts) -> dict[str, Any]:
    """Return what a model is and how good it is, as plain data: what `model.json` begins with."""
    detector = parts.detector
    return {
        "versions": {name: version(name) for name in ("topwork", "openvino", "numpy")},
        "classes": list(parts.classes),
        "backbone": describe_backbone(parts.backbone),
        "pools": list(parts.pools),
        "head": parts.head.settings(),
        "evaluation": to_plain(parts.evaluation),
        "test": to_plain(parts.test),
        DECISION: to_plain(parts.decision),
        "foreign": detector and {"detector": detector.settings(), "scores": to_plain(parts.ood)},
        "data": {
            **to_plain(parts.data),
            "skipped": [[one.name, one.reason] for one in parts.data.skipped],
        },
        "notes": list(parts.notes),
        "choice": parts.selection.to_dict(),
        "recipe": parts.recipe.to_dict(),
    }


def _read_tensors(path: Path) -> dict[str, Any]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(
            f"{str(path)!r} is not a safetensors file: {error}. {TRAIN_AGAIN}."
        ) from error
