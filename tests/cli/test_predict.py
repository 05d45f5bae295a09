"""`topwork predict`: its forms, and what cannot be read."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import small
from tests.cli.commands import good, run


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
    assert list(rows[0]) == ["file", "label", "probability", "unknown", *small.NAMES, "error"]
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


def test_predict_as_json(saved: Path, digits: Path, broken: Path) -> None:
    words = ("predict", saved, digits / "one" / "0.png", broken)
    lines = run(*words, "--format", "jsonl").stdout.splitlines()
    for asked in (("--json",), ("--format", "json"), ("--json", "--format", "json")):
        assert json.loads(run(*words, *asked).stdout) == [json.loads(line) for line in lines]
    refused = run(*words, "--json", "--format", "csv")
    assert refused.exit_code == 2
    assert "--format csv and --json" in refused.stderr
    refused = run(*words, "--json", "--out", broken.parent / "a.csv")
    assert refused.exit_code == 2
    assert "--out and --format json" in refused.stderr


def test_predict_rejects_what_belongs_to_no_class(saved: Path, tmp_path: Path) -> None:
    rng, found = np.random.default_rng(0), []
    pictures = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), *small.colours(4, 2)[0]]
    for number, picture in enumerate(pictures):
        path = tmp_path / f"{number}.png"
        Image.fromarray(picture).save(path)
        found.append((json.loads(predict(saved, path, "--format", "jsonl")), path))
    plain, path = min(found, key=lambda one: one[0]["ood"])
    assert plain["ood"] <= 0.1  # random weights see little: of the strangest alone
    path.rename(tmp_path / "noise.png")
    assert plain["label"] in small.NAMES
    for rate in ("10%", "0.1"):
        text = predict(saved, tmp_path / "noise.png", "--reject", rate)
        probability = f"{plain['probability']:.4f}"
        assert text.split("\t")[1:] == [plain["label"], probability, "unknown\n"]
    told = predict(saved, tmp_path / "noise.png", "--reject", "10%", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(told))
    assert (row["label"], row["unknown"]) == (plain["label"], "yes")
    assert " unknown " in predict(
        saved, tmp_path / "noise.png", "--reject", "10%", "--format", "table"
    )


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
    quiet = run("predict", saved, broken, image, "--quiet")
    assert (quiet.stdout, quiet.stderr) == (some.stdout, some.stderr)  # it is no remark
    none = run("predict", saved, broken)
    assert (none.exit_code, none.stdout) == (3, "")
    strict = run("predict", saved, image, broken, "--strict")
    assert strict.exit_code == 3
    assert strict.stderr.startswith(f"Error: {broken}: ")
    missing = run("predict", saved, image, broken.parent / "gone.png")
    assert missing.exit_code == 3
    assert "gone.png" in missing.stderr


def test_a_line_each_whatever_the_names_are(saved: Path, digits: Path, tmp_path: Path) -> None:
    picture = (digits / "one" / "0.png").read_bytes()
    names = ["a\tb.png", "c\nd.png", "\x1b[31mred.png", "\u202etxt.png"]
    for name in names:
        (tmp_path / name).write_bytes(picture)
    told = predict(saved, *(tmp_path / name for name in names))
    rows = [line.split("\t") for line in told.split("\n")[:-1]]
    assert [row[0].rsplit("/", 1)[1] for row in rows] == [
        r"a\tb.png", r"c\nd.png", r"\x1b[31mred.png", r"\u202etxt.png"
    ]  # fmt: skip
    assert {row[1] for row in rows} == {"one"}
    for form in ("lines", "table"):
        shown = run("predict", saved, *(tmp_path / name for name in names), "--format", form)
        assert not set("\x1b\u202e") & set(shown.output)


def test_cells_that_a_spreadsheet_takes_for_formulas(
    saved: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "=1+1.png").write_bytes((digits / "one" / "0.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    plain = good("predict", saved, "=1+1.png", "--format", "csv")
    assert plain.stdout.splitlines()[1].startswith("=1+1.png,one,")
    assert "1 cells begin with" in plain.stderr
    assert "--guard-cells" in plain.stderr
    guarded = good("predict", saved, "=1+1.png", "--format", "csv", "--guard-cells")
    assert guarded.stdout.splitlines()[1].startswith("'=1+1.png,one,")
    assert guarded.stderr == ""
    refused = run("predict", saved, "=1+1.png", "--guard-cells")
    assert refused.exit_code == 2
    assert "--format lines; accepted: csv" in refused.stderr


@pytest.fixture(scope="module")
def read_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of texts."""
    folder = tmp_path_factory.mktemp("texts")
    rows = [f"a {word} meal {i},{label}" for i in range(6)
            for word, label in (("lovely", "good"), ("horrid", "bad"))]  # fmt: skip
    (folder / "t.csv").write_text("\n".join(["text,label", *rows]))
    good("train", folder / "t.csv", "--train", "head", "--out", folder / "model")
    return folder / "model"


@pytest.mark.parametrize("text", ["lovely", "great!", "and/or", "今天天气很好", "v1.10", "a b"])
def test_a_text_of_one_word(read_texts: Path, text: str) -> None:
    name, label, _ = predict(read_texts, text).split("\t")
    assert name == "input 0"
    assert label in ("good", "bad")


def test_a_file_of_texts_that_is_not_there(read_texts: Path) -> None:
    refused = run("predict", read_texts, "tickts.csv")
    assert refused.exit_code == 3
    assert "no file 'tickts.csv'" in refused.stderr
    assert "topwork predict" in refused.stderr


def test_texts_that_the_tokenizer_does_not_know(read_texts: Path) -> None:
    told = good("predict", read_texts, "ምግብ ቡና ዳቦ", "ኳስ ጨዋታ ቡድን")
    assert "Of 2 of 2 texts" in told.stderr
    assert "knows 0% of the letters" in told.stderr
    assert good("predict", read_texts, "a lovely meal").stderr == ""


def test_columns_that_training_was_told(tmp_path: Path) -> None:
    rows = [f"{i},a {word} meal {i},{label}" for i in range(6)
            for word, label in (("lovely", "good"), ("horrid", "bad"))]  # fmt: skip
    (tmp_path / "t.csv").write_text("\n".join(["comment,betreff,art", *rows]))
    told = ("--input-column", "betreff", "--label-column", "art", "--train", "head")
    model = tmp_path / "model"
    good("train", tmp_path / "t.csv", *told, "--out", model)
    (tmp_path / "new.csv").write_text("comment,betreff,art\n7,a lovely day,good\n8,a bad day,bad\n")
    named = good("predict", model, tmp_path / "new.csv", "--format", "jsonl").stdout
    asked = good("predict", model, "a lovely day", "a bad day", "--format", "jsonl").stdout
    for one, other in zip(named.splitlines(), asked.splitlines(), strict=True):
        assert json.loads(one)["probabilities"] == json.loads(other)["probabilities"]
    scored = json.loads(good("evaluate", model, tmp_path / "new.csv", "--json").stdout)
    assert scored["num_examples"] == 2
    (tmp_path / "other.csv").write_text("text\nmore\n")  # where it is not there, the usual names
    assert "other.csv[0]" in good("predict", model, tmp_path / "other.csv").stdout
    refused = run("predict", model, "a text", "--input-column", "betreff")
    assert refused.exit_code == 2
    assert "no columns; accepted with a table" in refused.stderr


def test_predict_into_a_table(saved: Path, digits: Path, tmp_path: Path) -> None:
    rows = [(digits / "two" / "0.png", "=1+1"), (tmp_path / "none.png", ""),
            (digits / "one" / "1.png", "c")]  # fmt: skip
    (tmp_path / "new.csv").write_text(
        "file,error\n" + "".join(f"{file},{note}\n" for file, note in rows)
    )
    out = tmp_path / "scored.csv"
    words = ("predict", saved, tmp_path / "new.csv", "--out", out)
    told = good(*words)
    assert told.stdout == ""
    assert "what is predicted is in 'predicted_error'" in told.stderr
    assert "3 rows, 6 columns" in told.stderr
    assert "1 of 3 inputs could not be read" in told.stderr
    assert "--guard-cells puts an apostrophe before them" in told.stderr
    found = list(csv.DictReader(out.read_text().splitlines()))
    assert list(found[0]) == [
        "file", "error", "label", "probability", "unknown", "predicted_error",
    ]  # fmt: skip
    assert [row["label"] for row in found] == ["two", "", "one"]
    assert (found[0]["error"], found[0]["unknown"]) == ("=1+1", "no")
    assert "no such file" in found[1]["predicted_error"]
    refused = run(*words)
    assert refused.exit_code == 2
    assert "is there already" in refused.stderr
    assert good(*words, "--overwrite", "--guard-cells", "--quiet").stdout == ""
    assert next(csv.DictReader(out.read_text().splitlines()))["error"] == "'=1+1"


def test_predict_files_into_a_table(saved: Path, digits: Path, tmp_path: Path) -> None:
    files = [digits / "two" / "0.png", digits / "one" / "1.png"]
    good("predict", saved, *files, "--out", tmp_path / "scored.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == list(map(str, files))
    assert [line["label"] for line in lines] == ["two", "one"]


def test_what_a_table_of_predictions_is_not_given_with(saved: Path, digits: Path) -> None:
    words = ("predict", saved, digits / "two" / "0.png")
    for more, message in (
        (("--out", "a.xlsx"), "accepted: a name that ends in .csv"),
        (("--out", "a.csv", "--format", "jsonl"), "--out and --format jsonl were both given"),
        (("--out", "a.csv", "--timeline"), "--out and --timeline were both given"),
        (("--overwrite",), "--overwrite was given without --out"),
        (("--out", "a.jsonl", "--guard-cells"), "accepted: csv"),
    ):
        refused = run(*words, *more)
        assert refused.exit_code == 2
        assert message in " ".join(refused.stderr.split())
