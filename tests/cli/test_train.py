"""`topwork train`: what it prints and where, and what lies in its folder."""

import json
import re
from pathlib import Path

import pytest

from tests import small
from tests.cli.commands import good, train
from topwork.cli.train import STOPPED
from topwork.evaluation.metrics import Evaluation
from topwork.runs.auto import UNFINISHED
from topwork.training import candidates


def test_train_prints_a_table(digits: Path, tmp_path: Path) -> None:
    result = train(digits, "--out", tmp_path / "pets")
    assert result.exit_code == 0, result.output
    assert "30 examples of 3 classes" in result.stdout
    assert re.search(r"accuracy +│ +\d\.\d{3} +\(\d\.\d{3} to \d\.\d{3}\)", result.stdout)
    assert "5-fold cross-validation" in result.stdout
    assert "commonest class" in result.stdout
    assert "Next: topwork predict" in result.stdout.replace("\n", " ")
    assert result.stderr == (
        f"{digits}: 30 images of 3 classes.\nClasses: one 10, two 10, zero 10.\n"
        "Each image is altered 2 times (zoom, rotate, shift, colour) for the head to learn from "
        "too; num_views = 1 in the recipe's [training] leaves that out.\n"
    )
    assert (tmp_path / "pets" / "model.json").is_file()


def test_train_prints_json_and_nothing_else(digits: Path) -> None:
    result = train(digits, "--json")
    data = json.loads(result.stdout)
    assert result.stderr == ""
    accuracy = data["evaluation"]["accuracy"]
    assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    shown = Evaluation.__dataclass_fields__.keys() - {"SHOWN"}
    assert set(data["evaluation"]) == {*shown, "binary"}
    assert (data["model"], data["test"]) == (None, None)
    assert data["classes"] == list(small.NAMES)
    assert data["backbone"]["name"] == small.SMALL


def test_train_with_another_head(digits: Path, tmp_path: Path) -> None:
    result = train(digits, "--head", "nearest", "--out", tmp_path / "near")
    assert "Head: one dense layer, on" in result.stdout
    assert 'head = "nearest"' in (tmp_path / "near" / "recipe.toml").read_text()
    refused = train(digits, "--head", "mlp:")
    assert refused.exit_code == 2
    assert re.search("head is 'mlp:'; accepted: kernel.* mlp:", refused.stderr)


def test_train_trains_blocks_too(digits: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "quick.toml"
    recipe.write_text(
        'num_folds = 2\n[training]\nepochs = 1\naugment = []\nfreeze = ["conv_stem", "blocks.3"]\n'
    )
    words = ("--recipe", recipe, "--train", "last:2", "--time-limit", "5m", "--no-resume")
    result = train(digits, *words, "--fresh", "--head", "mlp:8", "--out", tmp_path / "m", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["choice"]["way"] == "last:2"
    assert told["choice"]["tried"] == []
    assert told["choice"]["trained"].startswith("The last 2 of ")
    assert told["choice"]["trained"].endswith(
        "a head with hidden layers of 8 units were trained from random weights: 1 epoch of adamw, "
        "learning rate 0.001, batches of 8."
    )
    made = told["recipe"]
    assert (made["train"], made["fresh"], made["time_limit"]) == ("last:2", True, "5m")
    assert made["training"] == {"epochs": 1, "augment": [], "freeze": ["conv_stem", "blocks.3"]}
    again = good("train", "--recipe", tmp_path / "m" / "recipe.toml")
    assert "300 seconds were allowed: 1 epoch of each training." in again.stdout
    assert "The last 2 of " in again.stdout
    assert "kernel" not in again.stdout
    predicted = good("predict", tmp_path / "m", digits / "one" / "0.png").stdout
    assert predicted.split("\t")[1] in small.NAMES


def test_train_names_what_it_passed_over(tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(6))
    (root / "one" / "broken.png").write_bytes(b"text")
    (root / "one" / "notes.txt").write_text("notes")
    (root / "two" / "copy.png").write_bytes((root / "two" / "0.png").read_bytes())
    loud, quiet = train(root), train(root, "--quiet")
    assert (loud.exit_code, quiet.exit_code) == (0, 0)
    for text in ("1 inputs were not used", "one/broken.png: ", "1 inputs repeat", "Passed over: 1"):
        assert text in loud.stderr
        assert text not in loud.stdout
    assert quiet.stderr == ""
    assert quiet.stdout == loud.stdout
    strict = train(root, "--strict")
    assert strict.exit_code == 3
    assert strict.stderr.splitlines()[-1].startswith("Error: one/broken.png: ")


def test_train_names_twenty_and_counts_the_rest(tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(2))
    for i in range(25):
        (root / "one" / f"broken {i}.png").write_bytes(f"text {i}".encode())
    result = train(root)
    assert "25 inputs were not used" in result.stderr
    assert "... and 5 more" in result.stderr


def test_train_notes_what_a_person_should_know(tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(1))
    result = train(root)
    assert result.exit_code == 0
    assert "Note: There is no cross-validated score" in result.stdout


def test_train_on_a_table_by_its_columns(digits: Path, tmp_path: Path) -> None:
    rows = ["bild;art;wer"]
    rows += [f"{digits}/{name}/{i}.png;{name};p{i % 5}" for name in small.NAMES for i in range(10)]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    columns = ("--input-column", "bild", "--label-column", "art", "--group-column", "wer")
    result = train(tmp_path / "t.csv", *columns, "--json")
    data = json.loads(result.stdout)
    assert data["evaluation"]["num_groups"] == 5
    assert data["recipe"]["group_column"] == "wer"
    missing = train(tmp_path / "t.csv", "--input-column", "bild", "--label-column", "sort")
    assert missing.exit_code == 3
    assert "sort" in missing.stderr
    assert "art" in missing.stderr


def test_a_recipe_makes_the_same_run(saved: Path) -> None:
    result = good("train", "--recipe", saved / "recipe.toml", "--json")
    description = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    assert json.loads(result.stdout)["evaluation"] == description["evaluation"]


def test_a_model_in_the_way(digits: Path, tmp_path: Path) -> None:
    first = train(digits, "--out", tmp_path / "m", "--quiet")
    second = train(digits, "--out", tmp_path / "m")
    assert (first.exit_code, second.exit_code) == (0, 6)
    assert "--overwrite" in second.stderr
    third = train(digits, "--out", tmp_path / "m", "--overwrite")
    assert third.exit_code == 0


def test_what_looks_like_a_mistake_is_said_before_training(tmp_path: Path) -> None:
    pictures = small.digit_pictures(6)
    root = small.write_folder(
        tmp_path / "data", {**pictures, "One": small.digit_pictures(5, skip=6)["one"]}
    )
    remark = "'one' (6) and 'One' (5)"
    told = train(root, "--out", tmp_path / "model")
    assert told.exit_code == 0
    assert "Remark: Labels that differ only in upper case" in told.stderr
    assert remark in told.stderr
    assert remark in json.loads((tmp_path / "model" / "model.json").read_text())["notes"][0]
    assert "Labels that differ only" in (tmp_path / "model" / "README.md").read_text()
    assert remark in json.loads(train(root, "--json").stdout)["notes"][0]
    refused = train(root, "--strict", "--out", tmp_path / "strict")
    assert refused.exit_code == 3
    assert remark in refused.stderr.splitlines()[-1]
    assert "--strict" in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "strict").exists()


def test_no_place_for_the_model_is_said_first(digits: Path, tmp_path: Path) -> None:
    said = train(digits, "--train", "head").stderr
    assert said.index("(--out)") < said.index("is altered")
    (tmp_path / "file").write_text("")
    refused = train(digits, "--out", tmp_path / "file" / "model")
    assert refused.exit_code == 5
    assert "Nothing can be written to" in refused.stderr
    assert "images of" not in refused.stderr  # nothing was read before


def test_columns_of_what_has_none(digits: Path) -> None:
    refused = train(digits, "--label-column", "nonsense")
    assert refused.exit_code == 2
    assert "label_column is 'nonsense' with " in refused.stderr
    assert "a folder of classes, which has no columns" in refused.stderr


def test_groups_of_a_folder(digits: Path, tmp_path: Path) -> None:
    rows = [f"{name}/{i}.png,p{i % 5}" for name in small.NAMES for i in range(10)]
    (tmp_path / "patients.csv").write_text("\n".join(["file,patient", *rows]))
    model = tmp_path / "model"
    told = train(digits, "--train", "head", "--groups", tmp_path / "patients.csv", "--out", model)
    assert "Groups of patients.csv: 5 (column 'patient') of 30 of 30 files" in told.stderr
    assert "each of 5 groups left out in turn" in told.stdout
    again = good("train", "--recipe", model / "recipe.toml", "--json")
    assert json.loads(again.stdout)["evaluation"]["num_groups"] == 5


# --- the head first


def chance(root: Path) -> Path:
    """Write pictures with labels that nothing in them tells: something deeper is tried."""
    images, _ = small.colours(3, 12)
    return small.write_folder(root, {f"c{k}": images[k::3] for k in range(3)})


QUICK = "num_folds = 2\nnum_repeats = 1\n[training]\nepochs = 2\naugment = []\n"


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C as soon as a trial begins."""

    def stop(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(candidates, "cross_validate", stop)


@pytest.mark.usefixtures("stopped")
def test_ctrl_c_leaves_the_head(tmp_path: Path) -> None:
    data, recipe = chance(tmp_path / "data"), tmp_path / "quick.toml"
    recipe.write_text(QUICK)
    words = (data, "--recipe", recipe, "--out", tmp_path / "m")
    result = train(*words)
    assert result.exit_code == 130
    assert "The head alone: accuracy" in result.stderr
    assert result.stderr.splitlines()[-1] == STOPPED
    assert UNFINISHED in result.stdout.replace("\n", " ")
    assert re.search(r"accuracy +│ +\d\.\d{3}", result.stdout)
    assert "Saved to" in result.stdout
    assert good("predict", tmp_path / "m", data / "c0" / "0.png").exit_code == 0
    again = train(*words, "--json")
    assert again.exit_code == 130
    assert again.stderr == f"{STOPPED}\n"
    choice = json.loads(again.stdout)["choice"]
    assert (choice["way"], choice["reason"]) == ("head", UNFINISHED)
    in_memory = train(data, "--recipe", recipe, "--quiet")
    assert (in_memory.exit_code, in_memory.stderr) == (130, f"{STOPPED}\n")
    assert UNFINISHED in in_memory.stdout.replace("\n", " ")


def test_the_same_command_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, recipe = chance(tmp_path / "data"), tmp_path / "quick.toml"
    recipe.write_text(QUICK)
    words = (data, "--recipe", recipe, "--out", tmp_path / "m")
    with monkeypatch.context() as patch:
        patch.setattr(candidates, "cross_validate", iter)  # takes no such arguments
        with pytest.raises(TypeError):
            raise train(*words).exception or AssertionError
    other = train(*words, "--head", "linear")
    assert other.exit_code == 6
    assert "the head of a run that was stopped, of other data or settings" in other.stderr
    result = train(*words)
    assert result.exit_code == 0
    assert "holds the head of this run, which was stopped: it goes on." in result.stderr
    assert "What was tried" in result.stdout
    finished = train(*words)
    assert finished.exit_code == 6
    assert "holds a model already" in finished.stderr


def test_ctrl_c_before_the_head_leaves_nothing(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("topwork.runs.train.run_head", stop)
    result = train(digits, "--out", tmp_path / "m")
    assert result.exit_code == 130
    assert "Stopped. What was computed is kept" in result.stderr
    assert not (tmp_path / "m").exists()


def test_the_usual_limit_stands_in_the_help() -> None:
    minutes = candidates.USUAL_SECONDS / 60
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", good("train", "--help").stdout).split())
    assert f"1h30m; {minutes:g}m where auto decides" in said


def test_which_class_scores_how_stands_at_the_end(tmp_path: Path) -> None:
    result = train(chance(tmp_path / "data"), "--train", "head")
    assert "Found of each class, the worst first" in result.stdout
    assert len(re.findall(r"^│ c\d +│ +12 │", result.stdout, re.MULTILINE)) == 3
    assert "Most often confused: 'c" in result.stdout
