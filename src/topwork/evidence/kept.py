"""Keeps a measurement as JSON under the digest of all that it depends on, the code included.

What it does not know: what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from topwork.core import files
from topwork.core.digests import digest_bytes, digest_settings
from topwork.errors import StoreError
from topwork.evaluation.fold_cache import folds_folder, procedure_digest
from topwork.heads.kernel import Rows
from topwork.heads.search import Labels
from topwork.runs.head import Frozen

T = TypeVar("T")


def remembered(
    parts: Sequence[object],
    make: Callable[[], T],
    *,
    read: Callable[[Mapping[str, Any]], T],
    write: Callable[[T], Mapping[str, Any]],
) -> T:
    """Return what `make` gives, from the disk where it was made before.

    Args:
        parts: plain data that says all that it depends on but the code.
        read: undoes `write`; a KeyError, TypeError or ValueError of its own means: make it anew.
    """
    path = folds_folder() / f"{digest_settings([code_digest(), *parts])}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return read(json.loads(path.read_text(encoding="utf-8")))
    made = make()
    with suppress(StoreError), files.disk_errors("Keeping a measurement"):
        files.write_bytes(path, json.dumps(write(made)).encode())
    return made


def identity_of(
    frozen: Frozen, places: Rows, labels: Labels, drawn: Sequence[Sequence[Rows]]
) -> list[object]:
    """Return as plain data what a measurement on some of the examples depends on."""
    groups = b"" if labels.groups is None else "\n".join(labels.groups.tolist()).encode()
    return [
        frozen.backbone.digest,
        frozen.backbone.input.settings(),
        [frozen.examples[i].digest for i in places],
        digest_bytes(labels.classes.astype("<i8").tobytes(), groups),
        [labels.seed, frozen.recipe.class_weight],
        [digest_bytes(fold.astype("<i8").tobytes()) for folds in drawn for fold in folds],
    ]


@cache
def code_digest() -> str:
    """Return the digest of the code that decides what a head, a probe or a training gives."""
    here = Path(__file__).parent
    sources = [here / f"{name}.py" for name in ("depth", "probe", "raw_inputs", "paired")]
    sources += sorted((here.parent / "training").glob("*.py"))
    return digest_bytes(procedure_digest().encode(), *(path.read_bytes() for path in sources))
