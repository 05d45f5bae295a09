"""Predictions and trained examples, as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from topwork.errors import ModelError
from topwork.model.predictions import Predictions

TRAINED_ON = "trained_on"


def write_predictions(
    path: Path, answers: Mapping[str, Predictions | None], trained_on: Sequence[str] = ()
) -> None:
    """Write the answers under their names, and the digests of what was trained on.

    Where there is none of these, no file.
    """
    from safetensors.numpy import save_file

    tensors, names = {}, {}
    if trained_on:
        digests = np.frombuffer(bytes.fromhex("".join(trained_on)), np.uint8)
        tensors[TRAINED_ON] = digests.reshape(len(trained_on), -1)
    for key, one in answers.items():
        if one is None:
            continue
        tensors[f"{key}/truth"] = one.truth.astype(np.int32)
        tensors[f"{key}/probabilities"] = np.ascontiguousarray(one.probabilities, np.float32)
        names[key] = json.dumps([one.names, one.digests, one.groups], ensure_ascii=False)
    if tensors:
        save_file(tensors, path, metadata=names)


def read_predictions(path: Path) -> tuple[dict[str, Predictions], tuple[str, ...]]:
    """Undo `write_predictions`. Raises ModelError where the file is of another form."""
    from safetensors import SafetensorError, safe_open

    found, trained_on = {}, tuple[str, ...]()
    try:
        with safe_open(path, framework="numpy") as file:
            if TRAINED_ON in file.keys():  # noqa: SIM118  # it is no dict
                trained_on = tuple(row.tobytes().hex() for row in file.get_tensor(TRAINED_ON))
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
    return found, trained_on
