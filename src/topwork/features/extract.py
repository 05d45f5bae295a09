"""Extraction of features into the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_bytes
from topwork.core.progress import Tally
from topwork.core.shapes import Bool, Floats
from topwork.examples.example import Example, Modality
from topwork.examples.views import ViewSettings, check_views, views_of
from topwork.examples.windows import Window
from topwork.executors.base import Executor, order_pools
from topwork.executors.choose import open_executor, precision_of, resolve_device
from topwork.executors.join import join
from topwork.features.extraction import Extraction, join_extractions
from topwork.features.feature_table import StoredTable
from topwork.features.missing import Item, first_of_missing, sort_out
from topwork.features.probe import choose_dtypes
from topwork.features.shards import ShardBuffer, ShardLayout
from topwork.features.store import FeatureStore, Space, StoredFeatures
from topwork.features.stream import Pending, refuse, run_through, stream_features, work_ahead
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


def extract(
    examples: Sequence[Example],
    backbone: Backbone,
    *,
    pools: Sequence[str],
    device: str = "auto",
    views: ViewSettings = ViewSettings(),  # noqa: B008  # a frozen value
    strict: bool = False,
    store: FeatureStore | None = None,
) -> Extraction:
    """Return the features of the examples, computing those that are not in the store.

    However it ends, what was computed is stored; only a kill loses the shard being filled.

    Args:
        views: how the examples are seen beside as they are.
        strict: raise on the first example that cannot be read, instead of skipping it.

    Raises:
        ExampleError: with `strict`, an example cannot be read; its name is in front.
        SettingError: a pool, an alteration or the device is not known, or not here.
        BackboneError: the network cannot be built or run.
        StoreError: the disk is full or cannot be written to.
    """
    each = [
        _of_network(examples, network, pools, device, views, strict, store or FeatureStore())
        for network in backbone.networks
    ]
    return each[0] if len(each) == 1 else join_extractions(backbone, each)


def _of_network(
    examples: Sequence[Example],
    backbone: Backbone,
    pools: Sequence[str],
    device: str,
    views: ViewSettings,
    strict: bool,
    store: FeatureStore,
) -> Extraction:
    started = time.perf_counter()
    work = _Work(
        backbone=backbone,
        pools=order_pools(pools),
        device=resolve_device(device),
        views=check_views(views, backbone.input.modality),
        store=store,
    )
    copies = Counter(bytes.fromhex(example.digest) for example in examples)
    wanted = {digest: place for place, digest in enumerate(copies)}
    found = work.find(wanted)
    lost = _missing(found)
    num_found = sum(n for digest, n in copies.items() if not lost[wanted[digest]].any())
    report = Tally("features", done=num_found, total=len(examples))
    missing = first_of_missing(examples, wanted, lost)
    reasons: dict[bytes, str] = {}
    if missing:

        def done(digest: bytes, reason: str | None) -> None:
            report.add(copies[digest])
            if reason is not None:
                reasons[digest] = reason

        work.compute(missing, strict=strict, done=done)
        found = work.find(wanted)
        lost = _missing(found)
    report.finish()
    for space in work.spaces:
        space.touch()
    space = work.spaces[-1]
    unusable: Bool[np.ndarray, " n"] = np.asarray(lost.any(1))
    indices, places, skipped = sort_out(
        examples, wanted, reasons, lost=unusable, what="features", folder=space.folder
    )
    return Extraction(
        table=_table(work.spaces, found, np.array(places, np.intp)),
        space=space.folder.name,
        examples=tuple(examples[i] for i in indices),
        indices=indices,
        skipped=skipped,
        augment=work.views.augment,
        num_views=views.num_views,
        num_computed=len(missing) - len(reasons),
        num_found=num_found,
        seconds=time.perf_counter() - started,
        device=work.executor.device if work.executor is not None and missing else None,
    )


def _missing(found: Sequence[StoredFeatures]) -> Bool[np.ndarray, "n views"]:
    """Return which views of each example are not stored: the example itself is the first."""
    num = len(found[0].missing)
    views = [len(part.missing) // max(num, 1) for part in found]
    parts = zip(found, views, strict=True)
    return np.concatenate([part.missing.reshape(num, count) for part, count in parts], 1)


def _table(
    spaces: Sequence[Space], found: Sequence[StoredFeatures], places: npt.NDArray[np.intp]
) -> StoredTable:
    """Return the rows of the examples in these places, and then those of their views."""
    parts = []
    for space, part in zip(spaces, found, strict=True):
        num_views = len(part.shard_of) // max(len(found[0].shard_of), 1)
        rows = (places[:, None] * num_views + np.arange(num_views)).ravel()
        parts.append(StoredTable(space.layout, part.shards, part.shard_of[rows], part.row_of[rows]))
    return parts[0] if len(parts) == 1 else parts[0].followed_by(parts[1])


def _view_digest(digest: bytes, view: int) -> bytes:
    """Return what the features of a view are stored under."""
    return digest if view == 0 else bytes.fromhex(digest_bytes(digest, str(view).encode()))


class _Work:
    """The part that costs time: opened only where there is something to compute.

    `spaces`: of the examples as they are, and of their views. The first belongs to no alteration,
    and is shared by all.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        pools: Sequence[str],
        device: str,
        views: ViewSettings,
        store: FeatureStore,
    ) -> None:
        self.executor: Executor | None = None
        self._backbone = backbone
        self._pools = pools
        self._device = device
        self.views = views
        settings = {
            "backbone": backbone.digest,
            "input": backbone.input.settings(),
            "pools": list(pools),
            "precision": precision_of(device, backbone),
        }
        name = backbone.name
        self.spaces = [store.space({**settings, "view": "original"}, backbone=name)]
        self._views = [range(1)]
        if views.num_views > 1:
            settings["view"] = {"augment": list(views.augment)}
            name = f"{name} ({', '.join(views.augment)})"
            self.spaces.append(store.space(settings, backbone=name))
            self._views.append(range(1, views.num_views))
        if any(not space.layout.blocks and space.has_shards for space in self.spaces):
            self.open()  # a description was lost: without it the shards cannot be read

    def open(self) -> Executor:
        """Open the executor, and see to it that the spaces are described."""
        if self.executor is None:
            self.executor = open_executor(self._backbone, pools=self._pools, device=self._device)
            segments = tuple(self.executor.segments)
            old = [space for space in self.spaces if space.layout.segments != segments]
            if old:
                dtypes = choose_dtypes(self.executor, self._backbone.input)
                for space in old:
                    space.describe(ShardLayout.of(segments, dtypes))
        return self.executor

    def find(self, wanted: dict[bytes, int]) -> list[StoredFeatures]:
        """Look up the views of each example, space by space."""
        found = []
        for space, views in zip(self.spaces, self._views, strict=True):
            digests = [_view_digest(digest, view) for digest in wanted for view in views]
            found.append(space.find({digest: place for place, digest in enumerate(digests)}))
        return found

    def compute(
        self, items: Sequence[Item], *, strict: bool, done: Callable[[bytes, str | None], None]
    ) -> None:
        """Compute and store; `done` gets each digest, and the reason where there are none."""
        preprocessing = self._backbone.input
        num_views = max(len(views) for _, views in items)

        def windows_of(item: Item) -> Iterable[Window]:
            return views_of(*item, preprocessing, self.views.augment)

        decoded = work_ahead(items, windows_of, preprocessing, views=num_views)
        with ExitStack() as stack:
            stack.enter_context(closing(decoded))
            writers: dict[int, ShardWriter[Floats]] = {}
            for pending in run_through(decoded, self._run, preprocessing, strict=strict):
                example, views = pending.item
                digest = bytes.fromhex(example.digest)
                pending.check()
                if pending.error is not None:
                    done(digest, refuse(example, pending.error, strict=strict).reason)
                    continue
                for view, vector in zip(views, self._joined(pending), strict=True):
                    part = int(view > 0)
                    if part not in writers:
                        writers[part] = stack.enter_context(self._writer(self.spaces[part]))
                    writers[part].add(_view_digest(digest, view), vector)
                done(digest, None)

    def _joined(self, pending: Pending[Item]) -> Iterator[Floats]:
        """Yield the vector of each view, of its windows."""
        num = len(pending.vectors) // len(pending.item[1])
        for start in range(0, len(pending.vectors), num):
            vectors = pending.vectors[start : start + num]
            weights = pending.weights[start : start + num]
            yield vectors[0] if num == 1 else join(vectors, weights, self.open().segments)

    def _writer(self, space: Space) -> ShardWriter[Floats]:
        def make_buffer() -> ShardBuffer:
            return shard_buffer(space.layout)

        return ShardWriter(space.folder, make_buffer)

    def _run(self, windows: Iterable[Window]) -> Iterator[Floats]:
        source = iter(windows)
        first = next(source, None)
        if first is not None:  # not opened where no example can be read
            yield from self.open().run(chain([first], source))
