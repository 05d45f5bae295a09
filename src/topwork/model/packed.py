"""Model folders as bytes.

What it does not know: what carries them. A pickle of a model holds the bytes of its folder and no
code of its own, and what comes back is checked as a folder is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from topwork.core import files
from topwork.errors import ModelError
from topwork.model.archive import read_model, write_model
from topwork.model.parts import ModelParts

Packed = dict[str, bytes]
"""The files of a model folder, by name."""


def pack(parts: ModelParts) -> Packed:
    """Return a model's folder as bytes. Raises as `write_model` does."""
    with (
        files.disk_errors("Packing the model"),
        tempfile.TemporaryDirectory(prefix="topwork-") as place,
    ):
        folder = write_model(parts, Path(place) / "model")
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


def unpack(packed: Mapping[str, bytes]) -> ModelParts:
    """Undo `pack`. The files lie in a temporary folder as long as anyone has the backbone.

    Raises:
        ModelError: a file is missing, damaged, or would lie outside the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="topwork-"))
    try:
        with files.disk_errors("Unpacking the model"):
            for name, data in packed.items():
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts or "\\" in name:
                    raise ModelError(
                        f"The packed model has a file {name!r}, which would lie outside its "
                        "folder. Nothing was read of it. Pack the model again."
                    )
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
        parts = read_model(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # A copy of the backbone has other fields, but the same function that builds its network.
    weakref.finalize(parts.backbone.build, _remove, folder, os.getpid())
    return parts


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child uses its parent's files
        shutil.rmtree(folder, ignore_errors=True)
