"""Repeats, conflicts and leaks between parts.

- The same content and label again: one example, the first by name.
- The same content under two labels: every copy is left out, for no one knows which is right.
- The same content in two parts of a data set: kept in test, else in validation, else in train.
  A copy of a test image that was learned from would flatter the score.
- The same content and label in two groups: kept once, in the first one's group, and reported.

A class that loses all its examples so, or because they cannot be read, is an error.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from topwork.core.progress import staged
from topwork.errors import SourceError, TooFewError
from topwork.examples.example import Example, ExampleSet, Modality, Skipped, Split
from topwork.examples.kinds import with_article

_SPLIT_WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLIT_NAMES: dict[str, Split] = {
    f"{word}{ending}": split
    for split, words in _SPLIT_WORDS.items()
    for word in words
    for ending in ("", "set", "_set", "-set", " set")
}
"""The names that authors give to the parts of a data set, in lower case."""

_SHORT, _MAX_MARKS = 1_000, 30
"""Unicode's own bound (UAX #15, stream-safe text); a short text is in order soon in any case."""

_NUM_THREADS = min(4, os.cpu_count() or 1)  # hashing waits for the disk more than for a core
_PART = 64
"""Inputs that a thread hashes before it says so."""

_KEPT_FIRST: dict[Split | None, int] = {"test": 0, "validation": 1, "train": 2, None: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class RawExample:
    """One input, before it is known whether it repeats another.

    Attributes:
        order: examples are sorted by it, and by name where it is None: row 10 comes after row 9.
        digest: the SHA-256 of its content, or what computes it, and raises OSError, ExampleError
            or ValueError where it cannot be read.
        name, read, label, group, split: as in `Example`.
    """

    name: str
    order: tuple[str, int] | None = None
    digest: str | Callable[[], str]
    read: Callable[[], object]
    label: str | None = None
    group: str | None = None
    split: Split | None = None

    def example(self, digest: str) -> Example:
        """The example with this digest."""
        return Example(
            name=self.name,
            digest=digest,
            read=self.read,
            label=self.label,
            group=self.group,
            split=self.split,
        )


def gather(
    found: Sequence[RawExample],
    *,
    modality: Modality,
    origin: str,
    skipped: Iterable[Skipped] = (),
    ignored: Counter[str] | None = None,
    decided: Iterable[str] = (),
    remarks: Iterable[str] = (),
) -> ExampleSet:
    """Hash all that was found and return it as a set in which each content stands once.

    Every input ends up in exactly one of `examples`, `skipped` and `num_duplicates`.

    Raises:
        SourceError: no example is left.
        TooFewError: none is left of a class to learn.
    """
    ordered = sorted(found, key=lambda one: one.order or (one.name, 0))
    digests = hash_all(ordered)
    counts = Counter(digest for digest in digests if isinstance(digest, str))
    repeated: dict[str, list[int]] = {digest: [] for digest, n in counts.items() if n > 1}
    kept: list[int] = []  # places in `ordered`
    lost: dict[int, Skipped] = {}
    for place, result in enumerate(digests):
        if isinstance(result, Skipped):
            lost[place] = result
        elif result in repeated:
            repeated[result].append(place)
        else:
            kept.append(place)
    num_duplicates = 0
    for places in repeated.values():
        same = [ordered[place] for place in places]
        chosen = _choose(same)
        kept += [place for place in places if ordered[place] is chosen]
        for place, one in zip(places, same, strict=True):
            conflict = _conflict(one, chosen, same)
            if conflict:
                lost[place] = Skipped(name=one.name, reason=conflict)
            elif one is not chosen:
                num_duplicates += 1
    passed_over = [*skipped, *lost.values()]
    if not kept:
        raise SourceError(_nothing_left(origin, passed_over, modality))
    first_lost: dict[str, Skipped] = {}
    for place in sorted(lost):
        if _learned(ordered[place]) and ordered[place].label is not None:
            first_lost.setdefault(ordered[place].label or "", lost[place])
    check_classes_left(first_lost, (ordered[place] for place in kept))
    return ExampleSet(
        examples=tuple(ordered[place].example(str(digests[place])) for place in sorted(kept)),
        modality=modality,
        origin=origin,
        skipped=tuple(sorted(passed_over, key=lambda s: (s.name, s.reason))),
        ignored=ignored if ignored is not None else Counter(),
        num_duplicates=num_duplicates,
        decided=tuple(decided),
        remarks=tuple(remarks),
    )


def check_classes_left(lost: Mapping[str, Skipped], left: Iterable[RawExample | Example]) -> None:
    """Raise TooFewError where a class has inputs to learn from, but none that can be used.

    Args:
        lost: of classes that have lost inputs, one of these.
        left: what can be used.
    """
    there = {one.label for one in left if _learned(one)}
    gone = [label for label in lost if label not in there]
    if gone:
        listed = "; ".join(f"{label!r} ({lost[label].name}: {lost[label].reason})"
                           for label in sorted(gone)[:5])  # fmt: skip
        raise TooFewError(
            f"No example is left to learn from of {len(gone)} of the classes: {listed}. Correct "
            "these, bring others, or take the class out."
        )


def _learned(one: RawExample | Example) -> bool:
    """Whether it is in a part that may be learned from."""
    return one.split != "test"


def hash_all(found: Sequence[RawExample]) -> list[str | Skipped]:
    """Return each one's digest in order, or the reason why it cannot be read."""

    def digest_of(one: RawExample) -> str | Skipped:
        try:
            return one.digest if isinstance(one.digest, str) else one.digest()
        except OSError as error:
            reason = f"the file cannot be read: {error.strerror or error}"
        except ValueError as error:  # an ExampleError; or a NUL character in a path
            reason = str(error)
        return Skipped(name=one.name, reason=reason)

    digests: list[str | Skipped] = []
    # What is inside a Parquet table was hashed as it was read, and told then.
    report = staged("read") if any(callable(one.digest) for one in found) else None
    # A part at a time: a future for every input would take twice the memory of all the rest.
    parts = [found[i : i + _PART] for i in range(0, len(found), _PART)]
    with ThreadPoolExecutor(_NUM_THREADS) as pool:
        for some in pool.map(lambda part: [digest_of(one) for one in part], parts):
            digests += some
            if report is not None:
                report(len(digests), len(found))
    return digests


def clean_text(text: str) -> str:
    """Return a name or label as it can be printed and stored: composed, and valid Unicode.

    A Mac writes the letters of `é` apart, others together; and a file's name need not be UTF-8.
    """
    try:
        whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, as JSON can spell it
        whole = text.encode("utf-8", "backslashreplace").decode()
    return whole if _has_many_marks(whole) else unicodedata.normalize("NFC", whole)


def _has_many_marks(text: str) -> bool:
    """Whether a letter has more marks than any language: they are put in order one by one."""
    num = 0
    for letter in text if len(text) > _SHORT else "":
        num = num + 1 if unicodedata.combining(letter) else 0
        if num > _MAX_MARKS:
            return True
    return False


def _choose(same: Sequence[RawExample]) -> RawExample | None:
    """The copy that stands for all; None where their labels differ."""
    if len({one.label for one in same}) > 1:
        return None
    return min(same, key=lambda one: _KEPT_FIRST[one.split])  # the first by name among equals


def _conflict(one: RawExample, chosen: RawExample | None, same: Sequence[RawExample]) -> str | None:
    """Why this copy is reported; None where it is the chosen one or a plain repeat of it."""
    if chosen is None:
        other = next(o for o in same if o.label != one.label)
        return (
            f"labelled {one.label!r}, but {other.name} has the same content and is labelled "
            f"{other.label!r}; both are left out. Keep the right one"
        )
    if one is chosen:
        return None
    if _KEPT_FIRST[one.split] != _KEPT_FIRST[chosen.split]:
        return (
            f"the same content as {chosen.name}, which is in {chosen.split}; left out of "
            f"{one.split or 'the rest'}, for it would flatter the score"
        )
    if one.group != chosen.group:
        return (
            f"the same content as {chosen.name}, but in group {one.group!r} instead of "
            f"{chosen.group!r}; kept once, in the latter"
        )
    return None


def _nothing_left(origin: str, skipped: Sequence[Skipped], modality: Modality) -> str:
    if not skipped:
        return (
            f"{origin} holds no examples. Accepted: at least {with_article(modality)} with a label "
            "of each of two classes."
        )
    first = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3])
    return (
        f"None of the {len(skipped)} inputs in {origin} can be used. The first: {first}. "
        "Correct these and run again."
    )
