"""Features of labelled examples as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.options import RunOptions
from topwork.errors import DataError, SettingError
from topwork.examples.example import Skipped
from topwork.examples.tables.columns import ColumnNames
from topwork.executors.base import POOLS
from topwork.features.export import write_parquet
from topwork.features.extract import default_pools, extract
from topwork.runs.source import announce, examples_and_backbone

TABLE = "features.parquet"

USUAL_POOLS = ("mean", "prefix", "last")
"""Written if nothing else is said: of these, those that `train` computes of such inputs."""


@dataclass(frozen=True, kw_only=True)
class FeaturesFile:
    """What was written: a row an example, and how the numbers were come by."""

    path: Path
    num_rows: int
    num_numbers: int
    num_computed: int
    num_found: int
    skipped: tuple[Skipped, ...]


def embed(
    data: str | Path,
    out: str | Path,
    *,
    backbone: str | Path | Backbone | None = None,
    pools: Sequence[str] = USUAL_POOLS,
    columns: ColumnNames | None = None,
    options: RunOptions = RunOptions(),  # noqa: B008  # a frozen value
    overwrite: bool = False,
) -> FeaturesFile:
    """Write `features.parquet` into a folder. Memory does not grow with the number of examples.

    What is computed is what `train` computes too, so that neither does it twice; `pools` says
    which part of it is written. `all` stands for all of them.

    Raises:
        DataError: nothing in the data can be used.
        SettingError: a table is there already, or a pool is not known.
    """
    path = Path(out) / TABLE
    if path.exists() and not overwrite:
        raise SettingError(
            f"{str(path)!r} is there already. Give another folder, or say --overwrite."
        )
    files.check_writable(path)
    everything = list(pools) == ["all"]
    wanted = POOLS if everything else tuple(pools)
    unknown = [pool for pool in wanted if pool not in POOLS]
    if unknown:
        raise SettingError(
            f"--pools names {', '.join(unknown)}; accepted: all, {', '.join(POOLS)}."
        )
    found, chosen = examples_and_backbone(
        data, columns=columns, backbone=backbone, call="train(inputs, labels)"
    )
    announce(found, strict=options.strict)
    more = () if everything or wanted == USUAL_POOLS else wanted
    extraction = extract(
        found.examples,
        chosen,
        pools=(*default_pools(len(found), found.modality), *more),
        device=options.device,
        strict=options.strict,
    )
    if not extraction.examples:
        first = extraction.skipped[0]
        raise DataError(
            f"None of the {len(found)} {found.modality}s of {found.origin!r} can be read. The "
            f"first: {first.name}: {first.reason}."
        )
    with files.disk_errors(f"Writing {str(path)!r}"), files.replacing(path) as temporary:
        num_numbers = write_parquet(extraction.table, extraction.examples, temporary, pools=wanted)
    return FeaturesFile(
        path=path,
        num_rows=len(extraction.examples),
        num_numbers=num_numbers,
        num_computed=extraction.num_computed,
        num_found=extraction.num_found,
        skipped=(*found.skipped, *extraction.skipped),
    )
