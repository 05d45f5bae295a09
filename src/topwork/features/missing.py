"""What is missing of the examples asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from topwork.core.shapes import Bool
from topwork.errors import StoreError
from topwork.examples.example import Example, Skipped

Item = tuple[Example, tuple[int, ...]]
"""An example, and the views of it that are missing."""


def first_of_missing(
    examples: Sequence[Example], wanted: Mapping[bytes, int], missing: Bool[np.ndarray, "n views"]
) -> list[Item]:
    """Return the examples that lack views, the first of those that are equal, with these views.

    `wanted` gives each digest its place, 0 to n - 1.
    """
    left = missing.copy()
    work = []
    for example in examples:
        place = wanted[bytes.fromhex(example.digest)]
        if left[place].any():
            work.append((example, tuple(np.flatnonzero(left[place]).tolist())))
            left[place] = False
    return work


def sort_out(
    examples: Sequence[Example],
    wanted: Mapping[bytes, int],
    reasons: Mapping[bytes, str],
    *,
    lost: Bool[np.ndarray, " n"],
    what: str,
    folder: Path,
) -> tuple[npt.NDArray[np.intp], list[int], tuple[Skipped, ...]]:
    """Return the indices and places of the examples that can be used, and why others cannot.

    Args:
        reasons: by digest, of those that could not be read.
        lost: by place, of which there is nothing although it was stored.
        what: was stored of them, and in which `folder`, for the message.

    Raises:
        StoreError: one that is needed is lost.
    """
    indices, places, skipped = [], [], []
    for index, example in enumerate(examples):
        digest = bytes.fromhex(example.digest)
        if digest in reasons:
            skipped.append(Skipped(name=example.name, reason=reasons[digest]))
        elif lost[wanted[digest]]:
            raise StoreError(
                f"The {what} of {example.name} are no longer in {folder}, where they were a moment "
                "ago: another process cleaned the cache. Run again: what is missing is computed "
                "anew."
            )
        else:
            indices.append(index)
            places.append(wanted[digest])
    return np.array(indices, np.intp), places, tuple(skipped)
