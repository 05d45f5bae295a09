"""All commands together: their help, and the exit codes of errors."""

import re
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import topwork
from tests import small
from tests.cli.commands import good, run
from topwork.cli.app import app
from topwork.cli.epilogs import EPILOGS

COMMANDS = tuple(get_command(app).commands)


def test_help_names_every_command() -> None:
    text = good("--help").stdout
    for name in COMMANDS:
        assert name in text
    assert good("-h").stdout == text
    assert run().exit_code == 2


@pytest.mark.parametrize("name", EPILOGS)
def test_help_ends_with_examples_that_parse_and_with_defaults(name: str) -> None:
    words = {"clean": ("cache", "clean"), "pack": ("backbones", "pack")}.get(name, (name,))
    text = " ".join(good(*words, "-h").stdout.split())
    assert "Usage" in text
    epilog = EPILOGS[name]
    assert text.endswith(" ".join(str(epilog).split()))
    assert epilog.defaults.startswith("Defaults: ")
    for example in epilog.examples:
        command, *arguments = shlex.split(example)
        assert command == "topwork"
        _parse(arguments)
        assert len(example) <= 78, "it would be broken in two where a screen is 80 wide"


def _parse(arguments: list[str]) -> None:
    """Parse a command line as it would be parsed, and carry out nothing."""
    command: Any = get_command(app)
    while arguments and arguments[0] in getattr(command, "commands", {}):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = command.make_context(command.name, arguments)
    assert not context.args


def test_every_command_has_an_epilog() -> None:
    assert set(COMMANDS) | {"clean", "pack"} == set(EPILOGS)


def test_the_version() -> None:
    assert good("--version").stdout == f"topwork {version('topwork')}\n"
    assert topwork.__version__ == version("topwork")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    asked = {
        "_TOPWORK_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "topwork eva",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "topwork eva",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    told = CliRunner().invoke(app, [], prog_name="topwork", env=asked).stdout
    assert "evaluate" in told
    assert "predict" not in told


def test_errors_go_to_stderr_with_their_codes(
    saved: Path, digits: Path, tmp_path: Path, test_digits: Path
) -> None:
    image = digits / "one" / "0.png"
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "1.txt").write_text("text")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    (tmp_path / "recipe.toml").write_text("epochs = 3")
    quick = ("train", digits, "--backbone", small.SMALL)
    cases: Sequence[tuple[Sequence[Any], int, str]] = (
        (("train", tmp_path / "nowhere"), 3, "There is no folder or file"),
        (("train", tmp_path / "texts"), 3, "text"),
        (("train",), 2, "No data was given"),
        (("train", digits, "--backbone", "efficientnet-lite1"), 4, "efficientnet-lite0"),
        (("train", digits, "--device", "abacus"), 2, "device is 'abacus'; accepted: auto"),
        (("train", digits, "--out", tmp_path / "foreign"), 6, "holds no Topwork model"),
        (("train", digits, "--recipe", tmp_path / "recipe.toml"), 2, "has 'epochs'"),
        (("train", digits, "--recipe", tmp_path / "none.toml"), 2, "cannot be read"),
        (("train", digits / "one"), 3, "nothing that says the class"),
        ((*quick, "--train", "last:99"), 2, r"last:99.* 'timm/test_efficientnet\?.*--train all"),
        ((*quick, "--train", "top"), 2, "train is 'top'; .*head, last:K"),
        ((*quick, "--fresh"), 2, "fresh is True; .*'last:K'"),
        ((*quick, "--time-limit", "soon"), 2, "limit is 'soon'; .*1h30m"),
        ((*quick, "--train", "all", "--head", "nearest"), 2, "head is 'nearest' .*'all'; .*linear"),
        (("predict", saved, image, "--format", "xml"), 2, "xml.*lines, csv, jsonl, table"),
        (("predict", saved, image, "--reject", "some"), 2, r"--reject is 'some'; .*5% or 0\.05"),
        (("predict", saved, image, "--reject", "1%"), 2, "no rate below 1/31"),
        (("predict", saved, image, "--reject", "5%", "--timeline"), 2, "one of them"),
        (("predict", saved, image, "--device", "abacus"), 2, "The device is 'abacus'"),
        (("predict", tmp_path / "nowhere", image), 6, "no such folder"),
        (("predict", digits, image), 6, r"has no model\.json"),
        (("evaluate", digits, test_digits), 6, r"has no model\.json"),
        (("evaluate", saved, tmp_path / "nowhere"), 3, "There is no folder or file"),
        (("embed", tmp_path / "nowhere", "--out", tmp_path / "e"), 3, "There is no folder"),
        (("embed", digits, "--out", tmp_path / "e", "--backbone", "x"), 4, "'x'"),
    )
    for words, code, message in cases:
        result = run(*words)
        assert result.exit_code == code, (words, result.output)
        assert re.search(message, result.stderr), words
        assert result.stderr.splitlines()[-1].startswith("Error: "), words
        assert result.stdout == "", words
        assert "Traceback" not in result.output
    assert run("train", digits, "--epochs", "3").exit_code == 2
    assert run("trane").exit_code == 2
