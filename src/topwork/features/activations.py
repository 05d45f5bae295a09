"""Saved activations at the cut.

It is computed once and read back mapped, as often as what lies after the cut is trained from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.core.progress import Tally
from topwork.core.shapes import Shaped
from topwork.examples.example import Example, Skipped
from topwork.examples.views import ViewSettings, check_views, views_of
from topwork.examples.windows import Window
from topwork.features.cut import ActivationCut
from topwork.features.missing import Item, first_of_missing, sort_out
from topwork.features.mmap_index import Located
from topwork.features.ragged import RaggedBuffer, RaggedShard, Views
from topwork.features.shards import ShardLayout
from topwork.features.store import FeatureStore, Space
from topwork.features.stream import Pending, refuse, run_through, work_ahead
from topwork.features.writer import ShardWriter

SHARD_EXAMPLES = 256
SHARD_BYTES = 16 * 2**20
"""What a kill can cost at most: a second or two of work."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Activations:
    """What was saved of some examples, read back window by window.

    Attributes:
        examples: those that could be read, in the order given; copies share what is on disk.
        indices: of these among all that were given.
        skipped: the others, with the reason.
        num_views: of each example; view 0 is the example as it is.
        num_computed: windows computed now.
        key: of all that they depend on but the examples.
        located: where the windows lie.
        places: of each example in `located`.
    """

    examples: tuple[Example, ...]
    indices: npt.NDArray[np.intp]
    skipped: tuple[Skipped, ...]
    num_views: int
    num_computed: int
    key: str
    located: Located
    places: Sequence[int]

    def num_windows(self, example: int) -> int:
        """How many windows each view of an example has."""
        return self.located.num_windows(self.places[example])

    def shape(self, example: int, window: int = 0) -> tuple[int, ...]:
        """The shape of a window, in every view."""
        return self.located.shape(self.places[example], window)

    def read(self, example: int, view: int = 0, window: int = 0) -> Shaped[np.ndarray, "..."]:
        """Return one window, mapped and read-only, in some 2 microseconds.

        float16 of a block's output; of decoded inputs uint8 [S, S, 3] (images), float32 (sounds,
        arrays) or int64 [L] (texts).

        Raises:
            StoreError: its shard was removed meanwhile.
            IndexError: there is no such example, view or window.
        """
        return self.located.read(self.places[example], view, window)

    def weight(self, example: int, window: int = 0) -> float:
        """How much a window counts beside the others of its example, as its input says."""
        return self.located.weight(self.places[example], window)


def save_activations(
    examples: Sequence[Example],
    backbone: Backbone,
    block: str | None,
    *,
    device: str = "auto",
    augment: tuple[str, ...] = (),
    num_views: int = 1,
    store: FeatureStore | None = None,
    strict: bool = False,
) -> Activations:
    """Return the output of one block for the examples, computing what is not in the store.

    However it ends, what was computed is stored; only a kill loses the shard being filled. An
    example's windows are all in memory once, so a sound of an hour takes what its hour gives.

    Args:
        block: the last one before the cut; None: the cut is before the first block, and what is
            saved are the decoded windows themselves: no network is run.
        augment: names of alterations (examples/views.py) for the views after the first.
        num_views: of each example; the first is the example as it is.
        strict: raise on the first example that cannot be read, instead of skipping it.

    Raises:
        ExampleError: with `strict`, an example cannot be read; its name is in front.
        SettingError: the device, an alteration or the number of views cannot be used.
        BackboneError: there is no such block, or the network cannot be built or run.
        StoreError: the disk is full or cannot be written to.
    """
    preprocessing = backbone.input
    views = ViewSettings(augment=augment, num_views=num_views)
    augment = check_views(views, preprocessing.modality).augment
    cut = ActivationCut(backbone, block, device)
    parts = _parts(store or FeatureStore(), cut, augment, num_views)
    copies = Counter(bytes.fromhex(example.digest) for example in examples)
    wanted = {digest: place for place, digest in enumerate(copies)}

    def needed(shard: RaggedShard) -> bool:
        return any(digest in wanted for digest, *_ in shard.runs)

    def locate() -> Located:
        sources = [(part.space.read_shards(cut.read, needed), part.views) for part in parts]
        return Located(sources, wanted, num_views=num_views, dtype=cut.dtype)

    located = locate()
    left = located.incomplete
    num_found = sum(n for digest, n in copies.items() if not left[wanted[digest]])
    report = Tally("decode" if block is None else "views", done=num_found, total=len(examples))
    work = first_of_missing(examples, wanted, located.missing)
    computed = _Computed(parts, strict=strict)
    if work:

        def windows_of(item: Item) -> Iterable[Window]:
            return views_of(*item, preprocessing, augment)

        decoded = work_ahead(work, windows_of, preprocessing, views=num_views)
        with ExitStack() as stack:
            stack.enter_context(closing(decoded))
            for pending in run_through(decoded, cut.run, preprocessing, strict=strict):
                computed.take(pending, stack)
                report.add(copies[bytes.fromhex(pending.item[0].digest)])
        located = locate()
    report.finish()
    for part in parts:
        part.close()
    folder, lost = parts[-1].space.folder.parent, located.incomplete
    indices, places, skipped = sort_out(
        examples, wanted, computed.reasons, lost=lost, what="activations", folder=folder
    )
    return Activations(
        examples=tuple(examples[i] for i in indices),
        indices=indices,
        skipped=skipped,
        num_views=num_views,
        num_computed=computed.num_windows,
        key=digest_settings([part.space.folder.name for part in parts]),
        located=located,
        places=places,
    )


@final
class _ViewPart:
    """Some of the views, in a space of their own; its writer is opened with the first to add."""

    def __init__(self, space: Space, views: range, dtype: str) -> None:
        self.space = space
        self.views = views
        self._dtype = dtype
        self._writer: ShardWriter[Views] | None = None

    def add(self, digest: bytes, row: Views, stack: ExitStack) -> None:
        """Add views of one example; `stack` closes the writer."""
        if self._writer is None:
            self.describe()
            make = partial(
                RaggedBuffer, self._dtype, max_examples=SHARD_EXAMPLES, max_bytes=SHARD_BYTES
            )
            writer = ShardWriter[Views](self.space.folder, make)
            self._writer = stack.enter_context(writer)
        self._writer.add(digest, row)

    def describe(self) -> None:
        """Say what is in the space, where that is not said."""
        if not self.space.is_described:
            self.space.describe(ShardLayout(blocks=()))

    def close(self) -> None:
        """Note the use, and describe again what another process cleaned half away."""
        if self._writer is not None:
            self.describe()
        self.space.touch()


def _parts(
    store: FeatureStore, cut: ActivationCut, augment: tuple[str, ...], num_views: int
) -> list[_ViewPart]:
    """Open the spaces: the examples as they are belong to no alteration, and are shared by all."""
    original = store.space({**cut.settings, "view": "original"}, backbone=cut.name)
    parts = [_ViewPart(original, range(1), cut.dtype)]
    if num_views > 1:
        settings = {**cut.settings, "view": {"augment": list(augment)}}
        space = store.space(settings, backbone=f"{cut.name} ({', '.join(augment)})")
        parts.append(_ViewPart(space, range(1, num_views), cut.dtype))
    return parts


@final
class _Computed:
    """Keeps count of what is computed, and hands it to the parts."""

    def __init__(self, parts: Sequence[_ViewPart], *, strict: bool) -> None:
        self.reasons: dict[bytes, str] = {}
        self.num_windows = 0
        self._parts = parts
        self._strict = strict

    def take(self, pending: Pending[Item], stack: ExitStack) -> None:
        example, views = pending.item
        digest = bytes.fromhex(example.digest)
        pending.check()
        if pending.error is not None:
            self.reasons[digest] = refuse(example, pending.error, strict=self._strict).reason
            return
        num = len(pending.vectors) // len(views)
        rows = {view: pending.vectors[i * num : (i + 1) * num] for i, view in enumerate(views)}
        for part in self._parts:
            own = {view: windows for view, windows in rows.items() if view in part.views}
            if own:
                part.add(digest, (own, pending.weights[:num]), stack)
        self.num_windows += len(pending.vectors)
