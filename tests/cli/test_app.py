"""All commands together: their help, and the exit codes of errors."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import small
from tests.cli.commands import good, run

COMMANDS = (
    *("train", "advise", "pretrain", "report", "predict", "evaluate", "embed", "backbones"),
    *("cache", "demo"),
)


def test_help_names_every_command() -> None:
    text = good("--help").stdout
    for name in COMMANDS:
        assert name in text
        assert "Usage" in good(name, "--help").stdout
    assert run().exit_code == 2


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
