"""User's text within rich's markup."""

from __future__ import annotations

from rich import markup

from topwork.core.printable import printable


def escape(text: str) -> str:
    """Return a text that shows as it is: no markup, and nothing that a terminal acts on."""
    return markup.escape(printable(text))
