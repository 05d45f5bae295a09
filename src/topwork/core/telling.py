"""Lines that a run says of itself.

What Topwork decided by itself is an INFO of the logger `topwork`; what looks like a mistake is a
WARNING, which Python prints on standard error where nobody has set up logging.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

LOGGER = logging.getLogger("topwork")


def tell(lines: Iterable[str]) -> None:
    """Say what was read or decided."""
    for line in lines:
        LOGGER.info("%s", line)


def warn(remarks: Iterable[str]) -> None:
    """Say what looks like a mistake."""
    for remark in remarks:
        LOGGER.warning("%s", remark)
