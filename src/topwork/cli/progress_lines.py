"""Progress as lines, for pipes and logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import final

from rich.console import Console

from topwork.core.bars import stage_name
from topwork.core.printable import printable
from topwork.core.progress import listening
from topwork.core.telling import in_words

SHORT_SECONDS = 2.0
"""A stage that ends before has no line at all."""

LONG_SECONDS = 10.0
"""A stage that took longer has a line at its end too."""

EVERY_SECONDS = 60.0
LOOK_SECONDS = 0.5


@contextmanager
def progress_lines(console: Console) -> Iterator[None]:
    """Print lines of the stages of what runs inside.

    A clock of its own looks at them: a stage may take minutes from one report to the next.
    """
    lines = ProgressLines(
        lambda text: console.print(
            printable(text), style="dim", markup=False, highlight=False, soft_wrap=True
        )
    )
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            lines.look()

    watch = threading.Thread(target=look, name="topwork progress", daemon=True)
    watch.start()
    try:
        with listening(lines.report):
            yield
    finally:
        ended.set()
        watch.join()


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """One stage: where it stood as it began, where it stands, and when it was last told of."""

    name: str
    done: int
    total: int
    begun_with: int
    started: float
    told: float | None = None


@final
class ProgressLines:
    """A line when a stage begins, one a minute while it lasts, and one when it ends.

    Of stages within stages the one that was reported last is told of.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}
        self._current: str | None = None

    def report(self, stage: str, done: int, total: int) -> None:
        """Take how much of a stage is done."""
        with self._lock:
            now, known = self._clock(), self._stages.get(stage)
            if known is None or done < known.done:  # it begins, or begins again
                known = _Stage(name=stage, done=done, total=total, begun_with=done, started=now)
            self._stages[stage] = replace(known, done=done, total=total)
            self._current = stage
            if 0 < total <= done:
                self._end(self._stages.pop(stage), now)

    def look(self) -> None:
        """Write a line, where it is time for one."""
        with self._lock:
            one, now = self._stages.get(self._current or ""), self._clock()
            if one is None:
                return
            wait = SHORT_SECONDS if one.told is None else EVERY_SECONDS
            if now - (one.started if one.told is None else one.told) >= wait:
                self._stages[one.name] = replace(one, told=now)
                self._write(_line(one, now))

    def _end(self, one: _Stage, now: float) -> None:
        self._current = None
        if one.told is not None and now - one.started >= LONG_SECONDS:
            took = in_words(now - one.started)
            self._write(f"{stage_name(one.name)}: {one.total:,} in {took}")


def _line(one: _Stage, now: float) -> str:
    """Return how far a stage is, and how long the rest takes at the rate so far."""
    name, gained = stage_name(one.name), one.done - one.begun_with
    if one.total <= 0:  # nobody knows how many there are
        return f"{name}: {one.done:,}"
    text = f"{name}: {one.done:,} of {one.total:,}"
    if gained <= 0:
        return text
    left = (one.total - one.done) * (now - one.started) / gained
    return f"{text}, {in_words(left)} left"
