"""Strategies of training, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, final

from topwork.errors import SettingError

Kind = Literal["auto", "head", "contrast", "last", "all", "scratch"]

ACCEPTED = "auto, head, last:K (the last K blocks), contrast:K (these, by pairs), all, or scratch"

BY_NUMBER: tuple[Kind, ...] = ("last", "contrast")
"""Those that take a number of blocks."""


@final
@dataclass(frozen=True, kw_only=True)
class Strategy:
    """One way; `last_blocks` is K of `last:K` and `contrast:K`, else 0."""

    kind: Kind
    last_blocks: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.last_blocks}" if self.kind in BY_NUMBER else self.kind

    @property
    def trains_blocks(self) -> bool:
        """Whether blocks of the network are trained, not the head alone."""
        return self.kind not in ("auto", "head")


def parse_strategy(text: object) -> Strategy:
    """Read a way's name. Raises SettingError on one that is not accepted."""
    for kind in ("auto", "head", "all", "scratch"):
        if text == kind:
            return Strategy(kind=kind)
    for kind in BY_NUMBER:
        if isinstance(text, str) and re.fullmatch(rf"{kind}:[1-9][0-9]{{0,3}}", text):
            return Strategy(kind=kind, last_blocks=int(text.removeprefix(f"{kind}:")))
    raise SettingError(f"train is {text!r}; accepted: {ACCEPTED}. Write it like --train last:3.")


def block_before(blocks: tuple[str, ...], strategy: Strategy, *, name: str) -> str | None:
    """Return the last block before the cut; None where everything is trained.

    Raises SettingError where the network has no more blocks than are to be trained.
    """
    if strategy.kind not in BY_NUMBER:
        return None
    if strategy.last_blocks >= len(blocks):
        raise SettingError(
            f"train is '{strategy}', and the backbone {name!r} has {len(blocks)} blocks; accepted: "
            f"{strategy.kind}:1 to {strategy.kind}:{len(blocks) - 1}, or all of them: --train all."
        )
    return blocks[-strategy.last_blocks - 1]
