"""A model of texts from the names of its classes alone, and descriptions beside examples."""

import json
from pathlib import Path

import pytest

from tests import small
from tests.cli.commands import good, run
from topwork.core.options import RunOptions
from topwork.errors import SettingError
from topwork.examples.sources import read_examples
from topwork.model.model import load
from topwork.recipe import Recipe
from topwork.reports.assemble import report
from topwork.runs.head_features import head_features
from topwork.runs.train import train

NAMES = ("card_arrival", "exchange_rate", "lost_card")
ASKED = {
    "card_arrival": "when will the new card that I ordered arrive?",
    "exchange_rate": "what is the exchange rate for dollars?",
    "lost_card": "I lost my card yesterday",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the command, with the embedded encoder."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.txt").write_text("# intents\n" + "\n".join(NAMES) + "\n\n")
    said = good("train", "--classes", folder / "names.txt", "--out", folder / "model")
    assert "0 examples of 3 classes" in said.stdout
    assert "the cosine with what each class is called" in said.stdout
    assert "tested on nothing" in " ".join(said.stdout.split())
    return folder / "model"


def test_it_answers_by_what_the_classes_are_called(model: Path) -> None:
    loaded = load(model)
    assert loaded.classes == NAMES
    assert loaded.evaluation is None
    answers = loaded.predict(list(ASKED.values()))
    assert [one.label for one in answers] == list(NAMES)
    assert all(one.probability > 0.5 for one in answers)


def test_it_is_a_model_like_others(model: Path, tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for label, text in ASKED.items()]
    table = tmp_path / "new.jsonl"
    table.write_text("\n".join(json.dumps(row) for row in rows))
    scored = json.loads(good("evaluate", model, table, "--json").stdout)
    assert scored["accuracy"]["value"] == 1
    page = report(model, tmp_path / "page.html")
    assert "knows the names of its classes alone" in page.path.read_text()
    card = (model / "README.md").read_text()
    assert "largest cosine" in card
    assert "chosen by cross-validation" not in card
    again = good("train", "--recipe", model / "recipe.toml", "--out", tmp_path / "again")
    assert "0 examples of 3 classes" in again.stdout


def test_descriptions_are_read_and_kept(tmp_path: Path) -> None:
    said = "what a dollar costs in euros today"
    (tmp_path / "names.txt").write_text(f"arrival\nrate\t{said}\n")
    good("train", "--classes", tmp_path / "names.txt", "--out", tmp_path / "model")
    recipe = load(tmp_path / "model").recipe
    assert recipe.class_descriptions == {"rate": said}
    assert Recipe.read(tmp_path / "model" / "recipe.toml") == recipe
    assert load(tmp_path / "model").predict(said).probability > 0.9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\n", "has 1 names; accepted: two or more"),
        ("one\ntwo\none\n", "names 'one' twice"),
        ("1\n2\n3\n", "accepted without examples: names that say in words"),
        (None, "cannot be read from"),
    ],
)
def test_names_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "names.txt").write_text(text)
    refused = run("train", "--classes", tmp_path / "names.txt", "--out", tmp_path / "model")
    assert refused.exit_code
    assert message in " ".join(refused.stderr.split())
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": "last:2"}, "train is 'last:2'"),
        ({"head": "nearest"}, "head 'nearest'"),
        ({"class_descriptions": {"no_such": "x"}}, "class_descriptions has 'no_such'"),
        ({"classes": ["one"]}, "classes is .*two or more names"),
    ],
)
def test_what_needs_examples_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        train(**{"classes": NAMES, **settings})  # type: ignore[arg-type]


def test_names_and_data_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="classes has 3 names with data"):
        train(small.write_texts(tmp_path / "texts.csv"), classes=NAMES)


def test_descriptions_stand_beside_examples(tmp_path: Path, digits: Path) -> None:
    found = read_examples(small.write_texts(tmp_path / "texts.csv"))
    backbone = small.tiny_text_backbone()
    recipe = Recipe(train="head", class_descriptions={found.classes[0]: "what it is all about"})
    options = RunOptions(device="cpu")
    data = head_features(found, recipe, backbone, options)
    assert data.labels.names is not None
    assert data.labels.names.classes.tolist().count(0) == 2
    wrong = Recipe(train="head", class_descriptions={"no_such": "x"})
    with pytest.raises(SettingError, match="no_such"):
        head_features(found, wrong, backbone, options)
    with pytest.raises(SettingError, match="class_descriptions was given with images"):
        head_features(read_examples(digits), recipe, small.tiny_backbone(), options)
