"""Mutated caches.

A small run leaves a cache: features, folds, the compiled network. One of its files is mutated or
removed, and the run is repeated. Right are the very scores and predictions of a run without a
cache; anything else is wrong, and so is a refusal, for what is kept can be computed again.
"""

import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

from tests import small
from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import mutate
from topwork.core.files import CACHE_VARIABLE
from topwork.core.plain import to_plain
from topwork.errors import TopworkError
from topwork.runs.train import train


def begin(folder: Path) -> Judge:
    """Run once, and return what tries a mutant of the cache that it left."""
    data = small.write_folder(folder / "digits", small.digit_pictures(8))
    pictures = [some[0] for some in small.digit_pictures(1, skip=20).values()]

    def run(cache: Path) -> tuple[Any, list[list[float]]]:
        os.environ[CACHE_VARIABLE] = str(cache)
        model = train(data, backbone=small.SMALL, num_repeats=1, train="head")
        return to_plain(model.evaluation), model.predict_proba(pictures).tolist()

    good = folder / "good"
    shutil.rmtree(good, ignore_errors=True)
    fresh = run(good)
    names = sorted(path.relative_to(good) for path in good.rglob("*") if path.stat().st_size)
    names = [name for name in names if (good / name).is_file()]

    def judge(rng: Random, seed: int) -> Attempt:
        mutant = folder / f"mutant{seed}"  # a place of its own: nothing is remembered of it
        shutil.copytree(good, mutant)
        name = rng.choice(names)
        altered = mutate((good / name).read_bytes(), rng)
        (mutant / name).write_bytes(altered.data)
        if rng.randrange(10) == 0:
            (mutant / name).unlink()

        def attempt() -> str:
            what = f"{name}, {altered.how} at byte {altered.start}"
            try:
                scores, predictions = run(mutant)
            except TopworkError as error:
                raise WrongAnswer(f"{what}: refused: {type(error).__name__}: {error}") from error
            finally:
                shutil.rmtree(mutant, ignore_errors=True)
            if (scores, predictions) != fresh:
                raise WrongAnswer(f"{what}: other scores or predictions")
            return "same"

        return attempt

    return judge
