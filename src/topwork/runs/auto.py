"""The head, a wider or a deeper one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from topwork.backbones.base import Backbone
from topwork.core.extras import is_installed
from topwork.core.telling import in_words, tell
from topwork.evaluation.crossval import CrossValPredictions
from topwork.executors.choose import resolve_device
from topwork.model.parts import ModelParts
from topwork.runs.head import HeadRun
from topwork.runs.wider import try_wider
from topwork.training.hyperparameters import pairs_may_pay, usual_depth, usual_pair_depth
from topwork.training.incumbent import USUAL_SECONDS, Incumbent
from topwork.training.selection import Candidate, Selection
from topwork.training.strategy import Strategy

NEAREST = (
    "The head alone: `nearest` compares what the network gives as it is. The other heads can be "
    "trained with its last blocks."
)

NO_TORCH = (
    "The head alone: PyTorch is not installed here. With it (pip install 'topwork[torch]') the "
    "last blocks are tried too."
)
NOTHING = "The head alone: the network has one block, so there is none to train after another."
SEVERAL = "The head alone: of several networks no blocks are trained."
UNFINISHED = "The head alone: what goes deeper was not finished. The same command goes on."

OnHead = Callable[[ModelParts], None]
"""Called with the model of the head alone, before anything deeper is tried."""


def run_auto(
    head_run: HeadRun,
    parts: ModelParts,
    cross_val: CrossValPredictions,
    on_head: OnHead | None,
    companions: Sequence[Backbone] = (),
) -> ModelParts:
    """Return the model of the head, or a wider or deeper one where that is worth it.

    Args:
        parts: the model of the head.
        cross_val: the head's predictions, out of fold.
        companions: other networks, for a head on all.
    """
    if head_run.recipe.head == "nearest":
        return _of_head(parts, Selection(strategy="head", reason=NEAREST))
    head = Incumbent.of_head(cross_val.probabilities, head_run.labels, head_run.seconds)
    rows = [head.candidate(head_run.labels)]
    if (why := head.why_nothing_deeper()) is not None:
        return _of_head(parts, _selection([why], rows))
    has_torch = is_installed("torch")
    strategies = _strategies(head_run) if has_torch else []
    deadline = time.monotonic() + (head_run.recipe.limit_seconds() or USUAL_SECONDS)
    reasons = []
    if on_head is not None and (strategies or companions):
        on_head(_of_head(parts, _selection([UNFINISHED], rows)))
    if companions:
        wider = try_wider(head_run, head, companions, deadline)
        rows.append(wider.row)
        reasons.append(wider.reason)
        if wider.head_run is not None and wider.incumbent is not None:
            head, parts = wider.incumbent, wider.head_run.parts()
            if on_head is not None and strategies:
                on_head(_of_head(parts, _selection([UNFINISHED], rows)))
    if not strategies:
        if not has_torch:
            tell([NO_TORCH])
        nothing = SEVERAL if head_run.backbone.parts else NOTHING
        reasons.append(nothing if has_torch else NO_TORCH)
        return _of_head(parts, _selection(reasons, rows))
    on_trial = partial(_tell_trial, keeps_head=on_head is not None)
    from topwork.runs.deeper import go_deeper  # what trains networks takes a moment to load

    selection, deeper = go_deeper(
        head_run, head, strategies, cross_val.folds, on_trial, rows, deadline - time.monotonic()
    )
    if deeper is not None:
        parts, selection = deeper, deeper.selection
    return _of_head(parts, replace(selection, reason=" ".join([*reasons, selection.reason])))


def _selection(reasons: Sequence[str], rows: Sequence[Candidate]) -> Selection:
    return Selection(strategy="head", reason=" ".join(reasons), candidates=tuple(rows))


def _of_head(parts: ModelParts, selection: Selection) -> ModelParts:
    return replace(parts, selection=selection)


def _tell_trial(strategy: Strategy, seconds: float, measured: bool, *, keeps_head: bool) -> None:
    """Say what is tried, how long that takes at most, and what may be done about it."""
    if measured:
        tell([f"Trying {strategy} takes {in_words(seconds)} at most."])
        return
    what = "all blocks" if strategy.kind == "all" else f"the last {strategy.last_blocks} blocks"
    what = "the last block" if strategy.last_blocks == 1 else what
    what += " by pairs of examples" if strategy.kind == "contrast" else ""
    keeps = " Ctrl-C keeps the head." if keeps_head else ""
    tell(
        [
            f"Next: {strategy}, whether training {what} too is better; {in_words(seconds)} at most "
            f"(--time-limit).{keeps}"
        ]
    )


def _strategies(head_run: HeadRun) -> list[Strategy]:
    """Return what may be tried: on a CPU all blocks only where the user gives it time."""
    num_blocks = len(head_run.table.blocks)
    strategies: list[Strategy] = []
    if head_run.backbone.parts:
        return strategies
    if num_blocks > 1:
        num = len(head_run.examples)
        if pairs_may_pay(head_run.found.modality, num):
            depth = usual_pair_depth(num_blocks, num)
            strategies.append(Strategy(kind="contrast", last_blocks=depth))
        strategies.append(Strategy(kind="last", last_blocks=usual_depth(num_blocks)))
    on_gpu = resolve_device(head_run.options.device).startswith("cuda")
    if head_run.recipe.time_limit is not None or on_gpu:
        strategies.append(Strategy(kind="all"))
    return strategies
