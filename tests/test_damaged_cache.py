"""A run on a damaged cache: the scores of a fresh one, and a warning."""

import random
from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.model.model import Model, load
from topwork.runs.train import train


def run(tiny_backbone: Backbone, out: Path, **settings: object) -> Model:
    images, labels = small.colours(2, 8)
    train(images, labels, backbone=tiny_backbone, out=out, **settings)  # type: ignore[arg-type]
    return load(out)


def probabilities(model: Model) -> np.ndarray:
    return model.predict_proba(small.colours(2, 4)[0])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.mark.parametrize("harm", ["a byte", "zeros", "cut"])
@pytest.mark.parametrize("settings", [{"num_repeats": 1}, {"train": "last:1", "epochs": 2}])
def test_damage_anywhere_in_the_cache_changes_no_score(
    own: Path,
    tiny_backbone: Backbone,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: str,
    settings: dict[str, object],
) -> None:
    places = random.Random(harm)
    fresh = run(tiny_backbone, tmp_path / "fresh", **settings)
    expected = probabilities(fresh)
    kept = [path for path in sorted(own.rglob("*")) if path.is_file() and path.stat().st_size]
    kinds = {path.relative_to(own).parts[0] for path in kept}
    assert {"features", "compiled", "folds"} <= kinds
    for path in kept:
        data = bytearray(path.read_bytes())
        at = places.randrange(len(data))
        if harm == "a byte":
            data[at] ^= places.randrange(1, 256)
        elif harm == "zeros":
            data[at:] = bytes(len(data) - at)
        else:
            del data[at:]
        path.write_bytes(data)
    caplog.clear()
    again = run(tiny_backbone, tmp_path / "again", **settings)
    assert again.evaluation == fresh.evaluation
    assert fresh.evaluation is not None
    np.testing.assert_array_equal(probabilities(again), expected)
    assert caplog.text.count("damaged") >= 3
    caplog.clear()
    run(tiny_backbone, tmp_path / "third", **settings)
    assert "damaged" not in caplog.text  # what was damaged is whole again
