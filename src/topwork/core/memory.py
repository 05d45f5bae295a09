"""Memory that is free."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path


def available_bytes() -> int | None:
    """Return how much memory can be had without swapping; None where the system does not say."""
    with suppress(OSError):
        told = re.search(r"^MemAvailable:\s*([0-9]+) kB", Path("/proc/meminfo").read_text(), re.M)
        if told is not None:
            return 1024 * int(told[1])
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        return int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    return None
