"""Progress of calls in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from topwork.core.extras import is_installed
from topwork.core.progress import Listener, is_heard, listening

WIDGETS = "ipywidgets"
"""Rich shows nothing but a warning in a notebook without it."""


@contextmanager
def shown(listener: Listener | None) -> Iterator[None]:
    """Report what runs inside to `listener`; with None in a notebook, to bars."""
    if listener is not None or is_heard() or not can_show_bars():
        with listening(listener):
            yield
        return
    from rich.console import Console

    from topwork.core.bars import bars

    with bars(Console()):
        yield


def can_show_bars() -> bool:
    """Whether this process is a notebook's kernel, and bars can be seen there.

    IPython is asked only where something else has loaded it: without it there is no kernel.
    """
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if ask is None else ask()
    return type(shell).__name__ == "ZMQInteractiveShell" and is_installed(WIDGETS)
