"""Blocks trained too, from the data to the model: every strategy, from the outside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topwork
from tests import small
from topwork.backbones.base import Backbone
from topwork.core.memo import memo_folder
from topwork.errors import SettingError
from topwork.model.model import Model, load
from topwork.runs.train import train
from topwork.training.selection import Selection

FineTuned = Callable[..., Model]

QUICK: dict[str, Any] = {"num_folds": 2, "epochs": 2, "num_views": 2, "augment": ["shift"]}


@pytest.fixture
def fine_tuned(digits: Path, tiny_backbone: Backbone) -> FineTuned:
    """Trains the tiny network on the digits, two epochs, two folds."""

    def run(**settings: Any) -> Model:
        return train(digits, **{"backbone": tiny_backbone, **QUICK, **settings})

    return run


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("last:1", "The last block and a linear head were trained"),
        ("all", "All 2 blocks and a linear head were trained"),
        ("contrast:1", "The last block was trained by pairs of examples, alike or not, and a"),
    ],
)
def test_a_strategy_gives_a_model(
    strategy: str, said: str, fine_tuned: FineTuned, digits: Path
) -> None:
    model = fine_tuned(train=strategy)
    assert model.selection == Selection(strategy=strategy, trained=model.selection.trained)
    assert model.selection.trained.startswith(said)
    assert "from the backbone's own weights: 2 epochs" in model.selection.trained
    assert "altered by shift" in model.selection.trained
    assert model.evaluation is not None
    assert model.evaluation.method == "2-fold cross-validation"
    assert model.evaluation.num_examples == 30
    assert model.backbone.name == f"tiny, {strategy} tuned"
    assert model.recipe.train == strategy
    assert model.recipe.backbone == "tiny"
    assert model.recipe.training.epochs == 2
    assert model.data.per_class == {"one": 10, "two": 10, "zero": 10}
    shown = model.predict_proba([digits / "one" / "0.png", digits / "two" / "0.png"])
    np.testing.assert_allclose(shown.sum(1), 1)


def test_foreign_inputs_are_told_by_answers_alone(
    fine_tuned: FineTuned, digits: Path, tmp_path: Path
) -> None:
    model = fine_tuned(train="last:1", out=tmp_path / "model")
    assert model.detector is not None
    assert model.oof_predictions is not None
    assert model.detector.views == ()  # the features learned the examples by heart
    assert len(model.detector.held_out) == 30
    assert model.ood is None  # nothing foreign is at hand
    images = sorted(digits.rglob("*.png"))
    shares, again = (
        [p.ood or 0.0 for p in one.predict(images)]  # type: ignore[union-attr]
        for one in (model, load(tmp_path / "model"))
    )
    assert min(shares) >= 1 / 31
    np.testing.assert_allclose(again, shares, atol=1.5 / 31)


def test_it_learns(fine_tuned: FineTuned) -> None:
    model = fine_tuned(train="all", epochs=25, batch_size=8, lr=1e-3, augment=[], num_folds=5)
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value > 0.8


def test_hidden_layers_go_with_blocks(fine_tuned: FineTuned) -> None:
    model = fine_tuned(train="last:1", head="mlp:8")
    assert "a head with hidden layers of 8 units" in model.selection.trained
    assert model.head.form == "hidden layers of 8 units"


def test_from_random_weights(digits: Path, tmp_path: Path) -> None:
    scratch = {"train": "scratch", "num_folds": 2, "epochs": 2, "augment": ["shift"]}
    for settings in (scratch, {**QUICK, "train": "last:1", "fresh": True}):
        model = train(digits, backbone=small.SMALL, out=tmp_path / "m", overwrite=True, **settings)
        assert "were trained from random weights: 2 epochs" in model.selection.trained
        loaded = topwork.load(tmp_path / "m")
        assert loaded.selection == model.selection
        one = [digits / "one" / "0.png"]
        expected = model.predict_proba(one)
        np.testing.assert_allclose(loaded.predict_proba(one), expected, atol=1e-6)
    assert train(digits, backbone=small.SMALL, **scratch).backbone.name.endswith(", from scratch")


def test_a_time_limit_makes_fewer_epochs_the_same_each_time(fine_tuned: FineTuned) -> None:
    first = fine_tuned(train="last:1", epochs=500, time_limit="1s")
    assert any("1 seconds were allowed" in note for note in first.notes)
    assert any("where 500 would be usual" in note for note in first.notes)
    again = fine_tuned(train="last:1", epochs=500, time_limit="1s")
    assert again.notes == first.notes
    assert again.selection == first.selection
    plenty = fine_tuned(train="last:1", time_limit="10m")
    assert plenty.notes == ("600 seconds were allowed: 2 epochs of each training.",)


def test_a_test_part_is_scored(tiny_backbone: Backbone, tmp_path: Path) -> None:
    small.write_folder(tmp_path / "train", small.digit_pictures(6))
    small.write_folder(tmp_path / "test", small.digit_pictures(4, skip=6))
    (tmp_path / "test" / "one" / "broken.png").write_bytes(b"text")
    model = train(tmp_path, backbone=tiny_backbone, train="last:1", **QUICK)
    assert model.test is not None
    assert model.test.num_examples == 12
    assert [one.name for one in model.data.skipped] == ["test/one/broken.png"]


def test_too_few_to_be_judged(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(3, 1)
    model = train(images, labels, backbone=tiny_backbone, train="last:1", epochs=1)
    assert model.evaluation is None
    assert any("There is no cross-validated score" in note for note in model.notes)


class Stopped(Exception):
    pass


def test_what_was_stopped_goes_on_or_begins_anew(fine_tuned: FineTuned) -> None:
    def told(until: int | None = None) -> tuple[list[int], Callable[[str, int, int], None]]:
        seen: list[int] = []

        def tell(stage: str, done: int, total: int) -> None:
            if stage == "train last:1":
                assert total == 4 * 3  # epochs; two folds, and all examples
                seen.append(done)
                if done == until:
                    raise Stopped

        return seen, tell

    # a seed of its own, so that no other test has kept a fold of it
    settings: dict[str, Any] = {"train": "last:1", "epochs": 4, "seed": 77}
    tunings = []
    for until in (6, 10):  # in the second fold; in the last training
        begun, tell = told(until)
        with pytest.raises(Stopped):
            fine_tuned(**settings, resume=False, on_progress=tell)
        assert begun[:3] == [0, 1, 2]
        resumed, tell = told()
        tunings.append(fine_tuned(**settings, on_progress=tell))
        assert next(done for done in resumed if done % 4) == {6: 7, 10: 11}[until]
        for path in memo_folder().glob("*"):
            path.unlink()
    whole, tell = told()
    tunings.append(fine_tuned(**settings, resume=False, on_progress=tell))
    assert sorted(set(whole)) == list(range(13))
    assert len({model.backbone.digest for model in tunings}) == 1


def test_a_log_for_tensorboard(fine_tuned: FineTuned, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    fine_tuned(train="last:1", log=tmp_path, seed=78)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "fold 1", "fold 2"]


# --- what is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": "last:2"}, r"'last:2', and .*'tiny' has 2 blocks"),
        ({"train": "last:99"}, "accepted: last:1 to last:1.*--train all"),
        ({"train": "lastly"}, "train is 'lastly'; accepted: auto, head"),
        ({"train": "scratch"}, "'tiny' is a module of your own"),
        ({"train": "last:1", "fresh": True}, "'tiny' is a module of your own"),
        ({"train": "last:1", "head": "nearest"}, "head is 'nearest' with train = 'last:1'"),
        ({"train": "last:1", "pools": ("mean",)}, r"pools is .*'mean'.* with train = 'last:1'"),
        ({"train": "all", "freeze": ["nothing"]}, "nothing"),
        ({"train": "last:1", "epochs": 0}, "epochs is 0; accepted: .*1 or more"),
        ({"train": "last:1", "training": 3}, r"training is 3; accepted: .*\[training\]"),
    ],
)
def test_settings_that_are_refused(
    settings: dict[str, Any], message: str, fine_tuned: FineTuned
) -> None:
    of_views = {"num_views": None} if settings["train"] == "scratch" else {}
    with pytest.raises(SettingError, match=message):
        fine_tuned(**of_views, **settings)


def test_a_tuned_model_is_not_to_be_saved_without_weights(
    fine_tuned: FineTuned, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"without weights.*train = 'all'.*weights=True"):
        fine_tuned(train="all", out=tmp_path / "m", weights=False)
    model = fine_tuned(train="last:1")
    with pytest.raises(SettingError, match=r"last:1: its weights are nowhere else"):
        model.save(tmp_path / "m", weights=False)
    assert not (tmp_path / "m").exists()
