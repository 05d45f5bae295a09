"""The head alone, or blocks trained too where that pays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import BackboneError, SettingError, TrainingError
from topwork.heads.labels import Labels
from topwork.runs.train import train
from topwork.training import candidates
from topwork.training.candidates import Incumbent
from topwork.training.selection import Selection
from topwork.training.strategy import Strategy

QUICK: dict[str, Any] = {"num_folds": 2, "epochs": 2, "num_views": 2, "augment": ["shift"]}


def of_chance() -> tuple[list[small.Pixels], list[str]]:
    """Return pictures with labels that nothing in them tells."""
    images, _ = small.colours(3, 12)
    return images, [f"c{i % 3}" for i in range(36)]


def test_too_few_errors_are_not_worth_a_trial(digits: Path, tiny_backbone: Backbone) -> None:
    stages: set[str] = set()
    model = train(digits, backbone=tiny_backbone, on_progress=lambda stage, *_: stages.add(stage))
    assert model.recipe.train == "auto"
    assert model.selection.strategy == "head"
    assert "30 examples left out it gets 0 wrong" in model.selection.reason
    assert [row.strategy for row in model.selection.candidates] == ["head"]
    assert stages == {"read", "features", "cross-validate"}


def test_auto_tries_what_goes_deeper(tiny_backbone: Backbone) -> None:
    images, labels = of_chance()
    stages: set[str] = set()
    model = train(
        images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK, time_limit="5m",
        on_progress=lambda stage, *_: stages.add(stage),
    )  # fmt: skip
    assert stages >= {"read", "features", "cross-validate", "views", "try last:1"}
    selection = model.selection
    assert [row.strategy for row in selection.candidates][:2] == ["head", "last:1"]
    head, deeper = selection.candidates[:2]
    assert head.num_examples == 36
    assert head.gain is None
    assert deeper.gain is not None
    assert selection.reason
    assert selection.strategy in [row.strategy for row in selection.candidates]
    assert bool(selection.trained) == (selection.strategy != "head")
    assert model.recipe.train == "auto"


def test_auto_takes_what_pays(
    digits: Path, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_wrong(chances: object, labels: Labels, seconds: float) -> Incumbent:
        right = np.zeros(len(labels.classes))
        return Incumbent(strategy=Strategy(kind="head"), right=right, seconds=seconds)

    monkeypatch.setattr(Incumbent, "of_head", always_wrong)
    settings = {**QUICK, "epochs": 25, "lr": 3e-3, "batch_size": 8, "num_repeats": 1}
    model = train(digits, backbone=tiny_backbone, **settings)
    assert model.selection.strategy == "last:1"
    assert model.selection.reason.startswith("last:1: ")
    assert [row.verdict for row in model.selection.candidates] == ["", "taken"]
    assert model.selection.trained.startswith("The last block and a linear head")
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value == model.selection.candidates[1].accuracy.value


@pytest.mark.parametrize("error", [BackboneError, TrainingError])
def test_auto_stays_with_the_head_where_nothing_deeper_can_be_trained(
    error: type[Exception], tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, **settings: object) -> None:
        raise error("It is made of glass.")

    monkeypatch.setattr(candidates, "cross_validate", fails)
    images, labels = of_chance()
    model = train(images, labels, backbone=tiny_backbone, num_repeats=1, **QUICK)
    assert model.selection.reason == (
        "The head alone: last:1 could not be trained. It is made of glass."
    )
    assert model.selection.candidates[1].verdict == "not taken: it could not be trained"


def test_auto_leaves_nearest_as_it_is(tiny_backbone: Backbone) -> None:
    images, labels = of_chance()
    model = train(images, labels, backbone=tiny_backbone, num_repeats=1, head="nearest")
    assert model.selection.strategy == "head"
    assert model.selection.reason.startswith("The head alone: `nearest` compares")


def test_auto_without_weights_to_save_is_the_head(digits: Path, tmp_path: Path) -> None:
    model = train(digits, backbone=small.SMALL, num_repeats=1, out=tmp_path / "m", weights=False)
    assert model.recipe.train == "head"
    assert model.selection == Selection(strategy="head")
    with pytest.raises(SettingError, match=r"without weights, so the head.* epochs is 2"):
        train(digits, backbone=small.SMALL, epochs=2, out=tmp_path / "n", weights=False)
