"""`topwork explain`: the files that it writes, and what it says."""

import json
import shutil
from pathlib import Path

import pytest

from tests import small
from tests.cli.commands import good, run
from topwork.runs.train import train


def test_images(saved: Path, digits: Path, tmp_path: Path, broken: Path) -> None:
    out = tmp_path / "why"
    (tmp_path / "one").mkdir()
    same_name = shutil.copy(digits / "two" / "0.png", tmp_path / "one" / "0.png")
    words = ("explain", saved, digits / "one" / "0.png", same_name, broken, "--out", out)
    result = good(*words)
    assert sorted(path.name for path in out.iterdir()) == ["0-2.png", "0.png"]
    assert f"{digits / 'one' / '0.png'}: one (" in " ".join(result.stdout.split())
    assert "for it: " in result.stdout
    assert f"{broken} cannot be explained" in " ".join(result.stderr.split())
    refused = run(*words)
    assert refused.exit_code == 2
    assert "0.png' already" in refused.stderr
    again = good(*words, "--overwrite", "--json", "--label", "two")
    told = json.loads(again.stdout)
    assert [one["label"] for one in told] == ["two", "two"]
    assert [Path(one["file"]).name for one in told] == ["0.png", "0-2.png"]
    assert len(told[0]["parts"]) == 49
    alone = run("explain", saved, broken, "--out", out)
    assert (alone.exit_code, alone.stdout) == (3, "")
    wrong = run("explain", saved, digits / "one" / "0.png", "--out", tmp_path, "--label", "cat")
    assert wrong.exit_code == 2
    assert "'cat'; accepted: one, two, zero" in wrong.stderr


def test_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small.write_texts(tmp_path / "texts.csv")
    train(data, backbone=small.tiny_text_backbone(), train="head", num_repeats=1,
          out=tmp_path / "model")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    said = good("explain", "model", "my card is [lost]", "rain and fog")
    assert "my card is [lost]" in said.stdout
    assert sorted(path.name for path in Path("explained").iterdir()) == [
        "input_0.html", "input_1.html",
    ]  # fmt: skip
    assert ">card</mark>" in Path("explained/input_0.html").read_text()
    missing = run("explain", "model", "nowhere.txt")
    assert missing.exit_code == 3
    assert "topwork explain MODEL -" in missing.stderr
