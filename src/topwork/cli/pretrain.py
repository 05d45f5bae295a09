"""The command `topwork pretrain`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from topwork.cli.options import Data, Overwrite, Shared, shares
from topwork.errors import SettingError

COLUMNS = ("input_column", "label_column", "group_column", "time_columns")


@shares("device", "resume", "log", "as_json", "quiet")
def pretrain(
    data: Data,
    architecture: Annotated[
        str, typer.Option(help="timm/resnet18, topwork/mlp:256,128, a folder, ...")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write the backbone into.")],
    size: Annotated[int | None, typer.Option(help="Pixels on each side, of images.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Times that every example is seen; default: by the data.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="10m, 1h30m: as many epochs as go into it.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A .toml with columns, seed, and a table \\[training].")
    ] = None,
    overwrite: Overwrite = False,
    *,
    shared: Shared,
) -> None:
    """Train a network from random weights on a large task of your own, to transfer from it."""
    from topwork.cli import console
    from topwork.runs import pretrain as pretraining

    recipe_values = _read_recipe(recipe)
    with console.following(quiet=shared.silent):

        def on_epoch(epoch: Any, num_epochs: int) -> None:
            if not shared.silent:
                console.say(console.epoch_line(epoch, num_epochs))

        made = pretraining.pretrain(
            data,
            architecture=architecture,
            out=out,
            input_column=recipe_values.get("input_column"),
            label_column=recipe_values.get("label_column"),
            group_column=recipe_values.get("group_column"),
            time_columns=recipe_values.get("time_columns"),
            size=size,
            overwrite=overwrite,
            settings=recipe_values["training"],
            epochs=epochs,
            time_limit=time_limit,
            resume=shared.resume,
            device=shared.device,
            seed=recipe_values.get("seed", 0),
            on_epoch=on_epoch,
            log=shared.log,
        )
    if shared.as_json:
        console.print_json({"backbone": str(out), **made.to_dict()})
        return
    console.show_pretraining(made, str(out))
    if not shared.quiet:
        console.name_skipped(made.skipped)


def _read_recipe(path: Path | None) -> dict[str, Any]:
    from topwork.training.settings import Training

    if path is None:
        return {"training": Training()}
    try:
        recipe_values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(
            f"The recipe {str(path)!r} cannot be read: {error}. Give a .toml file."
        ) from error
    accepted = (*COLUMNS, "seed", "training")
    unknown = [name for name in recipe_values if name not in accepted]
    training = recipe_values.get("training", {})
    if unknown or not isinstance(training, dict):
        raise SettingError(
            f"The recipe has {', '.join(map(repr, unknown or ['training']))}; accepted for "
            f"pre-training: {', '.join(accepted[:-1])}, and a table [training]. Correct the name, "
            "or remove the line."
        )
    return {**recipe_values, "training": Training.from_dict(training)}
