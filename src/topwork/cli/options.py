"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final, get_type_hints

import typer

if TYPE_CHECKING:
    from topwork.core.options import RunOptions
    from topwork.examples.tables.columns import ColumnNames

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in OUT.")]
ModelFolder = Annotated[Path, typer.Argument(help="A folder that `topwork train` wrote.")]
Data = Annotated[
    Path, typer.Argument(help="A folder per class, or a table: .csv, .json, .xlsx, .parquet, ...")
]
Backbone = Annotated[
    str | None, typer.Option(help="What to transfer from; see `topwork backbones`.")
]


@final
@dataclass(frozen=True, kw_only=True)
class Shared:
    """The shared options, of which each command takes some, and what they say."""

    input_column: Annotated[
        str | None, typer.Option(help="A table's column of files or texts.")
    ] = None
    label_column: Annotated[str | None, typer.Option(help="A table's column of labels.")] = None
    group_column: Annotated[
        str | None,
        typer.Option(help='A table\'s column of groups that are never split; "": none.'),
    ] = None
    time_columns: Annotated[
        str | None, typer.Option(help='Of parts of sounds, in seconds: start,end; "": none.')
    ] = None
    groups: Annotated[
        Path | None, typer.Option(help="Of a folder: a table of its files and groups.")
    ] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, openvino or torch.")] = "auto"
    resume: Annotated[
        bool, typer.Option(help="Go on where the training of blocks was stopped.")
    ] = True
    log: Annotated[
        Path | None, typer.Option(help="A folder for TensorBoard, where blocks are trained.")
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at an unreadable input, and at any remark.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv, .tsv, .jsonl or .parquet: the table's columns and the answers."),
    ] = None
    overwrite: Overwrite = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")] = False

    @property
    def silent(self) -> bool:
        """Whether nothing but the results is to be printed."""
        return self.quiet or self.as_json

    @property
    def columns(self) -> ColumnNames:
        """The table's columns."""
        from topwork.examples.tables.columns import ColumnNames

        return ColumnNames(
            input_column=self.input_column,
            label_column=self.label_column,
            group_column=self.group_column,
            time_columns=self.time_columns,
        )

    @property
    def run(self) -> RunOptions:
        """How the run is carried out."""
        from topwork.core.options import RunOptions

        return RunOptions(device=self.device, resume=self.resume, log=self.log, strict=self.strict)


def shares(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these shared options: it takes them as its one parameter `shared`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            own = {name: given.pop(name) for name in names}
            command(**given, shared=Shared(**own))

        signature = inspect.signature(command, eval_str=True)
        parameters = [one for one in signature.parameters.values() if one.name != "shared"]
        kinds = get_type_hints(Shared, include_extras=True)
        parameters += [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=getattr(Shared, name),
                annotation=kinds[name],
            )
            for name in names
        ]
        # Typer reads both
        vars(run)["__signature__"] = signature.replace(parameters=parameters)
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        del vars(run)["__wrapped__"]
        return run

    return decorate
