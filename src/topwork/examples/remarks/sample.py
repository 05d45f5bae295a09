"""Evenly spread sample of examples."""

from __future__ import annotations

from collections.abc import Sequence

from topwork.examples.example import Example


def spread(examples: Sequence[Example], most: int) -> Sequence[Example]:
    """Return at most so many examples, evenly spread and the same each time."""
    count = min(len(examples), most)
    return [examples[i * len(examples) // count] for i in range(count)]
