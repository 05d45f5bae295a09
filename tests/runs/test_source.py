"""Examples and backbone that fit each other, and what is said of them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.examples.images.preprocessing import ImageInput
from topwork.runs.source import announce, examples_and_backbone
from topwork.runs.train import train


@pytest.fixture
def twelve_bits(tmp_path: Path) -> Path:
    """Two classes of six; the greatest value of all of them is 4,000 of 65,535."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 2_000)):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for i in range(6):
            values = rng.integers(low, low + 2_000, (32, 32)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "scans" / name / f"{i}.png")
    return tmp_path / "scans"


def test_as_many_bits_as_the_pictures_use(twelve_bits: Path) -> None:
    found, backbone = examples_and_backbone(twelve_bits, backbone=small.SMALL, call="train")
    assert backbone.name == f"{small.SMALL}&bits=12"
    assert isinstance(backbone.input, ImageInput)
    assert backbone.input.bits == 12
    assert get_backbone(backbone.name).digest == backbone.digest
    (said,) = found.decided
    assert "use 12 of their 16 bits" in said
    assert "?bits=16" in said
    _, whole = examples_and_backbone(twelve_bits, backbone=f"{small.SMALL}&bits=16", call="train")
    assert whole.name == f"{small.SMALL}&bits=16"


def test_a_network_in_memory_keeps_its_name(twelve_bits: Path, tiny_backbone: Backbone) -> None:
    _, backbone = examples_and_backbone(twelve_bits, backbone=tiny_backbone, call="train")
    assert backbone.name == tiny_backbone.name
    assert isinstance(backbone.input, ImageInput)
    assert backbone.input.bits == 12


def test_a_model_reads_the_bits_that_it_learned_from(twelve_bits: Path, tmp_path: Path) -> None:
    model = train(twelve_bits, backbone=small.SMALL, train="head", out=tmp_path / "model")
    assert model.recipe.backbone == f"{small.SMALL}&bits=12"
    bright = np.full((32, 32), 60_000, np.uint16)
    (prediction,) = model.predict([bright])  # type: ignore[misc]
    assert prediction.error is not None
    assert "60,000" in prediction.error or "60000" in prediction.error


def test_what_was_read_is_told(digits: Path, caplog: pytest.LogCaptureFixture) -> None:
    found, _ = examples_and_backbone(digits, backbone=small.SMALL, call="train")
    with caplog.at_level(logging.INFO, "topwork"):
        announce(found, strict=True)
    assert [one.getMessage() for one in caplog.records] == [
        f"{digits}: 30 images of 3 classes.",
        "Classes: one 10, two 10, zero 10.",
    ]


def test_every_door_leads_to_the_same_examples(tmp_path: Path) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    texts = [f"a text of number {i}" for i in range(12)]
    rows = {"text": texts, "label": ["x", "y"] * 6, "speaker": [str(i // 4) for i in range(12)]}
    frame = pandas.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    frame.to_json(tmp_path / "a.json")
    frame.to_json(tmp_path / "a.ndjson", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_parquet(tmp_path / "parts", partition_cols=["label"])
    doors = [frame, polars.DataFrame(rows), *sorted(tmp_path.iterdir())]
    assert len(doors) == 8
    backbone = small.tiny_text_backbone()
    seen = []
    for door in doors:
        found, _ = examples_and_backbone(door, backbone=backbone, call="train(inputs, labels)")
        seen.append(sorted((one.digest, one.label, one.group) for one in found.examples))
    assert all(one == seen[0] for one in seen)
    assert len(seen[0]) == 12
