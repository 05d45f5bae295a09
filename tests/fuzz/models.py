"""Mutated folders of models, backbones and weights.

Right is: the predictions as they were, or a refusal. Wrong are other predictions of a model folder
whose bytes were altered, and other weights of a PyTorch file that was, whose members have CRCs.
A folder that was forged, with digests that fit, may predict what it likes; it may do no more.
"""

import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

from tests import small
from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import forge, mutate
from topwork.backbones.registry import get_backbone
from topwork.backbones.weights import load_tensors
from topwork.core.digests import digest_file, digest_settings
from topwork.core.files import CACHE_VARIABLE
from topwork.model.model import load
from topwork.runs.train import train

LEVELS = 100_000


def begin(folder: Path) -> Judge:
    """Train a small model and write weights, and return what tries a mutant of these."""
    os.environ[CACHE_VARIABLE] = str(folder / "cache")
    pictures = small.digit_pictures(10)
    data = small.write_folder(folder / "digits", pictures)
    good = folder / "good"
    if not good.exists():
        train(data, backbone=small.SMALL, num_repeats=1, train="head", out=good)
    asked = [some[0] for some in pictures.values()]
    models = _Models(good, folder / "mutant", asked)
    weights = _Weights(folder)
    ways = [models.altered, models.altered, models.forged, models.forged_file, weights.altered]

    def judge(rng: Random, _seed: int) -> Attempt:
        return rng.choice(ways)(rng)

    return judge


class _Models:
    """Mutants of a model folder."""

    def __init__(self, good: Path, place: Path, asked: list[Any]) -> None:
        self._good, self._place, self._asked = good, place, asked
        self._names = sorted(
            path.relative_to(good).as_posix() for path in good.rglob("*") if path.is_file()
        )
        self._answers = {device: self._ask(good, device) for device in ("cpu", "torch")}

    def altered(self, rng: Random) -> Attempt:
        """Bytes of one file are others."""
        name = rng.choice(self._names)
        mutant = mutate((self._good / name).read_bytes(), rng)
        self._copy()
        (self._place / name).write_bytes(mutant.data)
        if rng.randrange(20) == 0:
            (self._place / name).unlink()
        return self._attempt(rng, f"{name}, {mutant.how} at byte {mutant.start}")

    def forged(self, rng: Random) -> Attempt:
        """The description says something else, and its digest fits."""
        description = json.loads((self._good / "model.json").read_text())
        forge(description, rng)
        self._copy()
        self._describe(description, deep=rng.randrange(20) == 0)
        return self._attempt(rng)

    def forged_file(self, rng: Random) -> Attempt:
        """A file's bytes are others, and the digests fit."""
        name = rng.choice([one for one in self._names if one.endswith((".safetensors", "t.json"))])
        mutant = mutate((self._good / name).read_bytes(), rng)
        self._copy()
        (self._place / name).write_bytes(mutant.data)
        description = json.loads((self._good / "model.json").read_text())
        description["files"][name] = digest_file(self._place / name)
        self._describe(description)
        return self._attempt(rng)

    def _describe(self, description: dict[str, Any], *, deep: bool = False) -> None:
        description.pop("digest", None)
        text = json.dumps(description)
        try:
            digest = digest_settings(description)
        except ValueError:  # NaN, of which there is no digest
            digest = "0" * 64
        text = text[:-1] + f', "digest": "{digest}"}}'
        if deep:
            text = text[:-1] + ', "deep": ' + "[" * LEVELS + "]" * LEVELS + "}"
        (self._place / "model.json").write_text(text, encoding="utf-8")

    def _copy(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._good, self._place)

    def _attempt(self, rng: Random, altered: str | None = None) -> Attempt:
        device = rng.choice(("cpu", "cpu", "cpu", "torch"))

        def attempt() -> str:
            answers = self._ask(self._place, device)
            if np.array_equal(answers, self._answers[device]):
                return "same"
            if altered is not None:
                raise WrongAnswer(f"{altered}, {device}: other predictions")
            return "other"

        return attempt

    def _ask(self, folder: Path, device: str) -> Any:
        return load(folder, device=device).predict_proba(self._asked)


class _Weights:
    """Mutants of weights as the hub has them, and of folders of backbones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "weights"
        self._folder.mkdir(exist_ok=True)
        backbone = get_backbone(small.SMALL)
        module = backbone.build().module
        state = {
            name: tensor for name, tensor in module.state_dict().items() if tensor.numel() < 999
        }
        self._state = state
        torch.save(state, self._folder / "new.bin")
        torch.save(state, self._folder / "old.bin", _use_new_zipfile_serialization=False)

    def altered(self, rng: Random) -> Attempt:
        """Bytes of a PyTorch file are others."""
        name = rng.choice(("new.bin", "old.bin"))
        mutant = mutate((self._folder / name).read_bytes(), rng)
        path = self._folder / "mutant.bin"
        path.write_bytes(mutant.data)

        def attempt() -> str:
            found = load_tensors(path)
            same = found.keys() == self._state.keys() and all(
                torch.equal(tensor, self._state[key]) for key, tensor in found.items()
            )
            if not same and name == "new.bin":
                raise WrongAnswer(f"{name}, {mutant.how} at byte {mutant.start}: other weights")
            return "same" if same else "other"

        return attempt
