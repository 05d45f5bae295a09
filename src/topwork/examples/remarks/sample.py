"""Evenly spread sample of examples."""

from __future__ import annotations

from collections.abc import Sequence

from topwork.examples.example import Example


def spread(examples: Sequence[Example], most: int) -> Sequence[Example]:
    """Return at most so many examples, evenly spread and the same each time."""
    return examples[:: -(-len(examples) // most)] if len(examples) > most else examples
