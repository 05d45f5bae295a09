"""Writer of shards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, final

from topwork.errors import StoreError
from topwork.features.shards import ShardBuffer, ShardLayout

SHARD_EXAMPLES = 256
"""What a kill can cost at most: a second or so of work."""

SHARD_BYTES = 32 * 2**20
"""Bounds memory for networks with many numbers: two shards are in memory at once."""

log = logging.getLogger(__name__)


Row = TypeVar("Row", contravariant=True)


class Buffer(Protocol[Row]):
    """A shard that is being filled, example by example."""

    num_rows: int

    @property
    def is_full(self) -> bool:
        """Whether it is to be written now."""

    def add(self, digest: bytes, row: Row, /) -> None:
        """Take what belongs to one example."""

    def clear(self) -> None:
        """Begin anew."""

    def write(self, folder: Path) -> None:
        """Write what was added as a new shard. Raises StoreError where the disk refuses."""


def shard_buffer(layout: ShardLayout) -> ShardBuffer:
    """Return a buffer for features, of as many rows as a shard shall have."""
    return ShardBuffer(layout, max(1, min(SHARD_EXAMPLES, SHARD_BYTES // layout.row_bytes)))


@final
class ShardWriter(Generic[Row]):
    """To be used in a `with`: however it ends, what was added is written."""

    def __init__(self, folder: Path, make_buffer: Callable[[], Buffer[Row]]) -> None:
        """Write shards into a folder; two buffers are made, which take turns."""
        self._folder = folder
        self._buffer = make_buffer()
        self._other = make_buffer()  # takes no memory until it is used
        self._writing: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="topwork-write")

    def add(self, digest: bytes, row: Row) -> None:
        """Add what belongs to one example. Raises StoreError where an earlier shard was refused."""
        self._buffer.add(digest, row)
        if self._buffer.is_full:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the thread write the buffer, after it has written the one before."""
        if self._writing is not None:
            self._writing.result()
        self._writing = self._thread.submit(self._buffer.write, self._folder)
        self._buffer, self._other = self._other, self._buffer
        self._buffer.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the last shard, as far as it is filled, also after an error or Ctrl-C."""
        try:
            if self._buffer.num_rows:
                self._hand_over()
            if self._writing is not None:
                self._writing.result()
        except StoreError as refused:
            if error is None:
                raise
            log.warning("The features computed last are lost: %s", refused)
        finally:
            self._thread.shutdown()
