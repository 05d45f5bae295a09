"""Features as a Parquet table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from topwork.core.progress import report
from topwork.errors import SettingError
from topwork.examples.example import Example
from topwork.features.table import FeatureTable

CHUNK = 256
"""Rows in memory, and in a row group of the file."""


def write_parquet(
    table: FeatureTable,
    examples: Sequence[Example],
    path: Path,
    *,
    pools: Sequence[str],
) -> int:
    """Write a row an example, and return how many numbers each has.

    The columns are `name`, `label`, `group`, `split` and `digest`, then a list of float32 of a
    fixed length for every block and pool, named `block/pool`.

    Raises:
        SettingError: the features hold none of the pools.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = [i for i, segment in enumerate(table.segments) if segment.pool in pools]
    if not chosen:
        there = dict.fromkeys(segment.pool for segment in table.segments)
        raise SettingError(f"The pools are {', '.join(pools)}; accepted: {', '.join(there)}.")
    segments = [table.segments[i] for i in chosen]
    texts = ("name", "label", "group", "split", "digest")
    schema = pa.schema(
        [pa.field(name, pa.string()) for name in texts]
        + [pa.field(f"{s.block}/{s.pool}", pa.list_(pa.float32(), s.size)) for s in segments]
    )
    with pq.ParquetWriter(path, schema, use_dictionary=False) as out:
        for start in range(0, len(examples), CHUNK):
            part = examples[start : start + CHUNK]
            rows = np.arange(start, start + len(part))
            columns = [
                pa.array([getattr(one, name) for one in part], pa.string()) for name in texts
            ]
            for i, segment in zip(chosen, segments, strict=True):
                values = pa.array(table.read(rows, [i]).ravel())
                columns.append(pa.FixedSizeListArray.from_arrays(values, segment.size))
            out.write_table(pa.table(columns, schema=schema))
            report("write", start + len(part), len(examples))
    return sum(segment.size for segment in segments)
