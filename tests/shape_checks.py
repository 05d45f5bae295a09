"""Checks at every call that arrays have the shapes and types that signatures give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from beartype import BeartypeConf, beartype

ROOMS = ("heads", "evaluation", "executors")
PACKAGE = Path(__file__).resolve().parent.parent / "src" / "topwork"

CHECKED = [
    f"topwork.{room}.{path.stem}"
    for room in ROOMS
    for path in sorted((PACKAGE / room).glob("*.py"))
    if "topwork.core.shapes" in path.read_text(encoding="utf-8")
]
"""Modules of these rooms that give shapes."""


def checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the call with its types checked; as in PEP 484, an int is a float too."""
    return beartype(call, conf=BeartypeConf(is_pep484_tower=True))
