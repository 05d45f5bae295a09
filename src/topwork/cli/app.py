"""The command line, all commands together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from topwork.cli import backbones, cache
from topwork.cli.advise import advise
from topwork.cli.demo import demo
from topwork.cli.doctor import doctor
from topwork.cli.embed import embed
from topwork.cli.epilogs import EPILOGS
from topwork.cli.evaluate import evaluate
from topwork.cli.explain import explain
from topwork.cli.predict import predict
from topwork.cli.pretrain import pretrain
from topwork.cli.report import report
from topwork.cli.shell import CommandGroup, use_utf8
from topwork.cli.threshold import threshold
from topwork.cli.train import train

app = typer.Typer(
    name="topwork",
    cls=CommandGroup,
    help="Transfer learning from few labelled examples, with scores that can be believed.",
    epilog="Begin with: topwork demo; or: topwork train YOUR_FOLDER --out MODEL",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # those below inherit it
)


def _show_version(wanted: bool) -> None:
    if wanted:
        import topwork

        sys.stdout.write(f"topwork {topwork.__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version, and exit."
        ),
    ] = False,
) -> None:
    """Take what comes before a command's name."""


COMMANDS = (
    *(train, advise, pretrain, report, predict, evaluate, threshold, explain, embed),
    *(demo, doctor),
)
for command in COMMANDS:
    app.command(epilog=str(EPILOGS[command.__name__]))(command)
app.add_typer(backbones.app, name="backbones", epilog=str(EPILOGS["backbones"]))
app.add_typer(cache.app, name="cache", epilog=str(EPILOGS["cache"]))


def main() -> None:
    """Run the command line."""
    use_utf8()
    app()


if __name__ == "__main__":
    main()
