"""Progress of long work.

What works reports its stages here; whoever wants to see them listens around it. Neither has to hand
the other through.

>>> def show(stage, done, total):
...     print(stage, done, "of", total)
>>> with listening(show), renamed("{} again"):
...     report("read", 3, 5)
read again 3 of 5
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import final

Listener = Callable[[str, int, int], None]
"""Called with the name of a stage, how much of it is done, and how much there is."""

EXAMPLES_BETWEEN, SECONDS_BETWEEN = 16, 1.0

_LISTENER: ContextVar[Listener | None] = ContextVar("topwork_progress", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Report what runs inside to `listener`; with None, to whoever listens already.

    A thread sees the listener only where it runs in a copy of the context.
    """
    token = _LISTENER.set(listener or _LISTENER.get())
    try:
        yield
    finally:
        _LISTENER.reset(token)


def is_heard() -> bool:
    """Whether anybody listens."""
    return _LISTENER.get() is not None


@contextmanager
def renamed(form: str) -> Iterator[None]:
    """Give every stage inside another name: `form` with the stage in place of its `{}`."""
    outer = _LISTENER.get()
    if outer is None:
        yield
        return
    with listening(lambda stage, done, total: outer(form.replace("{}", stage), done, total)):
        yield


def report(stage: str, done: int, total: int) -> None:
    """Tell whoever listens how much of a stage is done."""
    staged(stage)(done, total)


def staged(stage: str) -> Callable[[int, int], None]:
    """Return a callable that reports one stage to whoever listens now."""
    listener = _LISTENER.get()
    return lambda done, total: None if listener is None else listener(stage, done, total)


@final
class Tally:
    """Counts examples, and reports often enough for a progress bar and no oftener."""

    def __init__(self, stage: str, *, done: int, total: int) -> None:
        self._report = staged(stage)
        self._done = done
        self._total = total
        self._tell()

    def add(self, count: int) -> None:
        """Count more examples as done."""
        self._done += count
        if (
            self._done - self._last_done >= EXAMPLES_BETWEEN
            or time.monotonic() - self._last_time >= SECONDS_BETWEEN
        ):
            self._tell()

    def finish(self) -> None:
        """Report what was not reported yet."""
        if self._done != self._last_done:
            self._tell()

    def _tell(self) -> None:
        self._last_done, self._last_time = self._done, time.monotonic()
        self._report(self._done, self._total)
