"""Predictions as a file of the model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from topwork.errors import ModelError
from topwork.model.predictions import Predictions


def write_predictions(path: Path, answers: Mapping[str, Predictions | None]) -> None:
    """Write the answers under their names; where all are None, no file."""
    from safetensors.numpy import save_file

    tensors, names = {}, {}
    for key, one in answers.items():
        if one is None:
            continue
        tensors[f"{key}/truth"] = one.truth.astype(np.int32)
        tensors[f"{key}/probabilities"] = np.ascontiguousarray(one.probabilities, np.float32)
        names[key] = json.dumps([one.names, one.digests, one.groups], ensure_ascii=False)
    if tensors:
        save_file(tensors, path, metadata=names)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Undo `write_predictions`. Raises ModelError where the file is of another form."""
    from safetensors import SafetensorError, safe_open

    found = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for key, text in (file.metadata() or {}).items():
                names, digests, groups = json.loads(text)
                found[key] = Predictions(
                    names=tuple(names),
                    digests=tuple(digests),
                    groups=tuple(groups),
                    truth=file.get_tensor(f"{key}/truth").astype(np.intp),
                    probabilities=file.get_tensor(f"{key}/probabilities").astype(np.float64),
                )
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise ModelError(
            f"{str(path)!r} cannot be read: {error}. Copy the whole folder again from where it was "
            "made, or train the model again."
        ) from error
    return found
