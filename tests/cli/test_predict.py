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
    assert plain["ood"] <= 0.1
    for rate in ("10%", "0.1"):
        text = predict(saved, tmp_path / "noise.png", "--reject", rate)
        assert text.split("\t")[1:] == ["unknown", f"{1 - plain['ood']:.4f}\n"]


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
