"""Occlusion of texts.

Each word in turn is left out, and what the answer loses is the word's weight (Li, Monroe and
Jurafsky 2016, "Understanding neural networks through representation erasure").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np

from topwork.evidence.attribution.log_odds import example_of, odds_of
from topwork.examples.texts.preprocessing import TextInput
from topwork.model.model import Model

MAX_PARTS = 64
"""A text of more words is taken in so many runs of words, and costs so many runs of itself."""


@final
@dataclass(frozen=True, kw_only=True)
class TextOcclusion:
    """The words of a text, and what each said for a class.

    Attributes:
        words: as they stand in the text, with their weights: by how much the class's log-odds
            fall when the word is left out; below 0 where it spoke against. The words of a run
            that was left out together share its weight evenly.
        label: the class that is asked about.
        probability: what the model gives it for the whole text.
    """

    words: tuple[tuple[str, float], ...]
    label: str
    probability: float


def words(model: Model, example: object, label: str | None = None) -> TextOcclusion:
    """Return what each word of a text says for a class (None: the one that the model names).

    Words are what stands between blanks. A text of a single word has nothing to be compared with:
    its weight is how far the log-odds lie above those of a guess.

    Args:
        example: an `Example`, or a text as it is.

    Raises:
        ModalityError: the model is not one of texts.
        SettingError: the model has no such class.
        ExampleError: the text cannot be read.
    """
    given, _ = example_of(model, example, TextInput)
    text = str(given.read())
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    num_parts = max(1, min(len(spans), MAX_PARTS))
    parts = [run.tolist() for run in np.array_split(np.arange(len(spans)), num_parts)]
    without = [] if len(parts) < 2 else [_without(text, spans, part) for part in parts]
    examples = [given, *(replace(given, read=partial(str, other)) for other in without)]
    odds, said = odds_of(model, examples, label)
    if len(parts) < 2:
        drops = [float(odds[0] + np.log(max(1, len(model.classes) - 1)))] * len(parts)
    else:
        drops = [float(odds[0] - one) for one in odds[1:]]
    weights = [
        (text[slice(*spans[i])], drop / len(part))
        for part, drop in zip(parts, drops, strict=True)
        for i in part
    ]
    return TextOcclusion(words=tuple(weights), **said)


def _without(text: str, spans: Sequence[tuple[int, int]], part: Sequence[int]) -> str:
    """Return the text without a run of words, and without the blanks that follow them."""
    start = spans[part[0]][0]
    after = part[-1] + 1
    return text[:start] + text[spans[after][0] :] if after < len(spans) else text[:start].rstrip()
