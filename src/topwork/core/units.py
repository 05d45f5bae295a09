"""Reads a time limit as people write it: 90s, 10m, 1h30m.

What it does not know: what is limited.
"""

from __future__ import annotations

import math
import re

from topwork.errors import SettingError

_NUMBER = r"\d+(?:\.\d+)?"
_FORM = re.compile(
    rf"(?:(?P<h>{_NUMBER}) ?h)? ?(?:(?P<m>{_NUMBER}) ?m(?:in)?)? ?(?:(?P<s>{_NUMBER}) ?s?)?",
    re.ASCII,
)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def parse_seconds(given: str | float) -> float:
    """Return seconds, above 0: of a number, or of words such as `90s`, `10m`, `1h30m`, `1.5h`.

    A number without a unit is of seconds. Raises SettingError on all else.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    else:
        found = _FORM.fullmatch(str(given).strip().lower())
        said = {k: v for k, v in found.groupdict().items() if v} if found else {}
        seconds = sum(float(value) * _SECONDS[unit] for unit, value in said.items())
    if not (math.isfinite(seconds) and seconds > 0):
        raise SettingError(
            f"The time limit is {given!r}; accepted: hours, minutes and seconds above 0, such as "
            "90s, 10m or 1h30m."
        )
    return seconds
