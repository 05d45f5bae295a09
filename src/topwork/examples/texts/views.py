"""Augmented views of texts.

The length stays, and so do special tokens and the prompt.
"""

from __future__ import annotations

import numpy as np

from topwork.core.shapes import Int
from topwork.examples.arrays.views import Draw
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import own_tokens, word_starts

TEXT_AUGMENTATIONS = ("swap",)

SWAP_SHARE = 0.1
"""Of the words, how many pairs change places: Wei and Zou 2019 (EDA), random swap, with
alpha 0.1 and one pair at least. Of their four ways it is the one that keeps the length and
needs no dictionary."""


def text_view(
    window: Int[np.ndarray, " length"], preprocessing: TextInput, draw: Draw
) -> Int[np.ndarray, " length"]:
    """Return the window [L] with words swapped; `draw` gives the generator."""
    random = draw("swap")
    own = own_tokens(window, preprocessing)
    tokens = window[own]
    words = np.split(tokens, word_starts(tokens, preprocessing)[1:])
    if len(words) < 2:
        return window
    for _ in range(max(1, int(SWAP_SHARE * len(words)))):
        one, other = random.choice(len(words), 2, replace=False)
        words[one], words[other] = words[other], words[one]
    return np.concatenate((window[: own.start], *words, window[own.stop :]))
