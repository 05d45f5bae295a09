"""Checkpoints on disk.

    checkpoint/epoch-000007/  tensors.safetensors  trained weights, buffers, the optimiser's state
                              state.json           epoch, history, digests of run, tensors, itself

The last two are kept, so that a damaged one is no loss.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from topwork.core.digests import digest_bytes, digest_file
from topwork.core.files import disk_errors, replacing_folder
from topwork.training.loop.task import Epoch

if TYPE_CHECKING:
    import torch

FORMAT = 2
TENSORS, STATE = "tensors.safetensors", "state.json"
NUM_KEPT = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """All that the rest of a run depends on, at the end of an epoch.

    Attributes:
        history: of all epochs so far; its length is the epoch to go on after.
        micro_batch: examples that ran at a time.
        num_threads: that the CPU computed with: sums in another order round otherwise.
        tensors: by name, on the CPU.
    """

    history: tuple[Epoch, ...]
    micro_batch: int
    num_threads: int
    tensors: Mapping[str, torch.Tensor]


@final
class Checkpoints:
    """The checkpoints of one run, in a folder of its own."""

    def __init__(self, folder: Path, run: str) -> None:
        """Look at no file yet. `run` is the digest of all that decides the result."""
        self._folder = folder
        self._run = run
        self._saved: list[Path] = []

    def save(self, state: State) -> None:
        """Write a whole checkpoint, then remove all but the last two of this run.

        Raises:
            StoreError: the disk refuses it.
        """
        from safetensors.torch import save_file

        place = self._folder / f"epoch-{len(state.history):06d}"
        with disk_errors(f"Writing the checkpoint {str(place)!r}"):
            with replacing_folder(place) as folder:
                save_file(dict(state.tensors), folder / TENSORS)
                facts: dict[str, Any] = {
                    "format": FORMAT,
                    "run": self._run,
                    "tensors": digest_file(folder / TENSORS),
                    "history": [asdict(epoch) for epoch in state.history],
                    "micro_batch": state.micro_batch,
                    "num_threads": state.num_threads,
                }
                facts["sha256"] = _digest(facts)
                (folder / STATE).write_text(json.dumps(facts, indent=1), encoding="utf-8")
            self._saved = [*(p for p in self._saved if p != place), place][-NUM_KEPT:]
            for other in [*self._folder.glob("epoch-*"), *self._folder.glob(".epoch-*")]:
                if other not in self._saved:
                    shutil.rmtree(other, ignore_errors=True)

    def load(self) -> State | None:
        """Return the newest checkpoint of this run that is whole; None where there is none."""
        for place in sorted(self._folder.glob("epoch-*"), reverse=True):
            try:
                state = self._read(place)
            except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
                logger.warning(
                    "The checkpoint %s is damaged (%s) and passed over; training goes on from the "
                    "one before, or anew.",
                    place,
                    error,
                )
                continue
            if state is None:
                logger.warning(
                    "The checkpoint %s is of another run (other data, settings or network) and is "
                    "not taken; the next one replaces it.",
                    place,
                )
                continue
            self._saved = [place]
            return state
        return None

    def _read(self, place: Path) -> State | None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        facts = json.loads((place / STATE).read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or facts.get("format") == 1:  # of before it had a digest
            return None
        if facts.pop("sha256") != _digest(facts):
            raise ValueError(f"{STATE} is not what was written")
        if facts["format"] != FORMAT or facts["run"] != self._run:
            return None
        if digest_file(place / TENSORS) != facts["tensors"]:
            raise ValueError(f"{TENSORS} is not what was written")
        try:
            tensors = load_file(place / TENSORS)
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        return State(
            history=tuple(Epoch(**epoch) for epoch in facts["history"]),
            micro_batch=int(facts["micro_batch"]),
            num_threads=int(facts["num_threads"]),
            tensors=tensors,
        )


def _digest(facts: Mapping[str, Any]) -> str:
    return digest_bytes(json.dumps(facts).encode())  # a loss may be no number
