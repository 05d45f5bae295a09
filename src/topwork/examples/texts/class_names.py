"""Names of classes as texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from topwork.errors import SettingError, SourceError
from topwork.examples.example import Example
from topwork.examples.objects import examples_from


def name_examples(classes: Sequence[str]) -> tuple[Example, ...]:
    """Return an example of each class: its name, in words. None where no name has a word.

    >>> [example.label for example in name_examples(["card_arrival", "PIN blocked"])]
    ['card_arrival', 'PIN blocked']
    >>> name_examples(["0", "1"])
    ()
    """
    names = [words_of(name) for name in classes]
    if not any(re.search(r"[^\W\d_]{2}", name) for name in names):
        return ()
    return tuple(examples_from(names, list(classes), modality="text").examples)


def description_examples(
    descriptions: Mapping[str, str] | None, classes: Sequence[str]
) -> tuple[Example, ...]:
    """Return what is said of each class as an example of it.

    Raises SettingError where a class is not among these.
    """
    given = descriptions or {}
    unknown = sorted(given.keys() - set(classes))
    if unknown:
        raise SettingError(
            f"class_descriptions has {', '.join(map(repr, unknown[:5]))}; accepted: the classes, "
            f"{', '.join(map(repr, classes[:10]))}{', ...' if len(classes) > 10 else ''}. Correct "
            "the name, or leave it out."
        )
    return tuple(
        examples_from(list(given.values()), list(given), modality="text").examples if given else ()
    )


def read_names(path: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the classes that a text file names, one a line, and what it says of them.

    A description follows its name after a tab. Empty lines, and those that begin with `#`, are
    passed over.

    Raises SourceError where it cannot be read, names fewer than two, or one of them twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The names of the classes cannot be read from {str(path)!r}: {error}. Give a text "
            "file in UTF-8, with one name a line."
        ) from error
    rows = [line.split("\t", 1) for line in lines if line.strip() and not line.startswith("#")]
    names = [row[0].strip() for row in rows]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if len(names) < 2 or twice:
        wrong = f"names {twice[0]!r} twice" if twice else f"has {len(names)} names"
        raise SourceError(
            f"{str(path)!r} {wrong}; accepted: two or more classes, each once, one a line, with "
            "a description after a tab where you have one."
        )
    said = {row[0].strip(): row[1].strip() for row in rows if len(row) > 1 and row[1].strip()}
    return tuple(names), said


def words_of(name: str) -> str:
    """Return a class name as a person would write it.

    >>> words_of("card_arrival"), words_of("cardArrival"), words_of("Hotel-Booking")
    ('card arrival', 'card arrival', 'hotel booking')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\W_]+", apart)).strip().lower() or name
