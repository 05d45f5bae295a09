"""Verdict on what transfer is worth.

Without it are: the same network trained from random weights within a time limit
(scratch_baseline.py), the same network frozen with random weights, and the inputs as they are, both
under the same kind of head. Whichever does best stands for "from scratch", so that nothing is
claimed that a user could have had without transfer. Gains are paired, example by example, on the
same folds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, final

import numpy as np

from topwork.core.plain import Plain
from topwork.core.progress import renamed
from topwork.errors import ExampleError
from topwork.evaluation.crossval import cross_val_predict, one_thread
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.transfer.comparison import (
    HEAD_ALONE,
    ComparedPredictions,
    Comparison,
    features_key,
)
from topwork.evidence.transfer.conditions import Condition, points
from topwork.evidence.transfer.layer_probe import random_network
from topwork.evidence.transfer.paired import gain
from topwork.evidence.transfer.probe import probe
from topwork.evidence.transfer.raw_inputs import NAMES, raw_similarity
from topwork.examples.views import ViewSettings
from topwork.features.extract import extract

LEAST_GAIN = 0.01
"""One point: below it, no gain is promised, however sure it is."""

ROUGH = 0.05
"""Half an interval's width from which it is said that the examples are too few to tell more."""


@final
@dataclass(frozen=True, kw_only=True)
class Without:
    """One way of doing without transfer: its accuracy on `num_examples` left out, and its cost."""

    name: str
    accuracy: Estimate
    num_examples: int
    seconds: float


@final
@dataclass(frozen=True, kw_only=True)
class Verdict(Plain):
    """What transfer is worth, and why that is said.

    Attributes:
        worth: how much more often transfer was right than the control, in shares, paired by
            example.
        transferred: its accuracy on the examples of `worth`.
        control: the control's, on the same.
        control_name: what did best without transfer.
        num_examples: that `worth` is of, and `num_all` that there are.
        limit_seconds: that training from scratch was allowed; None where it was not tried.
        seconds: that the control took.
        without: all that was tried without transfer.
        expects_gain: whether a gain of a point or more is to be expected.
        message: all of it in words.
        conditions: what makes transfer promising, or not.
        notes: what was not tried, and why.
    """

    worth: Estimate
    transferred: Estimate
    control: Estimate
    control_name: str
    num_examples: int
    num_all: int
    limit_seconds: float | None
    seconds: float
    without: tuple[Without, ...]
    expects_gain: bool
    message: str
    conditions: tuple[Condition, ...] = ()
    notes: tuple[str, ...] = ()


def cheap_controls(comparison: Comparison) -> list[ComparedPredictions]:
    """Return what needs no training of a network: random weights, and the raw inputs."""
    head_run, labels, found = comparison.head_run, comparison.labels, []
    random = random_network(head_run)
    if random is not None:
        started = time.monotonic()
        with renamed("{} of random weights"):
            extraction = extract(
                comparison.examples,
                random,
                pools=head_run.pools,
                device=head_run.options.device,
                views=ViewSettings(augment=head_run.augment, num_views=head_run.num_views),
            )
        if not extraction.skipped:
            recipe = head_run.recipe
            with renamed("{} random weights"):
                cross_val = cross_val_predict(
                    extraction.table.in_memory(),
                    replace(labels.alone(), views=extraction.views),
                    indices=np.arange(len(labels.classes)),
                    features=features_key(extraction.space, head_run, comparison.indices),
                    settings=recipe.head_settings(),
                    num_folds=recipe.num_folds,
                    num_repeats=recipe.num_repeats,
                )
            right = (cross_val.probabilities.argmax(2) == labels.classes).mean(0)
            found.append(_answered("a new head on random weights", right, started))
    started = time.monotonic()
    kind = head_run.found.modality
    try:
        similarity = raw_similarity(comparison.examples, kind)
    except ExampleError:
        return found
    with one_thread():
        right = probe(similarity, labels, comparison.drawn)
    found.append(_answered(f"a head on {NAMES[kind]}", right, started))
    return found


def weigh(
    comparison: Comparison,
    controls: Sequence[ComparedPredictions],
    *,
    limit_seconds: float | None = None,
    caveat: str = "",
    conditions: Sequence[Condition] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """Set transfer against the best of the controls.

    Args:
        controls: at least one. Which is best is asked on the examples that all of them answered.
        limit_seconds: that training from scratch was allowed; None where it was not tried.
        caveat: that goes with the verdict wherever it is read.
    """
    best = _best(controls)
    own = comparison.transferred.right[best.indices]
    groups = None if comparison.groups is None else comparison.groups[best.indices]
    worth = gain(own - best.right, groups)
    num_all, num = len(comparison.head_run.examples), len(best.indices)
    return Verdict(
        worth=worth,
        transferred=accuracy(own, groups),
        control=accuracy(best.right, groups),
        control_name=best.name,
        num_examples=num,
        num_all=num_all,
        limit_seconds=limit_seconds,
        seconds=best.seconds,
        without=tuple(_without(one, comparison) for one in controls),
        expects_gain=worth.low > 0 and worth.value >= LEAST_GAIN,
        message=" ".join(filter(None, [_say(worth, best, comparison, float(own.mean())), caveat])),
        conditions=tuple(conditions),
        notes=tuple(notes),
    )


def _answered(name: str, right: Any, started: float) -> ComparedPredictions:
    indices = np.arange(len(right))
    return ComparedPredictions(
        name=name, indices=indices, right=right, seconds=time.monotonic() - started
    )


def _best(controls: Sequence[ComparedPredictions]) -> ComparedPredictions:
    """Return the most accurate on the examples that all answered; of equals, the first."""
    common = reduce(np.intersect1d, [one.indices for one in controls])

    def share(one: ComparedPredictions) -> float:
        return float(one.right[np.isin(one.indices, common)].mean())

    return max(controls, key=share)


def _without(one: ComparedPredictions, comparison: Comparison) -> Without:
    groups = None if comparison.groups is None else comparison.groups[one.indices]
    return Without(
        name=one.name,
        accuracy=accuracy(one.right, groups),
        num_examples=len(one.indices),
        seconds=one.seconds,
    )


def _say(worth: Estimate, control: ComparedPredictions, comparison: Comparison, own: float) -> str:
    head_run = comparison.head_run
    num_all, num = len(head_run.examples), len(control.indices)
    on = f"on {'' if num == num_all else f'{num:,} of '}your {num_all:,} {head_run.found.modality}s"
    figures = points(worth)
    if worth.high < 0:
        figures = points(Estimate(value=-worth.value, low=-worth.high, high=-worth.low))
        message = f"Transfer costs you {figures.lstrip('+')} against {control.name} {on}."
    elif worth.low > 0 and worth.value >= LEAST_GAIN:
        message = f"Transfer is worth {figures} over {control.name} {on}."
    elif worth.low > 0:
        message = (
            f"Transfer would not hurt, but do not expect a gain: {figures} over {control.name} "
            f"{on}, less than a point."
        )
    else:
        start = "Do not expect a gain from transfer"
        rough = (worth.high - worth.low) / 2 > ROUGH
        if rough and worth.value >= LEAST_GAIN:
            start = "Transfer may help, but that is not sure"
        elif not rough and worth.value >= -LEAST_GAIN:
            start = "Transfer would not hurt, but do not expect a gain"
        message = f"{start}: {figures} over {control.name} {on}, which chance alone may give."
        if rough:
            groups = comparison.groups
            few = "" if groups is None else f" in {len(np.unique(groups)):,} groups"
            message += f" {num:,} examples{few} are too few to tell."
    if worth.low <= 0 and comparison.transferred.name == HEAD_ALONE:
        message += (
            " That is of a new head alone; `topwork train` also tries to train blocks below it."
        )
    return f"{message} Of those left out {own:.1%} were right with transfer, " + (
        f"{control.right.mean():.1%} without."
    )
