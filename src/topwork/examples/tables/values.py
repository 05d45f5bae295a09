"""Single values of tables: labels, parts, times."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from topwork.examples.deduplicate import SPLIT_NAMES, clean_text
from topwork.examples.example import Split


def read_splits(values: Iterable[object]) -> list[Split | None] | None:
    """Return each row's part of the data set, or None where the column says something else.

    A column named `set` may hold anything: it counts as a split only if every value is blank or
    one of the usual names, and one of them is train.
    """
    splits: list[Split | None] = []
    for value in values:
        try:
            text = (plain_text(value) or "").lower()
        except TypeError:
            return None
        if text and text not in SPLIT_NAMES:
            return None
        splits.append(SPLIT_NAMES.get(text))
    return splits if "train" in splits else None


MAX_LABEL = 1_000
"""Characters. No class has so long a name: it is a text, or a column that was not closed."""


def plain_text(value: object) -> str | None:
    """Return a label or group as text; None where it is blank.

    Whole numbers lose their point (3.0 is "3"), truths are "true" and "false", days are
    "2021-05-01". Raises TypeError on lists and other things that are not one value, and on texts
    too long for a name.
    """
    if isinstance(value, np.datetime64):
        value = None if np.isnat(value) else value.astype("datetime64[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, float | Decimal):
        if math.isnan(value):
            return None
        whole = math.isfinite(value) and value == int(value)
        return str(int(value)) if whole else _digits(value)
    if isinstance(value, bytes):
        value = _as_utf8(value)
    if isinstance(value, str):
        if len(value) > MAX_LABEL:
            raise TypeError(
                f"its label has {len(value):,} characters ({value[:20]!r}...); accepted: a name of "
                f"at most {MAX_LABEL:,}"
            )
        text = clean_text(value).strip()
        return None if text.lower() in ("", "nan") else text
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return str(value)
    raise TypeError(f"its label is a {type(value).__name__}; one text or number is accepted")


def _digits(value: float | Decimal) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else repr(value)


def _as_utf8(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TypeError(
            f"its label is {value[:20]!r}, bytes that are not UTF-8 text; one text or number is "
            "accepted"
        ) from error


def plain_seconds(value: object) -> float | None:
    """Return a time in seconds; None where it is blank. Raises ValueError on anything else."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("", "nan"):
            return None
        if text.count(",") == 1 and "." not in text:  # as half the world writes it
            text = text.replace(",", ".")
        number = float(text) if text.isascii() else math.inf
    elif value is None or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
        number = math.nan if value is None else float(value)
    else:
        raise ValueError(value)
    if math.isnan(number):
        return None
    if not 0 <= number < math.inf:
        raise ValueError(value)
    return number
