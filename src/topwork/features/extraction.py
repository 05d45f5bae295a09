"""Extracted features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.backbones.joined import network_names
from topwork.core.digests import digest_settings
from topwork.core.shapes import Indices
from topwork.examples.example import Example, Skipped
from topwork.executors.base import side_by_side
from topwork.features.joined_table import JoinedStoredTable
from topwork.features.table import KeptTable


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The features of some examples.

    Attributes:
        table: its first rows are parallel to `examples`; then come their altered views, all of the
            first example, all of the second, and so on.
        space: key of all that the features depend on but the examples.
        examples: those that could be read, in the order given.
        indices: of these among all that were given.
        skipped: the others, with the reason.
        augment: how the views were altered.
        num_views: of each example; the first is the example as it is.
        num_computed: how many went through the network now; of equal ones, the first.
        num_found: how many of the examples had features on disk before.
        seconds: how long it took, on the clock.
        device: what computed, in words for a person; None if nothing was computed.
    """

    table: KeptTable = field(repr=False)
    space: str
    examples: tuple[Example, ...] = field(repr=False)
    indices: npt.NDArray[np.intp] = field(repr=False)
    skipped: tuple[Skipped, ...]
    augment: tuple[str, ...] = ()
    num_views: int = 1
    num_computed: int
    num_found: int
    seconds: float
    device: str | None

    @property
    def views(self) -> Indices | None:
        """The table's rows of each example's altered views, [N, V]; None where there are none."""
        num, each = len(self.examples), self.num_views - 1
        return None if each == 0 else num + np.arange(num * each).reshape(num, each)


def join_extractions(backbone: Backbone, found: Sequence[Extraction]) -> Extraction:
    """Return what several networks gave of the examples that each of them could take.

    Args:
        backbone: the networks, in the order of what they gave.
    """
    first = found[0]
    indices: Indices = reduce(np.intersect1d, [one.indices for one in found])
    tables = []
    for one in found:
        rows = np.searchsorted(one.indices, indices)
        views = [] if one.views is None else [one.views[rows].ravel()]
        tables.append(one.table.take(np.concatenate([rows, *views])))
    segments = side_by_side(network_names(backbone), [table.segments for table in tables])
    rows = np.searchsorted(first.indices, indices)
    skipped = {one.name: one for part in found for one in part.skipped}
    return replace(
        first,
        table=JoinedStoredTable(tables, segments),
        space=digest_settings([one.space for one in found]),
        examples=tuple(first.examples[i] for i in rows),
        indices=indices,
        skipped=tuple(skipped.values()),
        num_computed=max(one.num_computed for one in found),
        num_found=min(one.num_found for one in found),
        seconds=sum(one.seconds for one in found),
        device=next((one.device for one in found if one.device is not None), None),
    )
