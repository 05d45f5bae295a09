"""Keeps what each fold of a cross-validation gave and a search chose, to do neither twice.

A fold's key covers all that its probabilities depend on: the features, the labels, groups,
weights and seed, which head is fitted, which examples are left out, and the code itself (the bytes
of its source, and the versions of numpy, scipy and torch). So a run that was stopped goes on with
the next fold, and the same run again only reads. What it does not know: what is done in a fold.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from topwork.core import files
from topwork.core.digests import digest_bytes, digest_settings
from topwork.errors import StoreError
from topwork.examples.arrays.npy import read_npy
from topwork.features.table import FeatureTable
from topwork.heads.fit import choose_space
from topwork.heads.kernel import Kernel, Rows
from topwork.heads.search import Choice, Labels
from topwork.heads.settings import HeadKind, HeadSettings

log = logging.getLogger(__name__)

Doubles = npt.NDArray[np.float64]


def folds_folder() -> Path:
    """Return where they are kept."""
    return files.cache_folder() / "folds"


class KeptFolds:
    """The folds of one cross-validation; `features` None keeps nothing."""

    def __init__(
        self,
        features: str | None,
        *arrays: npt.NDArray[np.generic] | None,
        settings: HeadSettings | None = None,
    ) -> None:
        """Begin a cross-validation.

        Args:
            features: digest of the features that the rows hold, in their order.
            arrays: all else that every fold depends on.
            settings: which head is fitted in a fold; None: a kernel.
        """
        self._head = digest_settings(asdict(settings or HeadSettings()))
        self._base: bytes | None = None
        if features is not None:
            parts = [
                b"-" if a is None else f"{a.dtype.str}{a.shape}".encode() + a.tobytes()
                for a in arrays
            ]
            start = (procedure_digest() + features).encode()
            self._base = digest_bytes(start, *parts).encode()

    def choose(
        self, table: FeatureTable, rows: Rows, labels: Labels, kind: HeadKind = "kernel"
    ) -> Choice:
        """Return what `choose_space` does for all the rows, from the disk where it did before."""
        path = self._path(labels.seed, rows, kind, suffix="json")
        if path is None:
            return choose_space(table, rows, labels, kind)
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            return Choice(
                kernel=Kernel(
                    blocks=tuple(kept["blocks"]), pools=tuple(kept["pools"]), gamma=kept["gamma"]
                ),
                penalty=float(kept["penalty"]),
                loss=float(kept["loss"]),
            )
        choice = choose_space(table, rows, labels, kind)
        text = json.dumps({**asdict(choice.kernel), "penalty": choice.penalty, "loss": choice.loss})
        try:
            with files.disk_errors("Keeping a choice"):
                files.write_bytes(path, text.encode())
        except StoreError as error:
            log.warning("%s", error)
        return choice

    def get(self, seed: int, fold: npt.NDArray[np.intp], shape: tuple[int, int]) -> Doubles | None:
        """Return the probabilities of the examples left out, if they are kept."""
        path = self._path(seed, fold, self._head)
        if path is None or not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                found: Doubles = read_npy(file)
        except (OSError, ValueError, EOFError, TypeError, SyntaxError) as error:
            log.warning("%s is damaged (%s): the fold is computed anew.", path, error)
            return None
        return found if found.shape == shape and found.dtype == np.float64 else None

    def put(self, seed: int, fold: npt.NDArray[np.intp], probabilities: Doubles) -> None:
        """Keep them. A disk that refuses costs time later, and stops nothing now."""
        path = self._path(seed, fold, self._head)
        if path is None:
            return
        try:
            with (
                files.disk_errors("Keeping a fold"),
                files.replacing(path) as temporary,
                temporary.open("wb") as out,
            ):
                np.save(out, probabilities, allow_pickle=False)
        except StoreError as error:
            log.warning("%s", error)

    def _path(
        self, seed: int, fold: npt.NDArray[np.intp], what: str, suffix: str = "npy"
    ) -> Path | None:
        if self._base is None:
            return None
        parts = str(seed).encode(), what.encode(), fold.astype("<i8").tobytes()
        key = digest_bytes(self._base, *parts)
        return folds_folder() / f"{key}.{suffix}"


@cache
def procedure_digest() -> str:
    """Return the digest of all code that decides what a fold gives."""
    package = Path(__file__).parent.parent
    sources = sorted((package / "heads").glob("*.py"))
    sources += [package / "features" / "table.py", package / "examples" / "splits.py"]
    parts = [path.read_bytes() for path in sources if path.is_file()]
    versions = {name: version(name) for name in ("topwork", "numpy", "scipy", "torch")}
    return digest_bytes(digest_settings(versions).encode(), *parts)
