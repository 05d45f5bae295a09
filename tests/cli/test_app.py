"""The commands: what they print and where, exit codes, and what stopping them leaves."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tests import small
from topwork.backbones.catalog import list_backbones
from topwork.cli.app import app
from topwork.cli.shell import STOPPED
from topwork.core import files
from topwork.evaluation.metrics import Evaluation
from topwork.runs import train as pipeline

COMMANDS = ("train", "pretrain", "predict", "evaluate", "embed", "backbones", "cache", "demo")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def good(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def train(data: object, *arguments: object) -> Result:
    return run("train", data, "--backbone", small.SMALL, *arguments)


@pytest.fixture
def test_digits(tmp_path: Path) -> Path:
    return small.write_folder(tmp_path / "test", small.digit_pictures(3, skip=10))


@pytest.fixture
def broken(digits: Path, tmp_path: Path) -> Path:
    (tmp_path / "broken.png").write_bytes(b"text")
    return tmp_path / "broken.png"


# --- train


def test_train_prints_a_table(digits: Path, tmp_path: Path) -> None:
    result = train(digits, "--out", tmp_path / "pets")
    assert result.exit_code == 0, result.output
    assert "30 examples of 3 classes" in result.stdout
    assert re.search(r"accuracy +│ +\d\.\d{3} +\(\d\.\d{3} to \d\.\d{3}\)", result.stdout)
    assert "5-fold cross-validation" in result.stdout
    assert "commonest class" in result.stdout
    assert "Next: topwork predict" in result.stdout.replace("\n", " ")
    assert result.stderr == ""
    assert (tmp_path / "pets" / "model.json").is_file()


def test_train_prints_json_and_nothing_else(digits: Path) -> None:
    result = train(digits, "--json")
    data = json.loads(result.stdout)
    assert result.stderr == ""
    accuracy = data["evaluation"]["accuracy"]
    assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    assert set(data["evaluation"]) == set(Evaluation.__dataclass_fields__)
    assert (data["model"], data["test"]) == (None, None)
    assert data["classes"] == list(small.NAMES)
    assert data["backbone"]["name"] == small.SMALL


def test_train_with_another_head(digits: Path, tmp_path: Path) -> None:
    result = train(digits, "--head", "nearest", "--out", tmp_path / "near")
    assert "Head: one dense layer, on" in result.stdout
    assert 'head = "nearest"' in (tmp_path / "near" / "recipe.toml").read_text()
    refused = train(digits, "--head", "mlp:")
    assert refused.exit_code == 2
    assert "head is 'mlp:'; accepted: kernel, linear, nearest, or mlp:" in refused.stderr


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
    root = small.write_folder(tmp_path / "data", small.digit_pictures(4))
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
    assert strict.stderr.startswith("Error: one/broken.png: ")


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


# --- predict


def predict(saved: Path, *arguments: object) -> str:
    return good("predict", saved, *arguments).stdout


def test_predict_a_line_an_image(saved: Path, digits: Path) -> None:
    paths = [digits / "two" / "0.png", digits / "one" / "1.png", digits / "two" / "0.png"]
    lines = [line.split("\t") for line in predict(saved, *paths).splitlines()]
    assert [line[:2] for line in lines] == [
        [str(paths[0]), "two"], [str(paths[1]), "one"], [str(paths[0]), "two"],
    ]  # fmt: skip
    assert all(0 < float(line[2]) <= 1 for line in lines)


def test_predict_as_csv_and_jsonl(saved: Path, digits: Path, tmp_path: Path, broken: Path) -> None:
    odd = tmp_path / 'a "b", ü.png'
    odd.write_bytes((digits / "one" / "0.png").read_bytes())
    text = run("predict", saved, odd, broken, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["file", "label", "probability", *small.NAMES, "error"]
    assert [row["file"] for row in rows] == [str(odd), str(broken)]
    assert (rows[0]["label"], rows[0]["error"], rows[1]["label"]) == ("one", "", "")
    assert rows[1]["error"]
    assert sum(float(rows[0][name]) for name in small.NAMES) == pytest.approx(1, abs=1e-5)
    text = run("predict", saved, odd, broken, "--format", "jsonl").stdout
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["file"] for line in lines] == [str(odd), str(broken)]
    assert lines[0]["probabilities"]["one"] == lines[0]["probability"]
    assert (lines[0]["error"], lines[1]["label"]) == (None, None)
    assert f"{lines[0]['probability']:.6f}" == rows[0]["probability"]


def test_predict_rejects_what_belongs_to_no_class(saved: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    plain = json.loads(predict(saved, tmp_path / "noise.png", "--format", "jsonl"))
    assert plain["label"] in small.NAMES
    assert plain["foreign"] <= 0.1
    for rate in ("10%", "0.1"):
        text = predict(saved, tmp_path / "noise.png", "--reject", rate)
        assert text.split("\t")[1:] == ["neither", f"{1 - plain['foreign']:.4f}\n"]


def test_predict_as_a_table(saved: Path, digits: Path, broken: Path) -> None:
    text = run("predict", saved, digits / "one" / "0.png", broken, "--format", "table").stdout
    assert "probability" in text
    assert re.search(r"│ one +│ \d\.\d{3}", text)


def test_predict_a_folder(saved: Path, digits: Path) -> None:
    lines = predict(saved, digits).splitlines()
    assert [line.split("\t")[0] for line in lines] == sorted(map(str, digits.rglob("*.png")))


def test_predict_what_cannot_be_read(saved: Path, digits: Path, broken: Path) -> None:
    image = digits / "one" / "0.png"
    some = run("predict", saved, broken, image)
    assert some.exit_code == 0
    assert len(some.stdout.splitlines()) == 1
    assert some.stderr.startswith(f"1 of 2 inputs could not be read:\n  {broken}: ")
    assert run("predict", saved, broken, image, "--quiet").stderr == ""
    none = run("predict", saved, broken)
    assert (none.exit_code, none.stdout) == (3, "")
    strict = run("predict", saved, image, broken, "--strict")
    assert strict.exit_code == 3
    assert strict.stderr.startswith(f"Error: {broken}: ")
    missing = run("predict", saved, image, broken.parent / "gone.png")
    assert missing.exit_code == 3
    assert "gone.png" in missing.stderr


# --- evaluate


def test_evaluate(saved: Path, test_digits: Path) -> None:
    (test_digits / "one" / "broken.png").write_bytes(b"text")
    result = good("evaluate", saved, test_digits)
    assert "By class" in result.stdout
    assert "Confusion" in result.stdout
    assert "one/broken.png" in result.stderr
    quiet = good("evaluate", saved, test_digits, "--quiet")
    assert quiet.stderr == ""
    as_json = good("evaluate", saved, test_digits, "--json")
    found = Evaluation.from_dict(json.loads(as_json.stdout))
    assert (found.num_examples, len(found.skipped), as_json.stderr) == (9, 1, "")
    assert f"{found.accuracy.value:.3f}  ({found.accuracy.low:.3f} to" in result.stdout


def test_evaluate_classes_that_are_not_known(saved: Path, tmp_path: Path) -> None:
    images = small.digit_pictures(1)["one"]
    root = small.write_folder(tmp_path / "test", {"one": images, "cat": images})
    Image.new("L", (9, 9)).save(root / "cat" / "0.png")
    result = run("evaluate", saved, root)
    assert result.exit_code == 3
    assert "does not know: cat" in result.stderr


# --- embed


def test_embed(digits: Path, tmp_path: Path) -> None:
    words = ("embed", digits, "--backbone", small.SMALL, "--out")
    first = good(*words, tmp_path / "a")
    table = pq.read_table(tmp_path / "a" / "features.parquet")
    assert table.num_rows == 30
    assert "30 rows" in first.stdout
    second = good(*words, tmp_path / "b", "--pools", "mean,max")
    assert "(0 computed, 30 found on disk)" in second.stdout
    wider = pq.read_table(tmp_path / "b" / "features.parquet")
    assert wider.num_columns > table.num_columns
    for name in table.column_names:
        assert wider[name].equals(table[name])
    refused = run(*words, tmp_path / "a")
    assert refused.exit_code == 2
    assert "is there already" in refused.stderr
    quiet = good(*words, tmp_path / "a", "--overwrite", "--quiet")
    assert quiet.output == ""
    assert run(*words, tmp_path / "c", "--pools", "median").exit_code == 2


# --- backbones, cache, help


def test_backbones() -> None:
    text = good("backbones").stdout
    for row in list_backbones():
        assert row.name in text
    assert "Apache-2.0" in text
    rows = json.loads(good("backbones", "--json").stdout)
    assert rows[0]["name"] == "efficientnet-lite0"
    assert set(rows[0]["card"]) == {
        "licence", "pretrained_on", "num_pretraining_examples", "source",
    }  # fmt: skip


def test_cache(tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "cache"))
    assert "No features are kept" in good("cache").stdout
    data = json.loads(good("cache", "--json").stdout)
    assert (data["folder"], data["features"]) == (str(tmp_path / "cache"), [])
    pipeline.train(*small.colours(2, 3), backbone=small.tiny_backbone())
    assert "tiny" in good("cache").stdout
    assert good("cache", "clean", "--max-size", "5GB").stdout == "Freed 0 bytes.\n"
    assert re.match(r"Freed \d+\.\d .B\.\n", good("cache", "clean").stdout)
    assert "No features are kept" in good("cache").stdout
    wrong = run("cache", "clean", "--max-size", "3XB")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "accepted: a number and one of B, KB, MB, GB, TB" in wrong.stderr


def test_help_names_every_command() -> None:
    text = good("--help").stdout
    for name in COMMANDS:
        assert name in text
        assert "Usage" in good(name, "--help").stdout
    assert run().exit_code == 2


# --- errors


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
        (("train", digits, "--device", "abacus"), 2, "The device is 'abacus'; accepted: auto"),
        (("train", digits, "--out", tmp_path / "foreign"), 6, "holds no Topwork model"),
        (("train", digits, "--recipe", tmp_path / "recipe.toml"), 2, "has 'epochs'"),
        (("train", digits, "--recipe", tmp_path / "none.toml"), 2, "cannot be read"),
        (("train", digits / "one"), 3, "nothing that says the class"),
        ((*quick, "--train", "last:99"), 2, "the backbone 'timm/test_efficientnet?"),
        ((*quick, "--train", "top"), 2, "train is 'top'; accepted: auto, head, last:K"),
        ((*quick, "--fresh"), 2, "fresh is True; accepted: true with train = 'last:K'"),
        ((*quick, "--time-limit", "soon"), 2, "The time limit is 'soon'; accepted: hours"),
        ((*quick, "--train", "all", "--head", "nearest"), 2, "head is 'nearest' with train = 'al"),
        (("predict", saved, image, "--format", "xml"), 2, "accepted: lines, csv, jsonl, table"),
        (("predict", saved, image, "--reject", "some"), 2, "accepted: a share such as 5% or 0.05"),
        (("predict", saved, image, "--reject", "1%"), 2, "no rate below 1/31"),
        (("predict", saved, image, "--reject", "5%", "--timeline"), 2, "one of them"),
        (("predict", saved, image, "--device", "abacus"), 2, "The device is 'abacus'"),
        (("predict", tmp_path / "nowhere", image), 6, "no such folder"),
        (("predict", digits, image), 6, "it has no model.json"),
        (("evaluate", digits, test_digits), 6, "it has no model.json"),
        (("evaluate", saved, tmp_path / "nowhere"), 3, "There is no folder or file"),
        (("embed", tmp_path / "nowhere", "--out", tmp_path / "e"), 3, "There is no folder"),
        (("embed", digits, "--out", tmp_path / "e", "--backbone", "x"), 4, "'x'"),
    )
    for words, code, message in cases:
        result = run(*words)
        assert result.exit_code == code, (words, result.output)
        assert message in result.stderr, words
        assert result.stderr.startswith("Error: "), words
        assert result.stdout == "", words
        assert "Traceback" not in result.output
    assert run("train", digits, "--epochs", "3").exit_code == 2
    assert run("trane").exit_code == 2


# --- processes


@pytest.mark.slow
def test_a_process_predicts_without_torch(saved: Path, digits: Path) -> None:
    image = digits / "one" / "0.png"
    done = small.topwork("predict", saved, image, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert done.stdout.split("\t")[:2] == [str(image), "one"]
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "topwork.model.archive" in loaded
    assert not loaded & {"torch", "sklearn", "scipy", "timm", "pandas"}


@pytest.mark.slow
def test_a_second_training_does_without_torch(digits: Path, saved: Path) -> None:
    words = ("train", digits, "--train", "head", "--backbone", small.SMALL, "--json")
    done = small.topwork(*words, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0
    assert json.loads(done.stdout)["classes"] == list(small.NAMES)
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "topwork.runs.train" in loaded
    assert not loaded & {"torch", "sklearn", "timm"}


@pytest.mark.slow
def test_a_process_says_what_is_wrong_and_no_more(tmp_path: Path) -> None:
    done = small.topwork("train", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: There is no folder or file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "jsonl"])
def test_a_reader_that_has_seen_enough(form: str, saved: Path, digits: Path) -> None:
    paths = sorted(digits.rglob("*.png")) * 40  # more than a pipe holds
    words = small.command("predict", saved, *paths, "--format", form)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "0.png" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.slow
def test_a_reader_that_never_was(saved: Path, digits: Path) -> None:
    """The output fits the buffer, so that it is written only when the process ends."""
    words = small.command("predict", saved, digits / "one" / "0.png")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_disk_that_is_full(command: str, saved: Path, digits: Path) -> None:
    words = small.command(command, saved, digits)
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 5
    assert done.stderr == "Error: the output cannot be written: No space left on device.\n"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["lines", "csv", "jsonl", "table"])
def test_names_of_any_letters(form: str, saved: Path, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "数.png").write_bytes((digits / "one" / "0.png").read_bytes())
    words = small.command("predict", saved, "数.png", "--format", form)
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, capture_output=True, cwd=tmp_path, env=env, timeout=60)
    assert done.returncode == 0
    assert "数.png" in done.stdout.decode("utf-8")


@pytest.mark.slow
def test_bars_are_for_terminals_alone(digits: Path) -> None:
    words = ("train", digits, "--train", "head", "--backbone", small.SMALL)
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "100"}
    done = small.topwork(*words, env=terminal)
    assert done.returncode == 0
    assert "Cross-validation" in done.stderr
    assert "30/30" in done.stderr
    for option in ("--quiet", "--json"):
        assert small.topwork(*words, option, env=terminal).stderr == ""


SLOW = """
import os
import signal
import time
from pathlib import Path
from topwork.cli import app as cli
from topwork.executors import openvino
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
plain = openvino.OpenVINOExecutor.run
def slowly(self, inputs):
    for i, vector in enumerate(plain(self, inputs)):
        time.sleep(0.05)
        if i == 10:
            Path(os.environ["BEGUN"]).touch()
        yield vector
openvino.OpenVINOExecutor.run = slowly
cli.main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no Ctrl-C of this kind here")
def test_ctrl_c_keeps_what_was_computed(tmp_path: Path, saved: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8, 8), dtype=np.uint8) for _ in range(80)]
    root = small.write_folder(tmp_path / "data", {"a": images[:40], "b": images[40:]})
    words = ["train", str(root), "--backbone", small.SMALL, "--out", str(tmp_path / "model")]
    words += ["--train", "head"]
    begun = tmp_path / "begun"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "BEGUN": str(begun)},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == STOPPED
    assert out == ""
    assert not (tmp_path / "model").exists()
    assert list((files.cache_folder() / "features").rglob("*.part")) == []
    done: list[int] = []

    def told(stage: str, num: int, total: int) -> None:
        if stage == "features":
            done.append(num)

    pipeline.train(root, backbone=small.SMALL, num_repeats=1, on_progress=told)
    assert 10 <= done[0] < 80
    assert done[-1] == 80
