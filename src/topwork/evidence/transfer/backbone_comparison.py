"""Compares backbones on the same examples and folds: accuracy, time an example, size.

Each is frozen under the product's own head. One that fails is listed with the reason, and does not
stop the rest. What it does not know: what else could be trained on top of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import islice
from typing import Any, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.errors import TooFewError, TopworkError
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.transfer.conditions import points
from topwork.evidence.transfer.paired import gain
from topwork.examples.example import ExampleSet
from topwork.executors.choose import open_executor
from topwork.features.extract import stream_features
from topwork.model.model import Progress, check_modality
from topwork.recipe import Recipe
from topwork.runs.head import Frozen, fit_frozen

NUM_TIMED, NUM_WARM = 24, 4
"""Examples that are run once more for the clock, after a few that are not counted."""


@final
@dataclass(frozen=True, kw_only=True)
class Rival:
    """One backbone, as far as it got.

    Attributes:
        name: of the backbone.
        accuracy: cross-validated; None where it failed.
        behind: how much less often it is right than the winner on the same examples, paired; None
            for the winner itself, and where it failed.
        ms_per_example: of reading an example and running the network on it, on this machine.
        num_parameters: of the network.
        megabytes: that its weights take on disk (1 MB = 1,000,000 bytes).
        pretrained_on: in words.
        error: why it failed; None where it did not.
    """

    name: str
    accuracy: Estimate | None = None
    behind: Estimate | None = None
    ms_per_example: float | None = None
    num_parameters: int | None = None
    megabytes: float | None = None
    pretrained_on: str = ""
    error: str | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Rivals:
    """The backbones, the best first and those that failed last; `says` who won, and by how much."""

    rivals: tuple[Rival, ...]
    num_examples: int
    says: str

    @property
    def winner(self) -> str:
        """The name of the most accurate."""
        return self.rivals[0].name

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "winner": self.winner}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Rivals:
        """Undo `to_dict`. Raises KeyError or TypeError on other data."""
        rivals = []
        for one in data["rivals"]:
            scores = {
                name: None if one[name] is None else Estimate(**one[name])
                for name in ("accuracy", "behind")
            }
            rivals.append(Rival(**{**one, **scores}))
        return Rivals(rivals=tuple(rivals), num_examples=data["num_examples"], says=data["says"])


def compare(
    found: ExampleSet,
    backbones: Sequence[str | Backbone],
    recipe: Recipe,
    *,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> tuple[Rivals, Mapping[str, Frozen]]:
    """Return how the backbones fare, and the frozen networks with their heads, by name.

    Raises:
        TooFewError: none of them could be scored.
    """
    failed: list[Rival] = []
    done: dict[str, tuple[Frozen, Rival]] = {}
    for given in backbones:
        name = given if isinstance(given, str) else given.name
        try:
            backbone = get_backbone(given)
            check_modality(found, backbone)
            own = recipe.changed(backbone=backbone.name)
            told = _named(on_progress, backbone.name)
            frozen = fit_frozen(found, own, backbone=backbone, device=device, on_progress=told)
            if frozen.crossed is None:
                raise TooFewError(frozen.notes[-1])
            done[backbone.name] = (frozen, _measured(frozen))
        except TopworkError as error:
            failed.append(Rival(name=name, error=str(error)))
    if not done:
        reasons = "; ".join(f"{one.name}: {one.error}" for one in failed)
        raise TooFewError(f"None of the backbones could be scored. {reasons}")
    rivals, says, num = _ranked(done)
    return (
        Rivals(rivals=(*rivals, *failed), num_examples=num, says=says),
        {name: frozen for name, (frozen, _) in done.items()},
    )


def _ranked(done: Mapping[str, tuple[Frozen, Rival]]) -> tuple[list[Rival], str, int]:
    """Score them on the examples that all of them could read."""
    digests = [{e.digest for e in frozen.examples} for frozen, _ in done.values()]
    common = reduce(set.intersection, digests)
    rights, groups = {}, None
    for name, (frozen, _) in done.items():
        crossed = frozen.crossed
        if crossed is None:  # such are among those that failed
            continue
        order = sorted(
            (example.digest, k)
            for k, example in enumerate(frozen.examples)
            if example.digest in common
        )
        rows = np.array([k for _, k in order], np.intp)
        right = (crossed.probabilities.argmax(2) == frozen.labels.classes).mean(0)
        rights[name], groups = right[rows], frozen.labels.take(rows).group_numbers
    names = sorted(rights, key=lambda name: -float(rights[name].mean()))
    best = names[0]
    rivals = []
    for name in names:
        behind = None if name == best else gain(rights[best] - rights[name], groups)
        score = accuracy(rights[name], groups)
        rivals.append(replace(done[name][1], accuracy=score, behind=behind))
    return rivals, _say(rivals, len(common)), len(common)


def _say(rivals: Sequence[Rival], num: int) -> str:
    best = rivals[0]
    if len(rivals) == 1 or rivals[1].behind is None:
        return f"{best.name}: nothing else could be compared."
    second = rivals[1]
    lead = rivals[1].behind
    said = f"{points(lead)} over {second.name} on the same {num:,} examples left out"
    if lead.low > 0:
        return f"{best.name} is best: {said}."
    close = [one for one in rivals if one.behind is None or one.behind.low <= 0]
    fast = min(close, key=lambda one: one.ms_per_example or 0.0)
    ending = f"The fastest of those that keep up is {fast.name}."
    return f"{best.name} is ahead, but not surely: {said}. {ending}"


def _measured(frozen: Frozen) -> Rival:
    """Return the backbone's size, and its time an example on this machine."""
    backbone = frozen.backbone
    module = backbone.build().module
    state, parameters = module.state_dict(), module.parameters()
    return Rival(
        name=backbone.name,
        ms_per_example=_milliseconds(frozen),
        num_parameters=sum(one.numel() for one in parameters),
        megabytes=sum(one.numel() * one.element_size() for one in state.values()) / 1e6,
        pretrained_on=backbone.card.pretrained_on,
    )


def _milliseconds(frozen: Frozen) -> float:
    """Run some examples once more: what was kept on disk says nothing of the time it took."""
    backbone, some = frozen.backbone, frozen.examples[:NUM_TIMED]
    executor = open_executor(backbone, pools=frozen.pools, device=frozen.device)
    for _ in stream_features(islice(some, NUM_WARM), executor, backbone.input):
        pass
    started = time.perf_counter()
    for _ in stream_features(some, executor, backbone.input):
        pass
    return 1000 * (time.perf_counter() - started) / len(some)


def _named(on_progress: Progress | None, name: str) -> Progress | None:
    if on_progress is None:
        return None
    return lambda stage, done, total: on_progress(f"{stage} {name}", done, total)
