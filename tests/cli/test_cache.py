"""`topwork cache`: what is kept, and how it is cleaned."""

import json
import os
import re
from pathlib import Path

import pytest

from tests import small
from tests.cli.commands import good, run
from topwork.backbones.base import Backbone
from topwork.cli.cache import clean_to, show_cache, summarise
from topwork.core import files
from topwork.errors import StoreError
from topwork.features.store import FeatureStore
from topwork.runs.train import train


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


def test_an_empty_cache(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarise() == {
        "folder": str(own), "features": [], "compiled_bytes": 0, "folds_bytes": 0,
        "training_bytes": 0, "total_bytes": 0,
    }  # fmt: skip
    show_cache()
    assert "No features are kept." in capsys.readouterr().out
    assert clean_to(0) == 0


def test_what_a_run_leaves_is_seen_and_cleaned(
    own: Path, tiny_backbone: Backbone, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = small.colours(2, 4)
    first = train(images, labels, backbone=tiny_backbone, num_repeats=1)
    found = summarise()
    kept = sorted((space["backbone"], space["num_examples"]) for space in found["features"])
    assert kept == [
        ("tiny", 8),
        ("tiny (zoom, rotate, shift, colour)", 8 * 2),
    ]
    assert min(found["features"][0]["size_bytes"], found["compiled_bytes"]) > 0
    assert found["folds_bytes"] > 0
    show_cache()
    printed = capsys.readouterr().out
    assert "tiny" in printed
    assert str(own)[:20] in printed

    assert clean_to(10**9) == 0
    assert summarise()["features"] == found["features"]
    assert found["total_bytes"] == files.folder_bytes(own)
    for path in (own / "compiled").rglob("*"):
        os.utime(path, (2, 2))
    freed = clean_to(found["total_bytes"] - 1)  # what was longest unused goes first
    assert 0 < freed < found["compiled_bytes"]
    after = summarise()
    assert after["total_bytes"] == found["total_bytes"] - freed
    assert after["features"] == found["features"]
    clean_to(1)
    assert summarise()["features"] == []
    (own / "training").mkdir()
    (own / "training" / "checkpoint").write_bytes(b"1234")
    assert summarise()["training_bytes"] == 4
    assert clean_to(0) > 0
    empty = summarise()
    assert (empty["compiled_bytes"], empty["folds_bytes"], empty["training_bytes"]) == (0, 0, 0)
    again = train(images, labels, backbone=tiny_backbone, num_repeats=1)
    assert again.evaluation == first.evaluation


def test_a_disk_that_refuses(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **settings: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FeatureStore, "by_use", refuse)
    with pytest.raises(StoreError, match=r"Cleaning the cache.*Permission denied"):
        clean_to(0)


def test_the_command(own: Path, tiny_backbone: Backbone) -> None:
    assert "No features are kept" in good("cache").stdout
    data = json.loads(good("cache", "--json").stdout)
    assert (data["folder"], data["features"]) == (str(own), [])
    train(*small.colours(2, 3), backbone=tiny_backbone)
    assert "tiny" in good("cache").stdout
    kept = good("cache", "clean", "--max-size", "5GB", "--json").stdout
    assert json.loads(kept) == {"freed_bytes": 0}
    assert good("cache", "clean", "--max-size", "5GB").stdout == "Freed 0 bytes.\n"
    assert re.match(r"Freed \d+\.\d .B\.\n", good("cache", "clean").stdout)
    assert "No features are kept" in good("cache").stdout
    wrong = run("cache", "clean", "--max-size", "3XB")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert re.search("3XB.*KB, MB, GB", wrong.stderr)
