"""Says what transfer is worth on this data, against the best that could be had without it.

Without it are: the same network trained from random weights within a time limit (control.py), the
same network frozen with random weights, and the inputs as they are, both under the same kind of
head. Whichever does best stands for "from scratch", so that nothing is claimed that a user could
have had without transfer. Gains are paired, example by example, on the same folds.
What it does not know: how the questions are shown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, final

import numpy as np

from topwork.errors import ExampleError
from topwork.evaluation.crossval import cross_predict, one_thread
from topwork.evaluation.intervals import Estimate, accuracy
from topwork.evidence.transfer.comparison import HEAD_ALONE, Answered, Compared, features_key
from topwork.evidence.transfer.conditions import Condition, points
from topwork.evidence.transfer.layer_probe import random_network
from topwork.evidence.transfer.paired import gain
from topwork.evidence.transfer.probe import probe
from topwork.evidence.transfer.raw_inputs import NAMES, raw_similarity
from topwork.features.extract import extract
from topwork.model.model import Progress, staged

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
class Verdict:
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
        says: all of it in words.
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
    says: str
    conditions: tuple[Condition, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Verdict:
        """Undo `to_dict`. Raises KeyError or TypeError on other data."""
        parts = dict(data)
        for name in ("worth", "transferred", "control"):
            parts[name] = Estimate(**parts[name])
        parts["without"] = tuple(
            Without(**{**one, "accuracy": Estimate(**one["accuracy"])}) for one in parts["without"]
        )
        parts["conditions"] = tuple(Condition(**one) for one in parts["conditions"])
        parts["notes"] = tuple(parts["notes"])
        return Verdict(**parts)


def cheap_controls(compared: Compared, *, on_progress: Progress | None = None) -> list[Answered]:
    """Return what needs no training of a network: random weights, and the raw inputs."""
    frozen, labels, found = compared.frozen, compared.labels, []
    random = random_network(frozen)
    if random is not None:
        started = time.monotonic()
        extraction = extract(
            compared.examples, random, pools=frozen.pools, device=frozen.device,
            on_progress=staged(on_progress, "features of random weights"),
        )  # fmt: skip
        if not extraction.skipped:
            recipe = frozen.recipe
            crossed = cross_predict(
                extraction.table.in_memory(),
                labels,
                features=features_key(extraction.space, frozen, compared.places),
                settings=recipe.head_settings(),
                num_folds=recipe.num_folds,
                num_repeats=recipe.num_repeats,
                on_progress=staged(on_progress, "cross-validate random weights"),
            )
            right = (crossed.probabilities.argmax(2) == labels.classes).mean(0)
            found.append(_answered("a new head on random weights", right, started))
    started = time.monotonic()
    kind = frozen.found.modality
    try:
        similarity = raw_similarity(compared.examples, kind)
    except ExampleError:
        return found
    with one_thread():
        right = probe(similarity, labels, compared.drawn)
    found.append(_answered(f"a head on {NAMES[kind]}", right, started))
    return found


def weigh(
    compared: Compared,
    controls: Sequence[Answered],
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
    own = compared.transferred.right[best.rows]
    groups = None if compared.groups is None else compared.groups[best.rows]
    worth = gain(own - best.right, groups)
    num_all, num = len(compared.frozen.examples), len(best.rows)
    return Verdict(
        worth=worth,
        transferred=accuracy(own, groups),
        control=accuracy(best.right, groups),
        control_name=best.name,
        num_examples=num,
        num_all=num_all,
        limit_seconds=limit_seconds,
        seconds=best.seconds,
        without=tuple(_without(one, compared) for one in controls),
        expects_gain=worth.low > 0 and worth.value >= LEAST_GAIN,
        says=" ".join(filter(None, [_say(worth, best, compared, float(own.mean())), caveat])),
        conditions=tuple(conditions),
        notes=tuple(notes),
    )


def _answered(name: str, right: Any, started: float) -> Answered:
    rows = np.arange(len(right))
    return Answered(name=name, rows=rows, right=right, seconds=time.monotonic() - started)


def _best(controls: Sequence[Answered]) -> Answered:
    """Return the most accurate on the examples that all answered; of equals, the first."""
    common = reduce(np.intersect1d, [one.rows for one in controls])

    def share(one: Answered) -> float:
        return float(one.right[np.isin(one.rows, common)].mean())

    return max(controls, key=share)


def _without(one: Answered, compared: Compared) -> Without:
    groups = None if compared.groups is None else compared.groups[one.rows]
    return Without(
        name=one.name,
        accuracy=accuracy(one.right, groups),
        num_examples=len(one.rows),
        seconds=one.seconds,
    )


def _few(compared: Compared, num: int) -> str:
    groups = compared.groups
    said = f"{num:,} examples"
    return said if groups is None else f"{said} in {len(np.unique(groups)):,} groups"


def _say(worth: Estimate, control: Answered, compared: Compared, own: float) -> str:
    frozen = compared.frozen
    num_all, num = len(frozen.examples), len(control.rows)
    what = f"{frozen.found.modality}s"
    on = f"on your {num_all:,} {what}"
    if num < num_all:
        on = f"on {num:,} of your {num_all:,} {what}"
    figures = points(worth)
    if worth.high < 0:
        figures = points(Estimate(value=-worth.value, low=-worth.high, high=-worth.low))
        said = f"Transfer costs you {figures.lstrip('+')} against {control.name} {on}."
    elif worth.low > 0 and worth.value >= LEAST_GAIN:
        said = f"Transfer is worth {figures} over {control.name} {on}."
    elif worth.low > 0:
        said = (
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
        said = f"{start}: {figures} over {control.name} {on}, which chance alone may give."
        if rough:
            said += f" {_few(compared, num)} are too few to tell."
    if worth.low <= 0 and compared.transferred.name == HEAD_ALONE:
        said += " That is of a new head alone; `topwork train` also tries to train blocks below it."
    return f"{said} Of those left out {own:.1%} were right with transfer, " + (
        f"{control.right.mean():.1%} without."
    )
