"""Selected strategy and the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from topwork.core.plain import KEY, Plain
from topwork.evaluation.intervals import Estimate


@dataclass(frozen=True, kw_only=True)
class Candidate(Plain):
    """One way of training, as far as it was tried.

    Attributes:
        strategy: `head`, `last:7`, ...
        accuracy: on examples left out.
        num_examples: how many these were.
        incumbent: the accuracy of the best way before it on the same examples; None for the head
            itself, and where nothing was compared.
        gain: how much more of them it got right than that way; None for the head itself.
        gain_error: the standard error of that.
        seconds: it took, on the clock.
        verdict: what became of it, in a few words.
    """

    strategy: str = field(metadata={KEY: "way"})
    accuracy: Estimate
    num_examples: int
    gain: float | None
    gain_error: float | None
    seconds: float
    verdict: str
    incumbent: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Selection(Plain):
    """Which way a model was trained, out of which, and why.

    Attributes:
        strategy: the one taken.
        reason: in one sentence; empty where the user chose.
        candidates: all that were looked at, the head first.
        trained: which blocks were trained, and how, in a sentence; empty for the head alone.
        unfinished: the digest of the run that is to go on from here; empty where it came to its
            end.
    """

    strategy: str = field(metadata={KEY: "way"})
    reason: str = ""
    candidates: Sequence[Candidate] = field(default=(), metadata={KEY: "tried"})
    trained: str = ""
    unfinished: str = ""

    @property
    def taken(self) -> int:
        """The place among the candidates of the one that was taken: the last that paid."""
        paid = [i for i, one in enumerate(self.candidates) if one.verdict.startswith("taken")]
        return paid[-1] if paid else 0
