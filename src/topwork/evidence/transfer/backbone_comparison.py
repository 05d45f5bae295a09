"""Backbones compared on the same examples.

Each is frozen under the product's own head. One that fails is listed with the reason, and does not
stop the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from typing import ClassVar, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.core.options import RunOptions
from topwork.core.plain import Plain
from topwork.core.progress import renamed
from topwork.errors import TooFewError, TopworkError
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.transfer.conditions import points
from topwork.evidence.transfer.paired import gain
from topwork.examples.example import ExampleSet
from topwork.executors.choose import open_executors
from topwork.features.stream import stream_networks
from topwork.recipe import Recipe
from topwork.runs.head import HeadRun, run_head
from topwork.runs.source import examined

NUM_TIMED, NUM_WARM = 24, 4
"""Examples that are run once more for the clock, after a few that are not counted."""


@final
@dataclass(frozen=True, kw_only=True)
class ComparedBackbone:
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
class BackboneComparison(Plain):
    """The backbones, the best first, those that failed last; `message`: who won, by how much."""

    SHOWN: ClassVar[tuple[str, ...]] = ("winner",)

    backbones: tuple[ComparedBackbone, ...]
    num_examples: int
    message: str

    @property
    def winner(self) -> str:
        """The name of the most accurate."""
        return self.backbones[0].name


def compare(
    found: ExampleSet,
    backbones: Sequence[str | Backbone],
    recipe: Recipe,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
) -> tuple[BackboneComparison, Mapping[str, HeadRun]]:
    """Return how the backbones fare, and the frozen networks with their heads, by name.

    Raises:
        TooFewError: none of them could be scored.
    """
    failed: list[ComparedBackbone] = []
    done: dict[str, tuple[HeadRun, ComparedBackbone]] = {}
    for given in backbones:
        name = given if isinstance(given, str) else given.name
        try:
            fit, backbone = examined(found, get_backbone(given))
            own = recipe.changed(backbone=backbone.name)
            with renamed(f"{{}} {backbone.name}"):
                head_run = run_head(fit, own, backbone, options)
            if head_run.cross_val is None:
                raise TooFewError(head_run.notes[-1])
            done[backbone.name] = (head_run, _measured(head_run))
        except TopworkError as error:
            failed.append(ComparedBackbone(name=name, error=str(error)))
    if not done:
        reasons = "; ".join(f"{one.name}: {one.error}" for one in failed)
        raise TooFewError(f"None of the backbones could be scored. {reasons}")
    compared, message, num = _ranked(done)
    return (
        BackboneComparison(backbones=(*compared, *failed), num_examples=num, message=message),
        {name: head_run for name, (head_run, _) in done.items()},
    )


def _ranked(
    done: Mapping[str, tuple[HeadRun, ComparedBackbone]],
) -> tuple[list[ComparedBackbone], str, int]:
    """Score them on the examples that all of them could read."""
    digests = [{e.digest for e in head_run.examples} for head_run, _ in done.values()]
    common = reduce(set.intersection, digests)
    rights, groups = {}, None
    for name, (head_run, _) in done.items():
        cross_val = head_run.cross_val
        if cross_val is None:  # such are among those that failed
            continue
        order = sorted(
            (example.digest, k)
            for k, example in enumerate(head_run.examples)
            if example.digest in common
        )
        indices = np.array([k for _, k in order], np.intp)
        right = (cross_val.probabilities.argmax(2) == head_run.labels.classes).mean(0)
        rights[name], groups = right[indices], head_run.labels.take(indices).group_numbers
    names = sorted(rights, key=lambda name: -float(rights[name].mean()))
    best = names[0]
    compared = []
    for name in names:
        behind = None if name == best else gain(rights[best] - rights[name], groups)
        score = accuracy(rights[name], groups)
        compared.append(replace(done[name][1], accuracy=score, behind=behind))
    return compared, _say(compared, len(common)), len(common)


def _say(compared: Sequence[ComparedBackbone], num: int) -> str:
    best = compared[0]
    if len(compared) == 1 or compared[1].behind is None:
        return f"{best.name}: nothing else could be compared."
    second, lead = compared[1], compared[1].behind
    message = f"{points(lead)} over {second.name} on the same {num:,} examples left out"
    if lead.low > 0:
        return f"{best.name} is best: {message}."
    close = [one for one in compared if one.behind is None or one.behind.low <= 0]
    fast = min(close, key=lambda one: one.ms_per_example or 0.0)
    ending = f"The fastest of those that keep up is {fast.name}."
    return f"{best.name} is ahead, but not surely: {message}. {ending}"


def _measured(head_run: HeadRun) -> ComparedBackbone:
    """Return the backbone's size, and its time an example on this machine."""
    backbone = head_run.backbone
    modules = [network.build().module for network in backbone.networks]
    return ComparedBackbone(
        name=backbone.name,
        ms_per_example=_milliseconds(head_run),
        num_parameters=sum(one.numel() for module in modules for one in module.parameters()),
        megabytes=sum(one.nbytes for m in modules for one in m.state_dict().values()) / 1e6,
        pretrained_on=backbone.card.pretrained_on,
    )


def _milliseconds(head_run: HeadRun) -> float:
    """Run some examples once more: what was kept on disk says nothing of the time it took."""
    backbone, some = head_run.backbone, head_run.examples[:NUM_TIMED]
    executors = open_executors(backbone, pools=head_run.pools, device=head_run.options.device)
    for _ in stream_networks(islice(some, NUM_WARM), executors, backbone):
        pass
    started = time.perf_counter()
    for _ in stream_networks(some, executors, backbone):
        pass
    return 1000 * (time.perf_counter() - started) / len(some)
