"""Strategies of training, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, final

from topwork.errors import SettingError

Kind = Literal["auto", "head", "last", "all", "scratch"]

ACCEPTED = "auto, head, last:K (the last K blocks), all, or scratch"


@final
@dataclass(frozen=True, kw_only=True)
class Strategy:
    """One way; `last_blocks` is K of `last:K`, else 0."""

    kind: Kind
    last_blocks: int = 0

    def __str__(self) -> str:
        return f"last:{self.last_blocks}" if self.kind == "last" else self.kind

    @property
    def trains_blocks(self) -> bool:
        """Whether blocks of the network are trained, not the head alone."""
        return self.kind in ("last", "all", "scratch")


def parse_strategy(text: object) -> Strategy:
    """Read a way's name. Raises SettingError on one that is not accepted."""
    for kind in ("auto", "head", "all", "scratch"):
        if text == kind:
            return Strategy(kind=kind)
    if isinstance(text, str) and re.fullmatch(r"last:[1-9][0-9]{0,3}", text):
        return Strategy(kind="last", last_blocks=int(text.removeprefix("last:")))
    raise SettingError(f"train is {text!r}; accepted: {ACCEPTED}. Write it like --train last:3.")


def block_before(blocks: tuple[str, ...], strategy: Strategy, *, name: str) -> str | None:
    """Return the last block before the cut; None where everything is trained.

    Raises SettingError where the network has no more blocks than are to be trained.
    """
    if strategy.kind != "last":
        return None
    if strategy.last_blocks >= len(blocks):
        raise SettingError(
            f"train is '{strategy}', and the backbone {name!r} has {len(blocks)} blocks; accepted: "
            f"last:1 to last:{len(blocks) - 1}, or all of them: --train all."
        )
    return blocks[-strategy.last_blocks - 1]
