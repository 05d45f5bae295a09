"""Names of classes as texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def words_of(name: str) -> str:
    """Return a class name as a person would write it.

    >>> words_of("card_arrival"), words_of("cardArrival"), words_of("Hotel-Booking")
    ('card arrival', 'card arrival', 'hotel booking')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\W_]+", apart)).strip().lower() or name
