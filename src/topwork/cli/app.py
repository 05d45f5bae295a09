"""The command line, all commands together."""

from __future__ import annotations

import typer

from topwork.cli import cache
from topwork.cli.advise import advise
from topwork.cli.backbones import backbones
from topwork.cli.demo import demo
from topwork.cli.embed import embed
from topwork.cli.evaluate import evaluate
from topwork.cli.predict import predict
from topwork.cli.pretrain import pretrain
from topwork.cli.report import report
from topwork.cli.shell import Commands, use_utf8
from topwork.cli.train import train

app = typer.Typer(
    name="topwork",
    cls=Commands,
    help="Transfer learning from few labelled examples, with scores that can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (train, advise, pretrain, report, predict, evaluate, embed, backbones, demo):
    app.command()(command)
app.add_typer(cache.app, name="cache")


def main() -> None:
    """Run the command line."""
    use_utf8()
    app()


if __name__ == "__main__":
    main()
