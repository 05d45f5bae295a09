"""Labels that look like mistakes."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import final

import numpy as np

from topwork.examples.example import Example

MAX_NAMED = 20
"""Labels that one remark names before "... and 37 more"."""

FEW = 5
"""Examples below which a class is a remark: not every one of five folds can test it."""

RARE = 2
"""Examples up to which a class may be another's misspelling: a slip of the hand is no habit."""

COMMONER = 3.0
"""How many times the other class must have as many."""

MIN_LETTERS = 5
"""Shorter names are words of their own at one letter's distance: cat and car."""

LONG = 12
"""From so many letters on, two letters' distance is a slip, too."""

NO_LABELS = frozenset(
    """n/a na #n/a none null nil nan ? ?? - -- . unknown unlabeled unlabelled undefined missing todo
    tbd tba empty blank""".split()  # noqa: SIM905
)
"""What people write where there is no label, in lower case."""


def label_remarks(examples: Sequence[Example]) -> list[str]:
    """Return what looks like a mistake of the labels, a sentence of each kind."""
    counts = Counter(example.label or "" for example in examples)
    alike = _spelt_alike(counts)
    slips = _slips(counts, {label for labels in alike for label in labels})
    empty = [label for label in sorted(counts) if label.casefold().strip() in NO_LABELS]
    named = {label for labels in alike for label in labels} | set(slips) | set(empty)
    remarks = []
    if alike:
        pairs = [" and ".join(_with_count(one, counts) for one in labels) for labels in alike]
        remarks.append(
            "Labels that differ only in upper case, blanks, marks or the form of a letter count as "
            f"classes of their own: {_some(pairs)}. Spell them alike, if they are one class."
        )
    if slips:
        pairs = [f"{_with_count(a, counts)} beside {_with_count(b, counts)}" for a, b in
                 slips.items()]  # fmt: skip
        remarks.append(
            f"Labels that look misspelt count as classes of their own: {_some(pairs)}. Correct "
            "them, if they are."
        )
    if empty:
        remarks.append(
            "Labels that look like none count as classes: "
            f"{_some(_with_count(one, counts) for one in empty)}. Leave the label empty, or take "
            "these examples out, if they have none."
        )
    few = sorted((n, label) for label, n in counts.items() if n < FEW and label not in named)
    if few:
        remarks.append(
            f"{_classes(len(few))} fewer than {FEW} examples: "
            f"{_some(_with_count(label, counts) for _, label in few)}. What is said of them is "
            "little more than a guess: bring more, or put them together."
        )
    return remarks + _single_groups(examples)


def _classes(num: int) -> str:
    return "1 class has" if num == 1 else f"{num} classes have"


def _spelt_alike(counts: Counter[str]) -> list[list[str]]:
    """Labels that are the same but for case, blanks, marks and the form of letters."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        by_key[_key(label)].append(label)
    return [labels for key, labels in by_key.items() if key and len(labels) > 1]


def _key(label: str) -> str:
    """What is left of a label without case, blanks and the marks that only part words.

    A point between digits stays (1.5 is not 15), and so does the sign of a number.
    """
    text = unicodedata.normalize("NFKC", label).casefold().strip()
    kept = []
    for i, letter in enumerate(text):
        after = text[i + 1 : i + 2].isdigit()
        counts = after if i == 0 else after and text[i - 1].isdigit()
        if counts or not _parts_words(letter):
            kept.append(letter)
    return "".join(kept)


def _parts_words(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in ("Zs", "Cf", "Cc", "Pd", "Pc", "Pi", "Pf") or letter in ".,;:/|'\"`\u00b4"


def _slips(counts: Counter[str], alike: set[str]) -> dict[str, str]:
    """Rare labels that are a letter or two from a far commoner one, with that one."""
    labels = sorted(counts)
    bags = _Bags(labels)
    slips = {}
    for place, label in enumerate(labels):
        if counts[label] > RARE or label in alike:
            continue
        near = [
            other
            for other in bags.near(place, _allowed(label))
            if counts[other] >= COMMONER * counts[label] and _is_slip(label, other)
        ]
        if near:
            slips[label] = max(near, key=lambda other: counts[other])
    return slips


@final
class _Bags:
    """How often each letter stands in each label: far cheaper to compare than their order."""

    def __init__(self, labels: Sequence[str]) -> None:
        letters = {letter: i for i, letter in enumerate(sorted({*"".join(labels).casefold()}))}
        self._labels = labels
        self._bags = np.zeros((len(labels), len(letters)), np.int16)
        for row, label in zip(self._bags, labels, strict=True):
            for letter in label.casefold():
                row[letters[letter]] += 1

    def near(self, place: int, allowed: int) -> list[str]:
        """The other labels whose letters allow them to be at so small a distance."""
        apart = np.abs(self._bags - self._bags[place]).sum(1)
        places = np.flatnonzero(apart <= 2 * allowed).tolist()
        return [self._labels[other] for other in places if other != place]


def _allowed(label: str) -> int:
    return 2 if len(label) >= LONG else 1


def _is_slip(label: str, other: str) -> bool:
    if len(other) < MIN_LETTERS:
        return False
    # Classes that are numbered are told apart by their digits: class_1, class_2.
    digits = ["".join(filter(str.isdigit, one)) for one in (label, other)]
    near = distance(label.casefold(), other.casefold()) <= _allowed(label)
    return digits[0] == digits[1] and near


def distance(one: str, other: str) -> int:
    """Return how many letters must be put in, left out, changed or swapped with the next.

    The optimal string alignment distance (Damerau, 1964).

    >>> distance("card_arrival", "card_arival"), distance("dress", "derss")
    (1, 1)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return row[-1]


def _single_groups(examples: Sequence[Example]) -> list[str]:
    """Where examples have groups: classes that stand in one group only."""
    groups: dict[str, set[str]] = defaultdict(set)
    grouped = [example for example in examples if example.group is not None]
    for example in grouped:
        groups[example.label or ""].add(example.group or "")
    ungrouped = {example.label for example in examples if example.group is None}
    single = sorted(own for own, of in groups.items() if len(of) == 1 and own not in ungrouped)
    if not single:
        return []
    return [
        f"{_classes(len(single))} all examples in one group, so no fold can both learn and test "
        f"{'it' if len(single) == 1 else 'them'}: {_some(map(repr, single))}. Bring examples of "
        "other groups, or say that there are no groups."
    ]


def _with_count(label: str, counts: Counter[str]) -> str:
    return f"{label!r} ({counts[label]})"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MAX_NAMED} more" if len(listed) > MAX_NAMED else ""
    return ", ".join(listed[:MAX_NAMED]) + more
