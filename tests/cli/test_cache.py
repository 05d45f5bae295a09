"""What is kept, and how it is cleaned."""

from pathlib import Path

import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.cli import cache
from topwork.cli.cache import clean_to, parse_size, readable, show_cache, summarise
from topwork.errors import SettingError, StoreError
from topwork.runs.train import train


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("0", 0), ("12", 12), ("12B", 12), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000),
     ("2kb", 2000), (" 1tb ", 10**12), ("0.5KB", 500)],
)  # fmt: skip
def test_sizes(text: str, num_bytes: int) -> None:
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "3XB", "2 MB free", "1.GB", "١x"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match="accepted: a number and one of B, KB, MB, GB, TB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"),
     (10**9, "1.0 GB"), (3 * 10**12, "3.0 TB")],
)  # fmt: skip
def test_sizes_for_a_person(num_bytes: int, text: str) -> None:
    assert readable(num_bytes) == text


def test_an_empty_cache(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarise() == {
        "folder": str(own), "features": [], "compiled_bytes": 0, "folds_bytes": 0,
        "training_bytes": 0,
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
    assert [(space["backbone"], space["num_examples"]) for space in found["features"]] == [
        ("tiny", 8)
    ]
    assert min(found["features"][0]["size_bytes"], found["compiled_bytes"]) > 0
    assert found["folds_bytes"] > 0
    show_cache()
    printed = capsys.readouterr().out
    assert "tiny" in printed
    assert str(own)[:20] in printed

    assert clean_to(10**9) == 0
    assert summarise()["features"] == found["features"]
    freed = clean_to(1)
    assert freed >= found["features"][0]["size_bytes"] * 0.9
    after = summarise()
    assert sum(space["num_examples"] for space in after["features"]) == 0
    assert after["compiled_bytes"] == found["compiled_bytes"]
    (own / "training").mkdir()
    (own / "training" / "checkpoint").write_bytes(b"1234")
    assert summarise()["training_bytes"] == 4
    assert clean_to(0) > 0
    empty = summarise()
    assert (empty["compiled_bytes"], empty["folds_bytes"], empty["training_bytes"]) == (0, 0, 0)
    again = train(images, labels, backbone=tiny_backbone, num_repeats=1)
    assert again.evaluation == first.evaluation


def test_a_disk_that_refuses(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache.FeatureStore, "clean", refuse)
    with pytest.raises(StoreError, match="Cleaning the cache failed: Permission denied"):
        clean_to(0)
