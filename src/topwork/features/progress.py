"""Tells how far a pass over the examples is, often enough for a bar and no oftener.

What it does not know: what is done with the examples, and who looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import final

PROGRESS_EXAMPLES, PROGRESS_SECONDS = 16, 1.0

Progress = Callable[[int, int], None]


@final
class Report:
    """Calls back often enough for a progress bar, and not for every example."""

    def __init__(self, call: Progress | None, *, done: int, total: int) -> None:
        self._call = call or (lambda done, total: None)
        self._done = done
        self._total = total
        self._told()

    def add(self, count: int) -> None:
        """Count more examples as done."""
        self._done += count
        if (
            self._done - self._last_done >= PROGRESS_EXAMPLES
            or time.monotonic() - self._last_time >= PROGRESS_SECONDS
        ):
            self._told()

    def finish(self) -> None:
        """Tell what was not told yet."""
        if self._done != self._last_done:
            self._told()

    def _told(self) -> None:
        self._last_done, self._last_time = self._done, time.monotonic()
        self._call(self._done, self._total)
