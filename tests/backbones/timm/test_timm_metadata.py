"""What timm says of a model is asked once, kept, and asked again where what is kept is damaged."""

from pathlib import Path

import pytest

from topwork.backbones.timm import timm_metadata as described
from topwork.core.files import CACHE_VARIABLE


def test_it_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    said = described.describe("resnet18")
    assert said["tag"] == "a1_in1k"
    assert said["input_size"] == [3, 224, 224] or said["input_size"] == (3, 224, 224)
    monkeypatch.setattr(described, "_ask", lambda _model: pytest.fail("asked again"))
    assert described.describe("resnet18")["crop_pct"] == said["crop_pct"]


def test_a_damaged_answer_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    described.describe("resnet18")
    (kept,) = (tmp_path / "backbones").iterdir()
    kept.write_text("{")
    assert described.describe("resnet18")["tag"] == "a1_in1k"


def test_versions_are_those_installed() -> None:
    import torch

    assert described.package_versions()["torch"].split("+")[0] == torch.__version__.split("+")[0]
