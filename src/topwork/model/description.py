"""The checked description of a model folder.

What it does not know: what the parts of a model are; only that the files are those that were
written, and that nothing outside the folder is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from topwork.core import files
from topwork.core.digests import digest_once, digest_settings
from topwork.errors import ModelError
from topwork.model.older import from_format_1

FORMAT = 2
OLDER = {1: from_format_1}
DESCRIPTION, HEAD, RECIPE = "model.json", "head.safetensors", "recipe.toml"
COMPILED, WEIGHTS = "compiled", "backbone.safetensors"

MAX_BYTES = 100_000_000
"""Of the description: a model of 100,000 classes has one of 20 MB."""

TRAIN_AGAIN = "Copy the whole folder again from where it was made, or train the model again"


def is_ours(folder: Path) -> bool:
    """Whether Topwork wrote what lies there, even if it was damaged since."""
    if not (folder / DESCRIPTION).is_file():
        return False
    with suppress(OSError, ValueError, RecursionError):
        description = _parse(folder / DESCRIPTION)
        return isinstance(description, dict) and description.get("made_by") == "topwork"
    return (folder / HEAD).is_file() and (folder / RECIPE).is_file()


def sealed(description: Mapping[str, Any]) -> bytes:
    """Return what `model.json` holds, with its digest: what `read_description` reads."""
    own = {key: value for key, value in description.items() if key != "digest"}
    whole = {**own, "digest": digest_settings(own)}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode()


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `model.json` says, its digest checked, in the format of today.

    Raises:
        ModelError: it is missing, damaged, edited, of another program or a later version.
    """
    path = folder / DESCRIPTION
    try:
        files.put_back(folder)
        if not path.is_file():
            what = "no such folder" if not folder.exists() else f"it has no {DESCRIPTION}"
            raise ModelError(
                f"There is no Topwork model in {str(folder)!r}: {what}. Give the folder that "
                "`topwork train DATA --out FOLDER` wrote."
            )
        description = _parse(path)
        if not isinstance(description, dict) or description.get("made_by") != "topwork":
            raise ModelError(
                f"{str(path)!r} was not written by Topwork. Give the folder of a model."
            )
        form = description.get("format")
        if form != FORMAT and (type(form) is not int or form not in OLDER):
            raise ModelError(
                f"The model in {str(folder)!r} is of format {form!r}; this version of Topwork "
                f"reads {FORMAT} and {', '.join(map(str, OLDER))}. Upgrade Topwork, or train the "
                "model again."
            )
        claimed = description.pop("digest", None)
        if claimed != digest_settings(description):
            raise ModelError(
                f"{str(path)!r} was changed after it was written: its digest does not fit. "
                f"{TRAIN_AGAIN}."
            )
        return description if form == FORMAT else OLDER[form](description)
    except RecursionError as error:
        raise ModelError(f"{str(path)!r} is damaged: nested too deep. {TRAIN_AGAIN}.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{str(path)!r} is damaged: {reason}. {TRAIN_AGAIN}.") from error


def _parse(path: Path) -> Any:
    size_bytes = path.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ValueError(f"it has {size_bytes:,} bytes; accepted: at most {MAX_BYTES:,}")

    def refuse(word: str) -> None:
        raise ValueError(f"it has the number {word}; accepted: finite numbers")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def check_files(folder: Path, expected: Mapping[str, str], required: set[str]) -> None:
    """Compare the files with their digests, but for the weights: a CPU has no need of them.

    Raises:
        ModelError: one is missing, damaged, cannot be read, or lies outside the folder.
        ValueError: a file that the model needs is not named.
    """
    if lacking := sorted(required - expected.keys()):
        raise ValueError(f"{DESCRIPTION} names no {', '.join(lacking)}")
    root = folder.resolve()
    for name, digest in expected.items():
        path = folder / name
        outside = PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor
        if outside or ".." in PureWindowsPath(name).parts:
            raise ModelError(
                f"The model in {str(folder)!r} names the file {name!r}, which lies outside its "
                f"folder. Nothing was read of it. {TRAIN_AGAIN}."
            )
        try:
            if not path.is_file():
                raise ModelError(f"The model in {str(folder)!r} lacks its {name}. {TRAIN_AGAIN}.")
            if not path.resolve().is_relative_to(root):
                raise ModelError(
                    f"{str(path)!r} is a link to {str(path.resolve())!r}, outside the model's "
                    "folder. Copy the files themselves: cp -rL."
                )
            if PurePosixPath(name).name != WEIGHTS and digest_once(path) != digest:
                raise altered(path)
        except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
            reason = getattr(error, "strerror", None) or error
            raise ModelError(
                f"{str(path)!r} cannot be read: {reason}. See to the permissions of the folder. "
                f"{TRAIN_AGAIN}."
            ) from error


def altered(path: Path) -> ModelError:
    """Return the refusal of a file that is not what was written."""
    return ModelError(
        f"{str(path)!r} is damaged or was changed: its digest is not the one in {DESCRIPTION}. "
        f"{TRAIN_AGAIN}."
    )
