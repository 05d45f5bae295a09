"""Bounds on what small files unfold to."""

from __future__ import annotations

from topwork.core.memory import available_bytes
from topwork.errors import SourceError

MAX_FACTOR = 500
"""What holds information does not shrink so far: voxel grids that are nearly empty, by some 300.
Deflate ends at 1,032, and Parquet keeps a billion equal rows in a kilobyte."""

SMALL_BYTES = 2**28
"""Up to here it may unfold as it likes."""


def check_unfolded_bytes(need: int, stored_bytes: int, what: str, advice: str) -> None:
    """Raise SourceError where a file unfolds to more than is free, or than it can mean.

    Args:
        need: the bytes that it says it unfolds to.
        stored_bytes: that it has on the disk.
        what: unfolds, to begin the sentence with.
        advice: the next step, a sentence without its full stop.
    """
    free = available_bytes()
    if free is not None and need > free:
        raise SourceError(
            f"{what} to {need:,} bytes or more, and {free:,} are free. {advice}, or use a machine "
            "with more memory."
        )
    if need > SMALL_BYTES and need > MAX_FACTOR * stored_bytes:
        raise SourceError(
            f"{what} to {need:,} bytes or more from {stored_bytes:,}; accepted: at most "
            f"{MAX_FACTOR} times as many. Is it what you think it is? {advice}."
        )
