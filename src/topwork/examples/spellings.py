"""Spellings of one label.

What pandas writes of whole numbers as soon as one is missing, 3.0, is 3, as it is in Parquet; and
True is true.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from topwork.examples.deduplicate import RawExample

_TRUTHS = ("true", "false")
_WHOLE = re.compile(r"([+-]?(?:0|[1-9][0-9]*))(\.0+)?")
"""007 is a name, 1.10 a version, and 1e3 nobody's class."""


def one_spelling(labels: Collection[str]) -> dict[str, str]:
    """Return how labels of one column are to be written, of those that change.

    Whole numbers lose their `.0` where all labels are such, or where the number stands there
    without it as well: beside 1.5, 1.0 stays what it is.

    >>> one_spelling({"3.0", "4.0"}), one_spelling({"1.0", "1.5"}), one_spelling({"True", "false"})
    ({'3.0': '3', '4.0': '4'}, {}, {'True': 'true'})
    """
    spelt = {label: _plain(label) for label in sorted(labels)}
    if any(label.casefold() not in _TRUTHS for label in labels) and not all(
        map(_WHOLE.fullmatch, labels)
    ):
        spelt = {label: plain for label, plain in spelt.items() if plain in labels}
    return {label: plain for label, plain in spelt.items() if plain != label}


def spelt_alike(found: Sequence[RawExample]) -> tuple[list[RawExample], dict[str, str]]:
    """Return inputs whose labels and groups are spelt in one way each, and the labels' changes."""
    labels = one_spelling({one.label for one in found if one.label is not None})
    groups = one_spelling({one.group for one in found if one.group is not None})
    if not labels and not groups:
        return list(found), {}
    new = [
        replace(
            one,
            label=labels.get(one.label or "", one.label),
            group=groups.get(one.group or "", one.group),
        )
        for one in found
    ]
    return new, labels


def say_spelling(changes: dict[str, str]) -> list[str]:
    """Say how labels are read that were spelt in another way."""
    if not changes:
        return []
    first = next(iter(changes))
    more = f" (and {len(changes) - 1} more so)" if len(changes) > 1 else ""
    return [f"The label {first!r} is read as {changes[first]!r}{more}."]


def known_as(label: str, classes: Sequence[str]) -> str:
    """Return the one class that a label is another spelling of; else the label as it is."""
    if label in classes:
        return label
    alike = [name for name in classes if _plain(name) == _plain(label)]
    return alike[0] if len(alike) == 1 else label


def _plain(label: str) -> str:
    if label.casefold() in _TRUTHS:
        return label.casefold()
    whole = _WHOLE.fullmatch(label)
    return str(int(whole[1])) if whole and whole[2] else label
