"""`topwork evaluate`: scores on labelled examples."""

import json
from pathlib import Path

from PIL import Image

from tests import small
from tests.cli.commands import good, run
from topwork.evaluation.metrics import Evaluation


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


def test_evaluate_what_was_learned(saved: Path, digits: Path, tmp_path: Path) -> None:
    refused = run("evaluate", saved, digits)
    assert refused.exit_code == 3
    assert "trained on all 30 examples" in refused.stderr
    assert "--include-known" in refused.stderr
    asked = good("evaluate", saved, digits, "--include-known", "--json")
    assert json.loads(asked.stdout)["num_examples"] == 30
    mixed = small.write_folder(tmp_path / "mixed", small.digit_pictures(13))
    some = good("evaluate", saved, mixed)
    assert "trained on 30 of the 39 examples" in some.stderr
    told = json.loads(good("evaluate", saved, mixed, "--json").stdout)
    assert (told["num_examples"], len(told["skipped"])) == (9, 30)
    assert told["skipped"][0]["reason"] == "the model was trained on it"
