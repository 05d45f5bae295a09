"""Times, sizes and shares as people write them."""

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
        values = {k: v for k, v in found.groupdict().items() if v} if found else {}
        seconds = sum(float(value) * _SECONDS[unit] for unit, value in values.items())
    if not (math.isfinite(seconds) and seconds > 0):
        raise SettingError(
            f"The time limit is {given!r}; accepted: hours, minutes and seconds above 0, such as "
            "90s, 10m or 1h30m."
        )
    return seconds


def parse_share(text: str, option: str) -> float:
    """Read a share such as `5%` or `0.05`. Raises SettingError on anything else."""
    number = text.strip()
    try:
        return float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError as error:
        raise SettingError(
            f"{option} is {text!r}; accepted: a share such as 5% or 0.05."
        ) from error


UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(text: str) -> int:
    """Return the bytes that a text such as `500MB` or `1.5 GB` stands for."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    unit = match[2].upper() if match else None
    if match is None or unit not in UNITS:
        raise SettingError(
            f"The size is {text!r}; accepted: a number and one of B, KB, MB, GB, TB, such as "
            "500MB. Correct --max-size."
        )
    return int(float(match[1]) * UNITS[unit])


def readable(num_bytes: int) -> str:
    """Return a size for a person."""
    for unit in ("TB", "GB", "MB", "kB"):
        size = UNITS[unit.upper()]
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"
