"""Labels that are no classes: quantities and lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from topwork.errors import DataError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_BRACKETS = {"[": "]", "{": "}", "(": ")"}
_SEPARATORS = ("|", ";", ",")

FEW_DECIMALS, EACH_DECIMAL = 8, 3
"""Decimals are a quantity from 8 different ones on, if each stands there fewer than 3 times on
average. Ten half stars in a hundred reviews are 10 times each; prices and temperatures are not."""

FEW_WHOLE, EACH_WHOLE = 20, 2
"""The same for whole numbers, which are names of classes more often than not (digits, years,
species): from 20 different ones on, and fewer than 2 of each."""

DENSE = 0.5
"""Whole numbers from 0 or 1 on that fill half of their range are numbers of classes, of which a
test set may hold one example each."""

LISTS_SHARE = 0.5
"""Share of the labels in brackets from which on they are lists."""

SHARE_WITH_SEPARATOR, SHARE_RECURRING = 0.2, 0.75
"""Lists of tags: a fifth of the labels have a separator; and of those, three in four are made of
parts each of which stands in another label too. `Portland, OR` has a part of its own, Portland."""

FEW_LISTS, FEW_SPACED_LISTS = 4, 9
"""So many different lists are needed, and more where a blank follows the comma, as in plain
language (`yes, always`), unless some labels have one part and others two."""


def check_label_form(labels: Sequence[str]) -> None:
    """Raise DataError where labels are quantities or lists, each of which is no class."""
    counts = Counter(labels)
    if all(map(_NUMBER.fullmatch, counts)):
        _check_numbers(counts)
        return
    bracketed = [one for one in counts if one and _BRACKETS.get(one[0]) == one[-1]]
    written = any(map(_is_written_list, bracketed))
    if written and sum(counts[label] for label in bracketed) > LISTS_SHARE * len(labels):
        raise _lists(bracketed[0])
    for separator in _SEPARATORS:
        first = _first_list(counts, separator)
        if first is not None:
            raise _lists(first)


def _is_written_list(label: str) -> bool:
    """Whether brackets hold what JSON or Python write there; `[noise]` is a name in brackets."""
    inner = label[1:-1].strip()
    return not inner or inner[0] in "\"'" or "," in inner or inner.isdecimal()


def check_label_values(values: Iterable[object]) -> None:
    """Raise DataError where most of a column's values are lists, which no text shows."""
    given = [value for value in values if value is not None]
    lists = [value for value in given if isinstance(value, list | tuple | dict | set)]
    if len(lists) > LISTS_SHARE * len(given):
        raise _lists(lists[0])


def _check_numbers(counts: Counter[str]) -> None:
    decimals = sum(not label.lstrip("+-").isdecimal() for label in counts)
    few, each = (FEW_DECIMALS, EACH_DECIMAL) if decimals else (FEW_WHOLE, EACH_WHOLE)
    if len(counts) < few or counts.total() >= each * len(counts):
        return
    whole = [] if decimals else sorted(int(label) for label in counts)
    if whole and whole[0] in (0, 1) and len(whole) >= DENSE * (whole[-1] + 1):
        return
    first = ", ".join(list(counts)[:3])
    raise DataError(
        f"The labels are a quantity: {counts.total():,} examples have {len(counts):,} different "
        f"numbers ({first}, ...). A class needs several examples. Cut the quantity into a few "
        "ranges, and give their names as labels (low, middle, high); or name another column: "
        "--label-column (in Python: label_column)."
    )


def _first_list(counts: Counter[str], separator: str) -> str | None:
    """The first of the labels that are lists, if that is what they are."""
    parts = {label: [part.strip() for part in label.split(separator)] for label in counts}
    lists = [label for label, some in parts.items() if len(some) > 1 and all(some)]
    if not lists or sum(counts[one] for one in lists) < SHARE_WITH_SEPARATOR * counts.total():
        return None
    stands_in = Counter(part for some in parts.values() for part in set(some))
    alone = {some[0] for some in parts.values() if len(some) == 1}
    varied = len({len(parts[label]) for label in lists}) > 1 or any(
        part in alone for label in lists for part in parts[label]
    )
    spaced = any(f"{separator} " in label for label in lists)
    if len(lists) < (FEW_SPACED_LISTS if spaced and not varied else FEW_LISTS):
        return None
    recurring = sum(all(stands_in[part] > 1 for part in parts[label]) for label in lists)
    many = recurring >= SHARE_RECURRING * len(lists) and len(stands_in) <= len(counts)
    return lists[0] if many else None


def _lists(first: object) -> DataError:
    return DataError(
        f"The labels are lists (the first: {first!r}); accepted: one class for each example (not "
        "a list; one text or number). Give the one that matters most, or make a table for each "
        "label, with yes and no, and train a model of each."
    )
