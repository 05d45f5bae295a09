"""What was tried, what it gave and what it cost, as values.

What it does not know: how any of it was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from topwork.evaluation.intervals import Estimate


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One way of training, as far as it was tried.

    Attributes:
        way: `head`, `last:7`, ...
        accuracy: on examples left out.
        num_examples: how many these were.
        gain: how much more of them it got right than the head; None for the head itself.
        gain_error: the standard error of that.
        seconds: it took, on the clock.
        verdict: what became of it, in a few words.
    """

    way: str
    accuracy: Estimate
    num_examples: int
    gain: float | None
    gain_error: float | None
    seconds: float
    verdict: str

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Tried:
        """Undo `dataclasses.asdict`. Raises KeyError or TypeError on other data."""
        return Tried(**{**data, "accuracy": Estimate(**data["accuracy"])})


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which way a model was trained, out of which, and why.

    Attributes:
        way: the one taken.
        reason: in one sentence; empty where the user chose.
        tried: all that were looked at, the head first.
        trained: which blocks were trained, and how, in a sentence; empty for the head alone.
    """

    way: str
    reason: str = ""
    tried: Sequence[Tried] = ()
    trained: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "way": self.way,
            "reason": self.reason,
            "tried": [asdict(one) for one in self.tried],
            "trained": self.trained,
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Choice:
        """Undo `to_dict`. Raises KeyError or TypeError on other data."""
        return Choice(
            way=data["way"],
            reason=data["reason"],
            tried=tuple(Tried.from_dict(one) for one in data["tried"]),
            trained=data.get("trained", ""),
        )
