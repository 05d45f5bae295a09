"""Features of examples, as arrays or a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.backbones.base import Backbone
from topwork.core import files
from topwork.core.options import RunOptions
from topwork.core.progress import Listener, listening
from topwork.core.shapes import Float32
from topwork.errors import DataError, SettingError
from topwork.examples.example import Example, Modality, Skipped
from topwork.examples.tables.columns import ColumnNames
from topwork.executors.base import POOLS, Segment
from topwork.features.export import write_parquet
from topwork.features.extract import default_pools, extract
from topwork.features.table import FeatureTable
from topwork.runs.source import announce, examples_and_backbone, inputs_and_backbone

TABLE = "features.parquet"

USUAL_POOLS = ("mean", "prefix", "last")
"""Given if nothing else is said: of these, those that `train` computes of such inputs."""


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """Features of examples: a row each, which lie on disk until they are asked for.

    Attributes:
        examples: those that could be read, with `name`, `label` (None where it is not known),
            `group` and `split`.
        indices: of these among all that were given.
        skipped: the others, with the reason.
        num_computed: how many went through the network now.
        num_found: how many were on disk before.

    >>> import topwork
    >>> from sklearn.datasets import load_digits
    >>> pictures = [(15 * image).astype("uint8") for image in load_digits().images[:3]]
    >>> found = topwork.embed(pictures)
    >>> array = found.to_numpy()
    >>> array.shape == (3, len(found.columns))
    True
    """

    examples: Sequence[Example] = field(repr=False)
    indices: npt.NDArray[np.intp] = field(repr=False)
    skipped: tuple[Skipped, ...]
    num_computed: int
    num_found: int
    pools: tuple[str, ...]
    table: FeatureTable = field(repr=False)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the examples, in order."""
        return tuple(example.name for example in self.examples)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Of the examples, in order."""
        return tuple(example.label for example in self.examples)

    @property
    def columns(self) -> tuple[str, ...]:
        """What each number is: `block/pool/place`."""
        return tuple(
            f"{one.block}/{one.pool}/{place}"
            for one in self._segments.values()
            for place in range(one.size)
        )

    def to_numpy(self) -> Float32[np.ndarray, "n width"]:
        """Return the features, float32 [len(self), len(self.columns)]."""
        return self.table.read(np.arange(len(self)), list(self._segments))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self.to_numpy().astype(dtype or np.float32, copy=False)

    @property
    def _segments(self) -> dict[int, Segment]:
        found = {i: one for i, one in enumerate(self.table.segments) if one.pool in self.pools}
        if not found:
            there = dict.fromkeys(one.pool for one in self.table.segments)
            raise SettingError(
                f"The pools are {', '.join(self.pools)}; accepted: {', '.join(there)}."
            )
        return found


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
    data: object,
    *,
    backbone: str | Path | Backbone | None = None,
    pools: Sequence[str] = USUAL_POOLS,
    input_column: str | None = None,
    label_column: str | None = None,
    device: str = "auto",
    on_progress: Listener | None = None,
) -> Embeddings:
    """Return the features that a frozen backbone gives; those on disk are not computed again.

    Args:
        data: the path of a folder or table of labelled examples, as for `train`, each content once,
            with their labels. Or inputs without labels, as for `Model.predict`, a row for each: a
            list, a DataFrame, a `datasets.Dataset`.
        backbone: a name, a folder of weights, or a `Backbone` of your own; None: the one that comes
            with Topwork for this kind of input.
        pools: how a block's output becomes numbers: any of mean, std, max, grid3, prefix, last; or
            `["all"]`.
        input_column, label_column: of a table.
        device: `auto`, `cpu`, `cuda`, `mps`, `openvino` or `torch`.
        on_progress: called with a stage's name, how much is done, and how much there is.

    Raises:
        DataError: the data cannot be used, or nothing in it can be read.
        BackboneError: the backbone cannot be found or run.
        SettingError: a pool is not known, or an input is of another type.

    >>> import topwork
    >>> found = topwork.embed(["a good day", "a bad day", "a good day"])
    >>> len(found), found.names[0]
    (3, 'input 0')
    >>> bool((found.to_numpy()[0] == found.to_numpy()[2]).all())
    True
    """
    wanted = checked_pools(pools, "pools")
    options = RunOptions(device=device)
    with listening(on_progress):
        if isinstance(data, str | Path):
            columns = ColumnNames(input_column=input_column, label_column=label_column)
            return _of_labelled(data, wanted, backbone, columns, options)
        if label_column is not None:
            raise SettingError(
                f"label_column is {label_column!r} with a {type(data).__name__}, whose labels are "
                "not read: a row is returned for each of its inputs. Leave it out."
            )
        examples, chosen = inputs_and_backbone(data, backbone=backbone, input_column=input_column)
        origin = f"the {type(data).__name__}"
        return embed_examples(examples, chosen, wanted, options, origin=origin)


def write_features(
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
    wanted = checked_pools(pools, "--pools")
    found = _of_labelled(data, wanted, backbone, columns, options)
    with files.disk_errors(f"Writing {str(path)!r}"), files.replacing(path) as temporary:
        num_numbers = write_parquet(found.table, found.examples, temporary, pools=wanted)
    return FeaturesFile(
        path=path,
        num_rows=len(found),
        num_numbers=num_numbers,
        num_computed=found.num_computed,
        num_found=found.num_found,
        skipped=found.skipped,
    )


def checked_pools(pools: Sequence[str], setting: str) -> tuple[str, ...]:
    """Return the pools that are named. Raises SettingError where one is not known."""
    wanted = POOLS if list(pools) == ["all"] else tuple(pools)
    unknown = [pool for pool in wanted if pool not in POOLS]
    if unknown or not wanted or isinstance(pools, str):
        named = repr(pools) if isinstance(pools, str) else ", ".join(unknown) or "none"
        raise SettingError(f"{setting} names {named}; accepted: all, {', '.join(POOLS)}.")
    return wanted


def _of_labelled(
    data: str | Path,
    pools: tuple[str, ...],
    backbone: str | Path | Backbone | None,
    columns: ColumnNames | None,
    options: RunOptions,
) -> Embeddings:
    found, chosen = examples_and_backbone(
        data, columns=columns, backbone=backbone, call="train(inputs, labels)"
    )
    announce(found, strict=options.strict)
    origin, skipped = repr(found.origin), tuple(found.skipped)
    return embed_examples(found.examples, chosen, pools, options, origin=origin, skipped=skipped)


def embed_examples(
    examples: Sequence[Example],
    backbone: Backbone,
    pools: Sequence[str],
    options: RunOptions,
    *,
    origin: str,
    skipped: tuple[Skipped, ...] = (),
) -> Embeddings:
    """Return the features of examples. Raises DataError where none of them can be read.

    Args:
        origin: of the examples, for the message.
        skipped: what was passed over before.
    """
    modality: Modality = backbone.modality
    more = () if tuple(pools) in (POOLS, USUAL_POOLS) else pools
    extraction = extract(
        examples,
        backbone,
        pools=(*default_pools(len(examples), modality), *more),
        device=options.device,
        strict=options.strict,
    )
    if not extraction.examples:
        first = extraction.skipped[0] if extraction.skipped else None
        what = f" The first: {first.name}: {first.reason}." if first else ""
        raise DataError(
            f"None of the {len(examples)} {modality}s of {origin} can be read.{what} Give others."
        )
    return Embeddings(
        examples=extraction.examples,
        indices=extraction.indices,
        skipped=(*skipped, *extraction.skipped),
        num_computed=extraction.num_computed,
        num_found=extraction.num_found,
        pools=tuple(pools),
        table=extraction.table,
    )
