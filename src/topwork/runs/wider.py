"""The head on several networks.

Where more than one is installed for a kind of input, and the user named none, a head on what all
of them give is tried against that on the first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.joined import join_backbones
from topwork.core.progress import renamed
from topwork.core.telling import in_words, tell
from topwork.errors import TopworkError
from topwork.features.extract import extract
from topwork.runs.head import HeadRun, run_head
from topwork.training.incumbent import Challenge, Incumbent
from topwork.training.selection import Candidate

NUM_TIMED = 16
"""Examples that a network is timed on, after as many that warm it up; they are kept."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Wider:
    """What became of the head on several networks.

    Attributes:
        row: of the table of what was tried.
        reason: why it was taken, or not, in a sentence.
        head_run: with the head, where it was taken.
        incumbent: what is to be beaten next, where it was taken.
    """

    row: Candidate
    reason: str
    head_run: HeadRun | None = None
    incumbent: Incumbent | None = None


def try_wider(
    head_run: HeadRun, head: Incumbent, companions: Sequence[Backbone], deadline: float
) -> Wider:
    """Return how a head on all networks fares against that on the first, on the same examples.

    Args:
        head: on the first network.
        companions: the others.
        deadline: of `time.monotonic`; what would go beyond it is not begun.
    """
    started = time.monotonic()
    backbone = join_backbones([head_run.backbone, *companions])
    name = f"head on {backbone.name}"
    recipe, options = head_run.recipe, head_run.options
    nothing = Challenge(
        name=name, incumbent=head, labels=head_run.labels,
        judged=np.empty(0, np.intp), right=np.empty(0),
    )  # fmt: skip

    def not_taken(why: str) -> Wider:
        row = nothing.candidate(time.monotonic() - started, f"not taken: {why}")
        return Wider(row=row, reason=f"{name} was not tried, since {why}.")

    try:
        needed = sum(_seconds(head_run, one) for one in companions)
        if time.monotonic() + needed > deadline:
            return not_taken(f"it would take {in_words(needed)} or more; see --time-limit")
        tell(
            [
                f"Next: {name}, whether that is better; its features take {in_words(needed)} or so "
                "(--time-limit)."
            ]
        )
        with renamed(f"{{}} for {name}"):
            run = run_head(
                head_run.found, recipe.changed(backbone=backbone.name), backbone, options
            )
    except TopworkError as error:
        return not_taken(f"it could not be computed: {error}")
    if run.cross_val is None or run.examples != head_run.examples:
        return not_taken("not all examples can be read for each of these networks")
    found = Incumbent.of_head(run.cross_val.probabilities, run.labels, run.seconds, name)
    challenge = replace(nothing, judged=np.arange(len(found.right)), right=found.right)
    verdict = "taken" if challenge.pays else "not taken"
    row = challenge.candidate(time.monotonic() - started, verdict)
    if not challenge.pays:
        return Wider(row=row, reason=challenge.why())
    return Wider(row=row, reason=f"{name}: {challenge.why()}", head_run=run, incumbent=found)


def _seconds(head_run: HeadRun, network: Backbone) -> float:
    """Return about how long a network takes on all examples and their views."""
    some = head_run.examples[: 2 * NUM_TIMED]
    seconds = 0.0
    for part in (some[:NUM_TIMED], some[NUM_TIMED:]):
        if part:
            found = extract(part, network, pools=head_run.pools, device=head_run.options.device)
            seconds = found.seconds / max(found.num_computed, 1) if found.num_computed else 0.0
    return seconds * len(head_run.examples) * head_run.num_views
