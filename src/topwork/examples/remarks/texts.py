"""Texts that the tokenizer knows little of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from topwork.errors import ExampleError
from topwork.examples.example import Example
from topwork.examples.kinds import counted
from topwork.examples.remarks.sample import spread
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import unknown_letters

MAX_LOOKED_AT = 300

KNOWN_LITTLE = 0.5
"""Share of a text's letters that are unknown from which little of it is left to learn from."""

SOME = 0.05
"""Share of such texts from which they are a remark."""


def text_remarks(examples: Sequence[Example], preprocessing: TextInput) -> list[str]:
    """Return a sentence where the tokenizer knows little of many texts, of a sample of them."""
    shares, first = [], ""
    for example in spread(examples, MAX_LOOKED_AT):
        with suppress(ExampleError, OSError):  # to be said when it is read
            content = example.read()
            if not isinstance(content, str):
                continue
            unknown, num = unknown_letters(content, preprocessing)
            shares.append(unknown / max(num, 1))
            first = first or (example.name if shares[-1] > KNOWN_LITTLE else "")
    strange = [share for share in shares if share > KNOWN_LITTLE]
    if not strange or len(strange) < SOME * len(shares):
        return []
    known = 1 - sum(strange) / len(strange)
    return [
        f"Of {len(strange):,} of {counted(len(shares), 'text')} that were looked at (the first: "
        f"{first}), the backbone's tokenizer knows {known:.0%} of the letters: all that it does "
        "not know is the same to the network. Take a backbone for their language or script "
        "(--backbone intfloat/multilingual-e5-small, for one)."
    ]
