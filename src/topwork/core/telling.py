"""Lines that a run says of itself.

What Topwork decided by itself is an INFO of the logger `topwork`; what looks like a mistake is a
WARNING, which Python prints on standard error where nobody has set up logging.
"""

from __future__ import annotations

import logging
import math
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


def in_words(seconds: float) -> str:
    """Return a time for a person, rounded up.

    >>> [in_words(seconds) for seconds in (0.3, 1.0, 42, 100, 3600, 9000)]
    ['1 second', '1 second', '45 seconds', '2 minutes', '60 minutes', '2.5 hours']
    """
    if seconds <= 10:
        number, unit = max(math.ceil(seconds), 1), "second"
    elif seconds <= 60:
        number, unit = 5 * math.ceil(seconds / 5), "second"
    elif seconds <= 5400:
        number, unit = math.ceil(seconds / 60), "minute"
    else:
        return f"{math.ceil(seconds / 360) / 10:g} hours"
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
