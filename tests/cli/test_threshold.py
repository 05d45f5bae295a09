"""`topwork threshold`: it is chosen, kept, shown, and gone by."""

import json
from pathlib import Path

import pytest

from tests import small
from tests.cli.commands import good, run, train
from topwork.model.model import load


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two digits, ten of one and eight of the other."""
    folder = tmp_path_factory.mktemp("two")
    pictures = small.digit_pictures(10)
    data = small.write_folder(folder / "data", {"one": pictures["one"], "two": pictures["two"][:8]})
    said = train(data, "--train", "head", "--out", folder / "model")
    assert said.exit_code == 0
    for row in ("sensitivity (two)", "specificity (two)", "AUROC", "average precision (two)"):
        assert row in said.stdout
    assert "positive class is 'two'" in said.stdout
    assert "--positive 'one'" in " ".join(said.stdout.split())
    return folder / "model"


def test_it_is_kept_and_gone_by(two: Path, test_digits: Path) -> None:
    shown = good("threshold", two).stdout
    assert "positive class is 'two' (the rarer in training)" in shown
    assert "there is no threshold" in shown
    chosen = " ".join(good("threshold", two, "--sensitivity", "95%").stdout.split())
    assert "chosen to find 95% of its examples" in chosen
    assert "specificity 0." in chosen or "specificity 1." in chosen
    told = json.loads(good("threshold", two, "--json").stdout)
    assert (told["positive"], told["changed"]) == ("two", False)
    decision = load(two).decision
    assert decision is not None
    assert told["threshold"] == decision.threshold
    image = test_digits / "one" / "0.png"
    predicted = good("predict", two, image)
    assert "'two' is named from a probability of" in predicted.stderr
    assert good("predict", two, image, "--quiet").stderr == ""
    good("threshold", two, "--at", "0.000001")
    assert good("predict", two, image, "-q").stdout.split("\t")[1] == "two"
    for path in (test_digits / "zero").iterdir():
        path.unlink()
    (test_digits / "zero").rmdir()
    scored = good("evaluate", two, test_digits)
    assert "two from 1e-06 on" in " ".join(scored.stdout.replace("┃", " ").split())
    assert "sensitivity (two)" in scored.stdout
    good("threshold", two, "--remove")
    told = good("evaluate", two, test_digits)
    assert "The positive class is 'two'; for the other: --positive 'one'" in told.stderr
    other = good("evaluate", two, test_digits, "--positive", "one", "--json")
    assert json.loads(other.stdout)["binary"]["positive"] == "one"
    assert good("predict", two, image).stderr == ""


def test_another_class_is_looked_for(two: Path) -> None:
    assert (
        "positive class is 'one' (as given)" in good("threshold", two, "--positive", "one").stdout
    )
    at = json.loads(good("threshold", two, "--at", "30%", "--json").stdout)
    assert (at["positive"], at["threshold"], at["changed"]) == ("one", 0.3, True)
    assert json.loads((two / "model.json").read_text())["decision"]["threshold"] == 0.3
    good("threshold", two, "--positive", "two", "--remove")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--at", "some"], 2, "--at is 'some'; accepted"),
        (["--at", "2"], 2, "The threshold is 2; accepted"),
        (["--at", "0.3", "--sensitivity", "90%"], 2, "--sensitivity and --at were given"),
        (["--at", "0.3", "--remove"], 2, "--at and --remove were given"),
        (["--positive", "cat"], 2, "'cat'; accepted: 'one' or 'two'"),
    ],
)
def test_what_it_refuses(two: Path, arguments: list[str], code: int, message: str) -> None:
    before = (two / "model.json").read_bytes()
    result = run("threshold", two, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert (two / "model.json").read_bytes() == before


def test_a_model_of_more_classes(saved: Path, tmp_path: Path) -> None:
    for words in ((), ("--at", "0.3"), ("--positive", "one")):
        result = run("threshold", saved, *words)
        assert result.exit_code == 2
        assert "3 classes; accepted: " in result.stderr
    assert run("threshold", tmp_path).exit_code == 6


def test_train_takes_the_class_that_is_looked_for(tmp_path: Path) -> None:
    pictures = small.digit_pictures(10)
    data = small.write_folder(tmp_path / "data", {"one": pictures["one"], "two": pictures["two"]})
    said = train(data, "--train", "head", "--positive", "one", "--out", tmp_path / "model")
    assert said.exit_code == 0
    assert "sensitivity (one)" in said.stdout
    assert "positive class is" not in said.stdout, "who named it knows"
    scored = json.loads(
        good("evaluate", tmp_path / "model", data, "--include-known", "--json").stdout
    )
    assert scored["binary"]["positive"] == "one"
    assert "positive class is 'one' (as given)" in good("threshold", tmp_path / "model").stdout
    assert 'positive = "one"' in (tmp_path / "model" / "recipe.toml").read_text()
    refused = run("train", data, "--positive", "three", "--out", tmp_path / "other")
    assert refused.exit_code == 2
    assert "'three'; accepted: 'one' or 'two'" in " ".join(refused.stderr.split())
    assert not (tmp_path / "other").exists()
