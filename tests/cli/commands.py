"""Runs the commands in this process."""

from typer.testing import CliRunner, Result

from tests import small
from topwork.cli.app import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def good(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def train(data: object, *arguments: object) -> Result:
    return run("train", data, "--backbone", small.SMALL, *arguments)
