"""Cuts a text into windows of token numbers, with the backbone's own tokenizer.

What it does not know: where the text comes from, and what the network does with the numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topwork.examples.text_input import TextInput


def text_windows(content: object, spec: TextInput) -> list[npt.NDArray[np.int64]]:
    """Return the windows of a text, int64 [L] each, special tokens included."""
    raise NotImplementedError
