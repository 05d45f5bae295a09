"""Extraction of features into the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.progress import Tally
from topwork.core.shapes import Floats
from topwork.examples.example import Example, Modality, Skipped
from topwork.examples.windows import Window
from topwork.executors.base import Executor, order_pools
from topwork.executors.choose import open_executor, precision_of, resolve_device
from topwork.executors.join import join
from topwork.features.feature_table import StoredTable
from topwork.features.missing import first_of_missing, sort_out
from topwork.features.probe import choose_dtypes
from topwork.features.shards import ShardBuffer, ShardLayout
from topwork.features.store import FeatureStore, Space
from topwork.features.stream import stream, stream_features
from topwork.features.writer import ShardWriter, shard_buffer

__all__ = ["Extraction", "default_pools", "extract", "stream_features"]

MANY_EXAMPLES = 50_000

POOLS_OF: dict[Modality, tuple[str, ...]] = {
    "image": ("mean", "std", "max", "grid3", "prefix"),
    "sound": ("mean", "std", "max", "grid3", "prefix"),
    "text": ("mean", "max", "prefix", "last"),
    "array": ("mean", "std", "max", "grid3", "prefix"),
}
"""What may be of use; the search says what is. A text's words have no fixed places."""


def default_pools(num_examples: int, modality: Modality) -> tuple[str, ...]:
    """Return the pools to compute for so many examples.

    All of them are worth having with few examples; with many, the disk counts. EfficientNet-Lite0
    gives about 37,000 numbers an example (75 kB in float16) with all of them, 3,100 with `mean`
    alone: 50,000 examples take 3.7 GB and 0.3 GB.
    """
    if num_examples <= MANY_EXAMPLES:
        return POOLS_OF[modality]
    return ("mean", "prefix", "last")


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The features of some examples.

    Attributes:
        table: its rows are parallel to `examples`.
        space: key of all that the features depend on but the examples.
        examples: those that could be read, in the order given.
        indices: of these among all that were given.
        skipped: the others, with the reason.
        num_computed: how many went through the network now; of equal ones, the first.
        num_found: how many of the examples had features on disk before.
        seconds: how long it took, on the clock.
        device: what computed, in words for a person; None if nothing was computed.
    """

    table: StoredTable = field(repr=False)
    space: str
    examples: tuple[Example, ...] = field(repr=False)
    indices: npt.NDArray[np.intp] = field(repr=False)
    skipped: tuple[Skipped, ...]
    num_computed: int
    num_found: int
    seconds: float
    device: str | None


def extract(
    examples: Sequence[Example],
    backbone: Backbone,
    *,
    pools: Sequence[str],
    device: str = "auto",
    strict: bool = False,
    store: FeatureStore | None = None,
) -> Extraction:
    """Return the features of the examples, computing those that are not in the store.

    However it ends, what was computed is stored; only a kill loses the shard being filled.

    Args:
        strict: raise on the first example that cannot be read, instead of skipping it.

    Raises:
        ExampleError: with `strict`, an example cannot be read; its name is in front.
        SettingError: a pool or the device is not known, or not here.
        BackboneError: the network cannot be built or run.
        StoreError: the disk is full or cannot be written to.
    """
    started = time.perf_counter()
    pools, device = order_pools(pools), resolve_device(device)
    space = (store or FeatureStore()).space(
        {
            "backbone": backbone.digest,
            "input": backbone.input.settings(),
            "pools": list(pools),
            "view": "original",
            "precision": precision_of(device, backbone),
        },
        backbone=backbone.name,
    )
    work = _Extraction(backbone=backbone, pools=pools, device=device, space=space)
    if not space.layout.blocks and space.has_shards:
        work.open()  # its description was lost: without it the shards cannot be read
    copies = Counter(bytes.fromhex(example.digest) for example in examples)
    wanted = {digest: place for place, digest in enumerate(copies)}
    found = space.find(wanted)
    num_found = sum(n for digest, n in copies.items() if not found.missing[wanted[digest]])
    report = Tally("features", done=num_found, total=len(examples))
    missing = [one for one, _ in first_of_missing(examples, wanted, found.missing[:, None])]
    reasons: dict[bytes, str] = {}
    if missing:

        def done(digest: bytes, reason: str | None) -> None:
            report.add(copies[digest])
            if reason is not None:
                reasons[digest] = reason

        work.compute(missing, strict=strict, done=done)
        found = space.find(wanted)
    report.finish()
    space.touch()
    indices, places, skipped = sort_out(
        examples, wanted, reasons, lost=found.missing, what="features", folder=space.folder
    )
    rows = np.array(places, np.intp)
    return Extraction(
        table=StoredTable(space.layout, found.shards, found.shard_of[rows], found.row_of[rows]),
        space=space.folder.name,
        examples=tuple(examples[i] for i in indices),
        indices=indices,
        skipped=skipped,
        num_computed=len(missing) - len(reasons),
        num_found=num_found,
        seconds=time.perf_counter() - started,
        device=work.executor.device if work.executor is not None and missing else None,
    )


class _Extraction:
    """The part that costs time: opened only where there is something to compute."""

    def __init__(
        self, *, backbone: Backbone, pools: Sequence[str], device: str, space: Space
    ) -> None:
        self.executor: Executor | None = None
        self._backbone = backbone
        self._pools = pools
        self._device = device
        self._space = space

    def open(self) -> Executor:
        """Open the executor, and see to it that the space is described."""
        if self.executor is None:
            self.executor = open_executor(self._backbone, pools=self._pools, device=self._device)
            segments = tuple(self.executor.segments)
            if self._space.layout.segments != segments:
                dtypes = choose_dtypes(self.executor, self._backbone.input)
                self._space.describe(ShardLayout.of(segments, dtypes))
        return self.executor

    def compute(
        self,
        examples: Sequence[Example],
        *,
        strict: bool,
        done: Callable[[bytes, str | None], None],
    ) -> None:
        """Compute and store; `done` gets each digest, and the reason where there are none."""

        def make_buffer() -> ShardBuffer:
            return shard_buffer(self._space.layout)

        with ExitStack() as stack:
            writer: ShardWriter[Floats] | None = None
            preprocessing = self._backbone.input
            results = stream(examples, self._run, self._join, preprocessing, strict=strict)
            for position, result in stack.enter_context(closing(results)):
                digest = bytes.fromhex(examples[position].digest)
                if isinstance(result, Skipped):
                    done(digest, result.reason)
                    continue
                if writer is None:
                    writer = stack.enter_context(ShardWriter(self._space.folder, make_buffer))
                writer.add(digest, result)
                done(digest, None)

    def _run(self, windows: Iterable[Window]) -> Iterator[Floats]:
        source = iter(windows)
        first = next(source, None)
        if first is not None:  # not opened where no example can be read
            yield from self.open().run(chain([first], source))

    def _join(self, vectors: Sequence[Floats], weights: Sequence[float]) -> Floats:
        return join(vectors, weights, self.open().segments)
