"""Packages that come with an extra."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from topwork.errors import ExtraError

EXTRAS = {
    "torch": "torch",
    "timm": "torch",
    "transformers": "torch",
    "python_calamine": "excel",
}
"""By the name that a package is imported by: the extra that installs it."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    return find_spec(package) is not None


def installed_version(distribution: str) -> str | None:
    """Return the version of what pip calls so; None where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def need(package: str, what: str) -> None:
    """Raise ExtraError where a package is not installed.

    Args:
        what: the beginning of the message, such as `Training blocks`.

    >>> from topwork.core.extras import need
    >>> need("numpy", "Counting")
    """
    if not is_installed(package):
        extra = EXTRAS.get(package, package)
        raise ExtraError(
            f'{what} needs {package}, which is not installed. Run: pip install "topwork[{extra}]"'
        )
