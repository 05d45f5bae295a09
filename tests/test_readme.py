"""Runs the code of the README and the documentation, as a reader would."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from topwork.cli.app import app
from topwork.recipe import Recipe

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/backbones.md", "docs/arrays.md")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with what the documentation takes for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("topwork.evidence.transfer.advice.LIMIT_SECONDS", 3.0)
    rng = np.random.default_rng(0)
    for part, count in (("photos", 12), ("test", 3)):
        for label, colour in (("cat", (200, 80, 60)), ("dog", (60, 90, 200))):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(colour, 40, (48, 48, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / label / f"{i}.png")
    (tmp_path / "new").mkdir()
    for i, name in enumerate("ab"):
        source = tmp_path / "test" / ("cat", "dog")[i] / "0.png"
        Image.open(source).save(tmp_path / "new" / f"{name}.jpg")
    return tmp_path


@pytest.mark.parametrize("page", ["docs/method.md", "docs/augmentation.md"])
def test_recipes_are_read(page: str) -> None:
    found = blocks(page, "toml")
    assert found
    for text in found:
        assert Recipe.from_dict(tomllib.loads(text)) != Recipe()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_python_code_runs(page: str, photos: Path) -> None:
    files = sorted((photos / "photos").rglob("*.png"))
    names = {"paths": [str(file) for file in files], "labels": [file.parent.name for file in files]}
    code = blocks(page, "python")
    assert code
    for block in code:
        exec(compile(block, page, "exec"), names)


@pytest.mark.slow
def test_python_code_has_types(tmp_path: Path) -> None:
    """As a reader's own code under mypy --strict, which the project's settings say, too."""
    before = ["paths: list[str] = []", "labels: list[str] = []"]
    code = "\n".join([*before, *blocks("README.md", "python")])
    bad = "topwork.train('photos/', epoch=3)\ntopwork.load('pets').predict(['a']).label\n"
    (tmp_path / "readme.py").write_text(code)
    (tmp_path / "wrong.py").write_text(f"import topwork\n{bad}")
    words = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"]
    files = [str(tmp_path / name) for name in ("readme.py", "wrong.py")]
    told = subprocess.run([*words, *files], cwd=ROOT, capture_output=True, text=True, check=False)
    # What is said of the package itself is another check's; and the folder may be an earlier one's.
    errors = [line for line in told.stdout.splitlines() if " error: " in line]
    assert not [line for line in errors if "/readme.py:" in line], told.stdout
    said = [line for line in errors if "/wrong.py:" in line]
    assert len(said) == 2, told.stdout + told.stderr
    assert 'Unexpected keyword argument "epoch"' in said[0]
    assert '"PredictionList" has no attribute "label"' in said[1]


@pytest.mark.slow
def test_the_tour_on_the_command_line_runs(photos: Path) -> None:
    tour = next(block for block in blocks("README.md", "console") if "topwork predict" in block)
    commands = [line[2:].split("#")[0] for line in tour.splitlines() if line.startswith("$ ")]
    assert len(commands) == 11
    for command in commands:
        words = shlex.split(command)[1:]
        expanded = [
            name
            for word in words
            for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        result = CliRunner().invoke(app, expanded)
        assert result.exit_code == 0, (command, result.output)
