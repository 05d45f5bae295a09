"""Images in, a table of their features out: transfer without a head, for other tools to go on with.

What it does not know: what the features will be used for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from topwork import files
from topwork.backbones.image import get_backbone
from topwork.errors import DataError, SettingError
from topwork.examples.example import Skipped
from topwork.examples.sources import read_examples
from topwork.executors.base import POOLS
from topwork.features.export import write_parquet
from topwork.features.extract import default_pools, extract
from topwork.model import Progress, staged

TABLE = "features.parquet"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written: a row an image, and how the numbers were come by."""

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
    backbone: str = "efficientnet-lite0",
    pools: Sequence[str] = ("mean", "prefix"),
    file_column: str | None = None,
    label_column: str | None = None,
    device: str = "auto",
    strict: bool = False,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> Written:
    """Write `features.parquet` into a folder. Memory does not grow with the number of images.

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
    everything = list(pools) == ["all"]
    wanted = POOLS if everything else tuple(pools)
    unknown = [pool for pool in wanted if pool not in POOLS]
    if unknown:
        raise SettingError(
            f"--pools names {', '.join(unknown)}; accepted: all, {', '.join(POOLS)}."
        )
    chosen = get_backbone(backbone)
    found = read_examples(
        data,
        file_column=file_column,
        label_column=label_column,
        on_progress=staged(on_progress, "read"),
    )
    extraction = extract(
        found.examples,
        chosen,
        pools=(*default_pools(len(found)), *(() if everything else wanted)),
        device=device,
        strict=strict,
        on_progress=staged(on_progress, "features"),
    )
    if not extraction.examples:
        first = extraction.skipped[0]
        raise DataError(
            f"None of the {len(found)} images of {found.origin!r} can be read. The first: "
            f"{first.name}: {first.reason}."
        )
    with files.disk_errors(f"Writing {str(path)!r}"), files.replacing(path) as temporary:
        num_numbers = write_parquet(
            extraction.table,
            extraction.examples,
            temporary,
            pools=wanted,
            on_progress=staged(on_progress, "write"),
        )
    return Written(
        path=path,
        num_rows=len(extraction.examples),
        num_numbers=num_numbers,
        num_computed=extraction.num_computed,
        num_found=extraction.num_found,
        skipped=(*found.skipped, *extraction.skipped),
    )
